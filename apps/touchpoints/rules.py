"""What a touchpoint may look like. Pure: reads values, touches no row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.interactions.event_match import EVENT_LENGTH, clean_where
from cxm.errors import DomainError, read_fields
from cxm.texts import clean_text as clean_text

KEY_LENGTH = 64
KEY = re.compile(rf"[a-z0-9_-]{{1,{KEY_LENGTH}}}")
NAME_LENGTH = 120
LINK = re.compile(r"https?://[^\s<>\"]+")
DESCRIPTION_LENGTH = 2000
LINK_LENGTH = 500
PROMISE_LENGTH = 200
LONGEST_PROMISE = 366 * 24 * 3600
"""Seconds of the longest promise."""
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


def clean_event_match(value: object, *, field: str = "event_match") -> dict[str, Any] | None:
    """`{"event": name, "where": {property: value}}`, or None for none. Raises DomainError naming the place."""
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise DomainError(_('Must be an object such as {"event": "invoice_sent"}, or null.'), field=field)
    event = clean_text(value.get("event"), field=f"{field}.event", limit=EVENT_LENGTH, required=True)
    return {"event": event, "where": clean_where(value.get("where"), field=f"{field}.where")}


def clean_promise(value: object) -> dict[str, Any] | None:
    """`{"text", "start": match | None, "kept": match, "within_seconds"}`, or None for none.

    `within_seconds` is a whole number from 1 to LONGEST_PROMISE. Raises DomainErrors naming every wrong place.
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, Mapping):
        raise DomainError(_("Must be an object with text, kept and within_seconds, or null."), field="promise")
    readers = {
        "text": lambda given: clean_text(given, field="promise.text", limit=PROMISE_LENGTH, required=True),
        "start": lambda given: clean_event_match(given, field="promise.start"),
        "kept": lambda given: _required_match(given, field="promise.kept"),
        "within_seconds": _clean_within,
    }
    return read_fields(readers, {name: value.get(name) for name in readers})


def _required_match(value: object, *, field: str) -> dict[str, Any]:
    match = clean_event_match(value, field=field)
    if match is None:
        raise DomainError(_("Say which event keeps the promise."), field=field, code="required")
    return match


def _clean_within(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= LONGEST_PROMISE:
        message = _("Must be a whole number of seconds from 1 to %(limit)d.") % {"limit": LONGEST_PROMISE}
        raise DomainError(message, field="promise.within_seconds", code="range")
    return value


def clean_link(value: object) -> str:
    """An http or https address, "" for none. Raises DomainError naming `link`."""
    link = clean_text(value, field="link", limit=LINK_LENGTH)
    if link and not LINK.fullmatch(link):
        raise DomainError(_("Give an address that starts with https:// or http://."), field="link")
    return link


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
