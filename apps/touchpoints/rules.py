"""What a touchpoint may look like. Pure: reads values, touches no row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from cxm.errors import DomainError

KEY_LENGTH = 64
KEY = re.compile(rf"[a-z0-9_-]{{1,{KEY_LENGTH}}}")
NAME_LENGTH = 120
DESCRIPTION_LENGTH = 2000
EVENT_LENGTH = 200
MAX_CONDITIONS = 20
TARGET_RANGES = {"nps": (-100.0, 100.0), "csat": (0.0, 100.0), "ces": (0.0, 100.0)}


def clean_text(value: object, *, field: str, limit: int, required: bool = False) -> str:
    """A stripped text of at most `limit` characters. Raises DomainError naming `field`."""
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise DomainError(_("Give a text here."), field=field)
    text = value.strip()
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise DomainError(_("Remove the characters that cannot be stored (NUL or half a character)."), field=field)
    if required and not text:
        raise DomainError(_("Must not be empty."), field=field, code="required")
    if len(text) > limit:
        message = _("Is %(length)d characters long; at most %(limit)d are kept.")
        raise DomainError(message % {"length": len(text), "limit": limit}, field=field, code="max_length")
    return text


def clean_key(value: object) -> str:
    """A key as it stands in addresses, "" when none was given. Raises DomainError naming `key`."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not KEY.fullmatch(value):
        message = _("A key has 1 to 64 characters: a-z, 0-9, _ and -. For example first_invoice.")
        raise DomainError(message, field="key")
    return value


def key_from_name(name: str) -> str:
    """A key made of the name, never empty: "First invoice!" -> "first-invoice"."""
    return slugify(name)[:KEY_LENGTH].strip("-_") or "touchpoint"


def clean_event_match(value: object) -> dict[str, Any] | None:
    """`{"event": name, "where": {property: value}}`, or None for none. Raises DomainError naming the place."""
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise DomainError(_('Must be an object such as {"event": "invoice_sent"}, or null.'), field="event_match")
    event = clean_text(value.get("event"), field="event_match.event", limit=EVENT_LENGTH, required=True)
    where = value.get("where")
    if where is None:
        where = {}
    if not isinstance(where, Mapping):
        raise DomainError(_("Must be an object of properties and values."), field="event_match.where")
    if len(where) > MAX_CONDITIONS:
        message = _("At most %(limit)d conditions are taken.") % {"limit": MAX_CONDITIONS}
        raise DomainError(message, field="event_match.where", code="max_items")
    conditions = {}
    for name, expected in where.items():
        path = f"event_match.where.{name}"[:200]
        key = clean_text(name, field="event_match.where", limit=EVENT_LENGTH, required=True)
        if isinstance(expected, str):
            expected = clean_text(expected, field=path, limit=EVENT_LENGTH)
        elif not (expected is None or isinstance(expected, bool | int | float)):
            raise DomainError(_("Compare with a text, a number, true, false or null."), field=path)
        conditions[key] = expected
    return {"event": event, "where": conditions}


def clean_target(value: object) -> dict[str, float]:
    """Targets by metric: NPS -100..100 points, CSAT and CES 0..100 percent. Raises DomainError naming the metric."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise DomainError(_('Must be an object such as {"nps": 30}.'), field="target")
    targets: dict[str, float] = {}
    for metric, (low, high) in TARGET_RANGES.items():
        target = value.get(metric)
        if target is None or target == "":
            continue
        if isinstance(target, bool) or not isinstance(target, int | float) or not low <= target <= high:
            message = _("Must be a number from %(low)d to %(high)d.") % {"low": low, "high": high}
            raise DomainError(message, field=f"target.{metric}", code="range")
        targets[metric] = float(target)
    return targets
