"""Which column of the file is what: checking a mapping, and suggesting one from headings and values. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.imports.dates import KNOWN_FORMATS, fitting_formats
from cxm.errors import DomainErrors, FieldError

TARGETS: dict[str, dict[str, Any]] = {
    "responses": {
        "occurred_at": gettext_lazy("Date of the experience"),
        "score": gettext_lazy("Score"),
        "comment": gettext_lazy("Comment"),
        "touchpoint": gettext_lazy("Touchpoint"),
        "channel": gettext_lazy("Channel"),
        "language": gettext_lazy("Language"),
        "customer.external_id": gettext_lazy("Customer number"),
        "customer.email": gettext_lazy("Customer’s e-mail"),
        "source_id": gettext_lazy("Number of the answer in its source"),
    },
    "customers": {
        "external_id": gettext_lazy("Customer number"),
        "email": gettext_lazy("E-mail"),
        "phone": gettext_lazy("Phone"),
        "name": gettext_lazy("Name"),
        "stage": gettext_lazy("Lifecycle stage"),
        "account": gettext_lazy("Company (account)"),
        "language": gettext_lazy("Language"),
    },
}
"""What a column may be, by kind of import; besides these, ``attributes.NAME``."""

REQUIRED = {"responses": ("score",), "customers": ("external_id",)}
OPTIONS = {"date_format", "create_touchpoints"}
_ATTRIBUTE = re.compile(r"attributes\.(?P<name>[^\x00-\x1f]{1,64})\Z")


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """A checked mapping: target -> index of its column, and the options that stand beside the columns."""

    kind: str
    columns: dict[str, int]
    date_format: str | None = None
    create_touchpoints: bool = False
    names: dict[str, str] = field(default_factory=dict)

    def values(self, cells: Sequence[str]) -> dict[str, str]:
        """The row's mapped values as text, without surrounding space; empty cells are left out."""
        found = {target: cells[index].strip() for target, index in self.columns.items()}
        return {target: text for target, text in found.items() if text}


def check_mapping(kind: str, raw: object, columns: Sequence[str]) -> ColumnMapping:
    """Read a mapping as api.md "Imports" has it.

    Raises:
        DomainErrors: one error a wrong entry, at ``mapping.<target>``, saying which columns the file has.
    """
    if not isinstance(raw, Mapping):
        raise DomainErrors([_error("", _("The mapping must be a JSON object of our field to your column."))])
    errors: list[FieldError] = []
    chosen: dict[str, int] = {}
    date_format: str | None = None
    for target, column in raw.items():
        if not isinstance(target, str) or target in OPTIONS:
            continue
        if target not in TARGETS[kind] and not _ATTRIBUTE.match(target):
            known = ", ".join([*TARGETS[kind], "attributes.NAME"])
            errors.append(_error(target, _("There is no such field. Known: %(known)s.") % {"known": known}))
        elif column in (None, ""):
            continue
        elif not isinstance(column, str) or column not in columns:
            has = ", ".join(columns[:30])
            message = _("The file has no column “%(column)s”. It has: %(has)s.")
            errors.append(_error(target, message % {"column": str(column)[:80], "has": has}, "unknown_column"))
        else:
            chosen[target] = columns.index(column)
    for target in REQUIRED[kind]:
        if target not in chosen and not any(error["field"] == f"mapping.{target}" for error in errors):
            errors.append(_error(target, _("Say which column this is."), "required"))
    given = raw.get("date_format")
    if given not in (None, ""):
        if not isinstance(given, str) or len(given) > 60 or ("%" not in given and given not in KNOWN_FORMATS):
            errors.append(_error("date_format", _("Write a strftime format such as %%d/%%m/%%Y %%H:%%M.")))
        else:
            date_format = given
    create = raw.get("create_touchpoints", False)
    if not isinstance(create, bool):
        errors.append(_error("create_touchpoints", _("Send true or false.")))
    if errors:
        raise DomainErrors(errors, _("The mapping does not fit the file."))
    names = {target: columns[index] for target, index in chosen.items()}
    return ColumnMapping(kind, chosen, date_format, bool(create), names)


