"""What a touchpoint may look like. Pure: reads values, touches no row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.interactions.event_match import EVENT_LENGTH, clean_where
from cxm.errors import DomainError
from cxm.texts import clean_text as clean_text

KEY_LENGTH = 64
KEY = re.compile(rf"[a-z0-9_-]{{1,{KEY_LENGTH}}}")
NAME_LENGTH = 120
DESCRIPTION_LENGTH = 2000
TARGET_RANGES = {"nps": (-100.0, 100.0), "csat": (0.0, 100.0), "ces": (0.0, 100.0)}


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
    return {"event": event, "where": clean_where(value.get("where"), field="event_match.where")}


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
