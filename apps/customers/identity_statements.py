"""What was said of a person, and how statements of different times and sources make one profile. Pure.

A statement is a value and its rank: the time of the message in microseconds since 1970. The higher rank wins, at equal
rank the larger JSON text; None as the value says that the field was emptied. So the order in which statements arrive
does not matter. A negative rank marks what a message merely carried beside an id (its e-mail address): it fills an
empty field, the earliest wins, and anything really said beats it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from apps.customers import rules
from apps.customers.models import Customer

Statement = tuple[Any, int]
Said = dict[str, Statement]
"""Field ("name", "attributes.plan") -> (value, rank)."""

COLUMNS: Final = ("email", "phone", "name", "stage", "account", "language", "timezone", "unit")
ATTRIBUTE: Final = "attributes."
DEFAULT: Final = ""
"""The entry of ``said_at`` that holds for every field without one of its own."""
UNSAID: Final = -(2**62)
"""The rank of a default (the stage of somebody known by an id alone): anything beats it."""
MAX_DEPTH: Final = 5
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rank_of(at: datetime) -> int:
    """The rank of a statement made at this time."""
    return max(1, (at - EPOCH) // timedelta(microseconds=1))


def seen_rank_of(at: datetime) -> int:
    """The rank of a value that a message of this time carried without saying it: the earlier, the higher."""
    return -rank_of(at)


def beats(new: Statement, old: Statement) -> bool:
    """Whether one statement replaces another about the same field."""
    if new[1] != old[1]:
        return new[1] > old[1]
    return json_text(new[0]) > json_text(old[0])


def json_text(value: Any) -> str:
    """A value as JSON that compares the same whatever order its names stand in."""
    return json.dumps(value, sort_keys=True, default=str)


def lay_over(said: Said, more: Mapping[str, Statement]) -> bool:
    """Add statements in place; whether that changed anything. At most 100 attributes stay, the newest."""
    changed = False
    for field, statement in more.items():
        known = said.get(field)
        if known is None or beats(statement, known):
            said[field] = statement
            changed = True
    return trim(said) or changed if len(said) > rules.MAX_ATTRIBUTES else changed


def trim(said: Said) -> bool:
    """Keep the 100 attributes said last (of equal time the first by name), so that any order leaves the same ones."""
    attributes = [field for field in said if field.startswith(ATTRIBUTE)]
    surplus = sorted(attributes, key=lambda field: (-said[field][1], field))[rules.MAX_ATTRIBUTES :]
    for field in surplus:
        del said[field]
    return bool(surplus)


def fold(own: Iterable[Said], joined: Sequence[tuple[Said, int]] = ()) -> Said:
    """One profile of everything said.

    Args:
        own: what was said of the person under any of their identifiers; the newest wins field by field.
        joined: what was said of records that a colleague merged into this person, with the rank of the merge. Their
            attributes count by time like the others, and so does all that was said after the merge; of their other
            fields only those fill in that are empty here and were not emptied after the merge; a stage never is.
    """
    profile: Said = {}
    for said in own:
        lay_over(profile, said)
    fillings: Said = {}
    for said, merged_at in joined:
        equals = {field: each for field, each in said.items() if field.startswith(ATTRIBUTE) or each[1] > merged_at}
        lay_over(profile, equals)
    for said, merged_at in joined:
        for field, (value, rank) in said.items():
            if field.startswith(ATTRIBUTE) or field == "stage" or rank > merged_at or value is None:
                continue
            kept = profile.get(field)
            if kept is None or (kept[0] is None and kept[1] < merged_at):
                lay_over(fillings, {field: (value, rank)})
    profile.update(fillings)
    return profile


def said_of_columns(row: Mapping[str, Any]) -> Said:
    """The statements behind the columns of a row: COLUMNS (``unit`` an id's text), attributes, said_at, updated_at."""
    times: dict[str, int] = row["said_at"]
    default = times.get(DEFAULT)
    if default is None:
        default = rank_of(row["updated_at"])
    said: Said = {}
    for column in COLUMNS:
        if row[column]:
            said[column] = (row[column], times.get(column, default))
    for name, value in row["attributes"].items():
        field = ATTRIBUTE + name
        said[field] = (value, times.get(field, default))
    for field, rank in times.items():
        if field and field not in said:
            said[field] = (None, rank)
    return said


def columns_of(said: Said) -> dict[str, Any]:
    """The columns, attributes and said_at of a profile; ``said_of_columns`` reads the same statements back."""
    columns: dict[str, Any] = {
        "email": None, "phone": None, "name": "", "stage": Customer.Stage.CUSTOMER.value, "account": "",
        "language": "", "timezone": "", "unit": None,
    }  # fmt: skip
    attributes: dict[str, Any] = {}
    times: dict[str, int] = {}
    for field, (value, rank) in said.items():
        if value is not None:
            if field.startswith(ATTRIBUTE):
                attributes[field[len(ATTRIBUTE) :]] = value
            else:
                columns[field] = value
        times[field] = rank
    if "stage" not in said:
        times["stage"] = UNSAID
    valued = [rank for field, rank in times.items() if field in said and said[field][0] is not None]
    default = max(set(valued), key=lambda rank: (valued.count(rank), rank)) if valued else UNSAID
    said_at = {
        field: rank for field, rank in times.items() if rank != default or (field in said and said[field][0] is None)
    }
    said_at[DEFAULT] = default
    return {**columns, "attributes": attributes, "said_at": said_at}


def to_json(said: Said) -> dict[str, list[Any]]:
    """Statements as a JSON column holds them."""
    return {field: [value, rank] for field, (value, rank) in said.items()}


def from_json(stored: Mapping[str, Any] | None) -> Said:
    """Statements out of a JSON column."""
    return {field: (value, rank) for field, (value, rank) in (stored or {}).items()}


def said_by_values(values: Mapping[str, Any], rank: int) -> Said:
    """Statements from fields that were cleaned already (``services.clean_values``); empty ones empty the field."""
    said: Said = {}
    for name, value in values.items():
        if name == "attributes":
            said |= {ATTRIBUTE + inner: (each, rank) for inner, each in value.items()}
        elif name == "unit":
            said[name] = (str(getattr(value, "pk", value)) if value else None, rank)
        elif name in COLUMNS:
            said[name] = (value or None, rank)
    return said


def said_by_traits(traits: Mapping[str, Any], at: datetime) -> Said:
    """What the traits of a message say.

    ``email, phone, name`` (or ``firstName`` and ``lastName``), ``company`` or ``account``, ``language`` or ``locale``,
    ``timezone`` and ``stage`` are columns; everything else, and what does not fit its column, is an attribute. Objects
    become names with dots (``address.city``). Nothing is refused: what can be nobody's attribute is left out.
    """
    rank = rank_of(at)
    rest = dict(traits)
    said: Said = {}
    first, last = rest.get("firstName"), rest.get("lastName")
    if "name" not in rest and isinstance(first, str) and isinstance(last, str):
        rest["name"] = f"{first} {last}"
        del rest["firstName"], rest["lastName"]
    for trait, (column, clean) in TRAITS.items():
        if trait not in rest or column in said:
            continue
        value = rest[trait]
        if value is None or value == "":
            said[column] = (None, rank)
            del rest[trait]
            continue
        if column == "account" and isinstance(value, Mapping):
            value = value.get("id") or value.get("name")
        try:
            cleaned = clean(str(value)) if isinstance(value, str | int) and not isinstance(value, bool) else None
        except ValueError:
            cleaned = None
        if cleaned:
            said[column] = (cleaned, rank)
            if not isinstance(rest[trait], Mapping):
                del rest[trait]
    for name, value in flattened(rest).items():
        said.setdefault(ATTRIBUTE + name, (value, rank))
    trim(said)
    return said


def clean_stage(value: str) -> str:
    """A stage by its key, in any case. Raises ValueError."""
    return Customer.Stage(value.strip().lower()).value


TRAITS: Final[dict[str, tuple[str, Callable[[str], str | None]]]] = {
    "email": ("email", rules.clean_email),
    "phone": ("phone", rules.clean_phone),
    "name": ("name", rules.clean_text),
    "account": ("account", rules.clean_text),
    "company": ("account", rules.clean_text),
    "language": ("language", rules.clean_language),
    "locale": ("language", rules.clean_language),
    "timezone": ("timezone", rules.clean_timezone),
    "stage": ("stage", clean_stage),
}


def flattened(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Names and values as attributes can hold them (rules.py)."""
    found: list[tuple[str, Any]] = []
    pending: list[tuple[str, Any, int]] = [(str(name), value, 1) for name, value in traits.items()]
    while pending:
        name, value, depth = pending.pop()
        if isinstance(value, Mapping):
            if depth < MAX_DEPTH:
                pending += [(f"{name}.{inner}", each, depth + 1) for inner, each in value.items()]
            continue
        name = printable(rules.CONTROL.sub("", name)).strip()[: rules.MAX_ATTRIBUTE_NAME]
        fitted = fit(value)
        if name and (fitted is not None or value is None):
            found.append((name, fitted))
    return dict(sorted(found, key=lambda item: (item[0], json_text(item[1]))))


def fit(value: Any, *, in_list: bool = False) -> Any:
    """A value cut to what an attribute can hold, or None."""
    if isinstance(value, str):
        return printable(value.replace("\x00", ""))[: rules.MAX_ATTRIBUTE_TEXT]
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple) and not in_list:
        fitted = [fit(inner, in_list=True) for inner in value[: rules.MAX_ATTRIBUTE_LIST]]
        return [inner for inner in fitted if inner is not None]
    return None


def printable(text: str) -> str:
    """Text without lone surrogates, which no database takes."""
    return text.encode("utf-8", "ignore").decode("utf-8")
