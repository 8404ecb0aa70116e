"""Which column of the file is what: checking a mapping. Pure: no database."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.imports.dates import KNOWN_FORMATS
from apps.imports.kinds import KINDS
from cxm.errors import DomainErrors, FieldError

OPTIONS = {"date_format", "create_touchpoints"}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
MOST_DIGITS = 15
"""Digits that a number keeps exactly wherever it travels as JSON."""


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
    known = KINDS[kind]
    errors: list[FieldError] = []
    chosen: dict[str, int] = {}
    date_format: str | None = None
    for target, column in raw.items():
        if not isinstance(target, str) or target in OPTIONS or column in (None, ""):
            continue
        if target in known.refused:
            errors.append(_error(target, str(known.refused[target]), "not_taken"))
        elif not known.knows(target):
            choices = ", ".join(known.choices)
            errors.append(_error(target, _("There is no such field. Known: %(known)s.") % {"known": choices}))
        elif not isinstance(column, str) or column not in columns:
            has = ", ".join(columns[:30])
            message = _("The file has no column “%(column)s”. It has: %(has)s.")
            errors.append(_error(target, message % {"column": str(column)[:80], "has": has}, "unknown_column"))
        else:
            chosen[target] = columns.index(column)
    said_wrong = {error["field"] for error in errors}
    for group in known.required:
        if not any(target in chosen or f"mapping.{target}" in said_wrong for target in group):
            message = _("Say which column this is.")
            if len(group) > 1:
                message = _("Say which column is one of: %(targets)s.") % {"targets": ", ".join(group)}
            errors.append(_error(group[0], message, "required"))
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


def typed(text: str) -> str | int | float:
    """A cell as the value that rules compare: a plain decimal number is a number, everything else stays text.

    Plain: digits, at most one point, no leading zero (a postcode stays text), no exponent, and no more digits than any
    reader of JSON keeps exactly. ``true`` and ``false`` stay text: a CSV does not say which of the two was meant.
    """
    if len(text) > MOST_DIGITS + 2 or not _NUMBER.fullmatch(text) or text == "-0":
        return text
    digits = sum(character.isdigit() for character in text)
    if digits > MOST_DIGITS:
        return text
    return float(text) if "." in text else int(text)


class RowNumbers:
    """The identity of rows without a number of their own: the mapped values, and the ordinal among equal rows.

    Equal rows are separate events, and the same file again gives the same identities. Takes about 100 bytes of memory
    for each row with different values.
    """

    def __init__(self) -> None:
        self._seen: dict[int, int] = {}

    def source_id(self, values: Mapping[str, str]) -> str:
        """The identity of the next row with these values."""
        text = json.dumps(sorted(values.items()), ensure_ascii=True, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).digest()[:16]
        # Eight bytes to count by: should two rows ever share them, their ordinals run on, the same each time.
        short = int.from_bytes(digest[:8], "big")
        ordinal = self._seen[short] = self._seen.get(short, 0) + 1
        return f"row:{digest.hex()}:{ordinal}"
