"""Conditions on the properties of an event: `{property: value}`, all of them equal. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from cxm.errors import DomainError
from cxm.texts import clean_text

EVENT_LENGTH = 200
MAX_CONDITIONS = 20
WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


def clean_where(value: object, *, field: str) -> dict[str, Any]:
    """At most MAX_CONDITIONS properties with a text, number, true, false or null. DomainError names the place."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DomainError(_("Must be an object of properties and values."), field=field)
    if len(value) > MAX_CONDITIONS:
        message = _("At most %(limit)d conditions are taken.") % {"limit": MAX_CONDITIONS}
        raise DomainError(message, field=field, code="max_items")
    conditions = {}
    for name, expected in value.items():
        path = f"{field}.{name}"[:200]
        key = clean_text(name, field=field, limit=EVENT_LENGTH, required=True)
        if isinstance(expected, str):
            expected = clean_text(expected, field=path, limit=EVENT_LENGTH)
        elif not (expected is None or isinstance(expected, bool | int | float)):
            raise DomainError(_("Compare with a text, a number, true, false or null."), field=path)
        conditions[key] = expected
    return conditions


def where_from_lines(text: str) -> dict[str, Any]:
    """Conditions as people type them, one `property: value` a line. Raises ValueError with a sentence."""
    conditions: dict[str, Any] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise ValueError(_("Write each condition as property: value."))
        conditions[name.strip()] = value_of(value.strip())
    return conditions


def where_to_lines(where: Mapping[str, Any]) -> str:
    """Conditions as `where_from_lines` reads them."""
    return "\n".join(f"{name}: {text_of(value)}" for name, value in where.items())


def value_of(text: str) -> Any:
    """What a person means by a typed value: numbers, true, false and null are taken as such."""
    if text in WORDS:
        return WORDS[text]
    try:
        return int(text) if len(text) < 16 else text
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return text
    return number if len(text) < 16 and number == number and abs(number) != float("inf") else text


def text_of(value: Any) -> str:
    """A value as a person types it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)