def _error(target: str, message: str, code: str = "invalid") -> FieldError:
    return {"field": f"mapping.{target}" if target else "mapping", "code": code, "message": message}


class RowNumbers:
    """The identity of rows without a number of their own: the mapped values, and the ordinal among equal rows.

    Equal rows are separate events, and the same file again gives the same identities.
    """

    def __init__(self) -> None:
        self._seen: Counter[bytes] = Counter()

    def source_id(self, values: Mapping[str, str]) -> str:
        """The identity of the next row with these values."""
        text = json.dumps(sorted(values.items()), ensure_ascii=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).digest()[:16]
        self._seen[digest] += 1
        return f"row:{digest.hex()}:{self._seen[digest]}"


# -- suggestions -----------------------------------------------------------------------------------------------------

_HINTS: dict[str, dict[str, str]] = {
    "responses": {
        "occurred_at": r"date|time|when|datum|fecha|zeit",
        "score": r"score|points|punkte|rating|nps|csat|ces|note|answer_value",
        "comment": r"comment|verbatim|text|reason|feedback|kommentar|comentario",
        "touchpoint": r"touchpoint|stage|sub_?type|step|phase|survey|journey|kontaktpunkt",
        "channel": r"channel|kanal|canal",
        "language": r"lang|sprache|idioma|locale",
        "customer.external_id": r"customer_?(id|no|number)|user_?id|client_?id|kunden",
        "customer.email": r"e-?mail",
        "source_id": r"response_?id|answer_?id|record_?id|source_?id",
    },
    "customers": {
        "external_id": r"customer_?(id|no|number)|external|user_?id|client_?id|kunden_?nr|^id$",
        "email": r"e-?mail",
        "phone": r"phone|mobile|telefon|tel$",
        "name": r"name",
        "stage": r"stage|status|lifecycle",
        "account": r"account|company|firma|organi[sz]ation",
        "language": r"lang|sprache|locale",
    },
}


def suggest_mapping(kind: str, columns: Sequence[str], sample: Sequence[Sequence[str]]) -> dict[str, str]:
    """Our best guess of target -> column, from headings and the first rows; a column is used once.

    A column is only offered as score when its values are numbers, and as date when they are dates.
    """
    scores: list[tuple[float, str, str]] = []
    for index, column in enumerate(columns):
        values = [row[index].strip() for row in sample if index < len(row) and row[index].strip()]
        for target, pattern in _HINTS[kind].items():
            score = _likeness(target, pattern, column, values)
            if score > 0:
                scores.append((score, target, column))
    chosen: dict[str, str] = {}
    for _score, target, column in sorted(scores, key=lambda item: -item[0]):
        if target not in chosen and column not in chosen.values():
            chosen[target] = column
    return chosen


def _likeness(target: str, pattern: str, column: str, values: list[str]) -> float:
    named = re.search(pattern, column.lower().replace(" ", "_")) is not None
    if not values:
        return 0.3 if named else 0.0
    numeric = sum(1 for value in values if re.fullmatch(r"-?\d{1,3}([.,]0+)?", value)) / len(values)
    length = sum(map(len, values)) / len(values)
    distinct = len(set(values))
    if target == "score":
        return numeric * (2.0 if named else 0.4) if numeric > 0.8 else 0.0
    if target == "occurred_at":
        return 2.0 if _are_dates(values) else 0.0
    if target == "comment":
        return (1.0 if named else 0.0) + min(length / 40, 1.0) if numeric < 0.5 and not _are_dates(values) else 0.0
    if target == "touchpoint":
        few = distinct <= max(12, len(values) // 4) and numeric < 0.5
        return 1.5 if named and few else 0.0
    return 1.2 if named and numeric < 1.1 else 0.0


def _are_dates(values: Iterable[str]) -> bool:
    """Whether four of five of the first values are dates in some format."""
    first = list(values)[:50]
    return sum(1 for value in first if fitting_formats([value])) >= 0.8 * len(first) > 0
