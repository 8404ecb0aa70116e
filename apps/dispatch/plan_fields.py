"""What a sending plan may hold: each field read, cleaned and refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive, now
from django.utils.translation import gettext as _

from apps.dispatch.channels import PERSONAL_CHANNELS
from apps.dispatch.input import address_field
from apps.dispatch.models import SendPlan
from apps.dispatch.texts import check_texts
from apps.interactions.event_match import EVENT_LENGTH, clean_where
from apps.organizations.models import Unit
from apps.segments.models import Segment
from cxm.errors import DomainError, read_fields
from cxm.ids import parse_uuid
from cxm.texts import clean_text

MOST_REMINDERS: Final = 2
LONGEST_REMINDER_DAYS: Final = 60
LONGEST_DELAY_MINUTES: Final = 60 * 24 * 90
MOST_A_DAY: Final = 1_000_000
LONGEST_AHEAD: Final = timedelta(days=5 * 366)


def read_plan_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of SendPlan from what came from outside. Unknown names are refused; raises DomainErrors by field."""
    unknown = [name for name in values if name not in READERS]
    if unknown:
        raise DomainError(_("A plan has no such field."), field=str(unknown[0])[:60], code="unknown")
    read = read_fields(READERS, values)
    segment_id = read.get("segment_id")
    if segment_id is not None and not Segment.objects.filter(pk=segment_id).exists():
        raise DomainError(_("There is no segment with this id."), field="segment_id", code="not_found")
    return read


def _name(value: Any) -> str:
    return clean_text(value, field="name", limit=120, required=True)


def _channel(value: Any) -> str:
    if value not in PERSONAL_CHANNELS:
        message = _("A plan sends by one of these: %(channels)s.")
        raise DomainError(message % {"channels": ", ".join(sorted(PERSONAL_CHANNELS))}, field="channel")
    return str(value)


def _segment(value: Any) -> UUID | None:
    if value is None or value == "":
        return None
    found = value.pk if isinstance(value, Segment) else parse_uuid(value)
    if found is None:
        raise DomainError(_("There is no segment with this id."), field="segment_id", code="not_found")
    return found


def _unit(value: Any) -> Unit | None:
    if value is None or value == "" or isinstance(value, Unit):
        return value or None
    pk = parse_uuid(value)
    unit = Unit.objects.filter(pk=pk).first() if pk else None
    if unit is None:
        raise DomainError(_("There is no unit with this id."), field="unit", code="not_found")
    return unit


def read_trigger(value: Any) -> dict[str, Any] | None:
    """`{"event": name, "where": {property: value}}`, or None. Raises DomainError naming the place."""
    if value is None or value == {} or value == "":
        return None
    if not isinstance(value, Mapping):
        raise DomainError(_('Must be an object such as {"event": "order_delivered"}, or null.'), field="trigger")
    event = clean_text(value.get("event"), field="trigger.event", limit=EVENT_LENGTH, required=True)
    return {"event": event, "where": clean_where(value.get("where"), field="trigger.where")}


def _moment(field: str, *, required: bool) -> Callable[[Any], datetime | None]:
    def read(value: Any) -> datetime | None:
        if value is None or value == "":
            if required:
                return now()
            return None
        try:
            moment = parse_datetime(value) if isinstance(value, str) else value
        except ValueError:
            moment = None
        if not isinstance(moment, datetime) or is_naive(moment):
            raise DomainError(_("Give a date and time with its zone, such as 2026-11-30T09:00:00Z."), field=field)
        if moment > now() + LONGEST_AHEAD:
            raise DomainError(_("Choose a time within the next five years."), field=field, code="too_late")
        return moment

    return read


def _whole(field: str, low: int, high: int, *, default: int | None) -> Callable[[Any], int | None]:
    def read(value: Any) -> int | None:
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            message = _("Must be a whole number from %(low)s to %(high)s.")
            raise DomainError(message % {"low": low, "high": f"{high:,}"}, field=field, code="range")
        return value

    return read


def _share(field: str, low: float, *, default: float) -> Callable[[Any], float]:
    def read(value: Any) -> float:
        if value is None or value == "":
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise DomainError(_("Must be a number."), field=field)
        if not low <= value <= 100:
            message = _("Must be from %(low)s to 100 percent.")
            raise DomainError(message % {"low": low}, field=field, code="range")
        return float(value)

    return read


def _period(value: Any) -> str:
    if value not in SendPlan.Period.values:
        raise DomainError(_("Must be one of total, week and month."), field="quota_period")
    return str(value)


def _reminder_days(value: Any) -> list[int]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or len(value) > MOST_REMINDERS:
        raise DomainError(_("Give at most two reminders, as days after the invitation."), field="reminder_days")
    days = list(value)
    for position, day in enumerate(days):
        if isinstance(day, bool) or not isinstance(day, int) or not 1 <= day <= LONGEST_REMINDER_DAYS:
            message = _("A reminder goes 1 to %(most)d days after the invitation.")
            raise DomainError(
                message % {"most": LONGEST_REMINDER_DAYS}, field=f"reminder_days.{position}", code="range"
            )
    if sorted(set(days)) != days:
        raise DomainError(_("Put the earlier reminder first."), field="reminder_days", code="order")
    return days


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise DomainError(_("Must be true or false."), field="ignore_new_customer_wait")
    return value


def _reply_to(value: Any) -> str:
    text = clean_text(value, field="reply_to", limit=254)
    return address_field(text, "reply_to") if text else ""


def _texts(value: Any) -> dict[str, dict[str, str]]:
    return check_texts({} if value is None else value)


READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "name": _name,
    "channel": _channel,
    "segment_id": _segment,
    "trigger": read_trigger,
    "delay_minutes": _whole("delay_minutes", 0, LONGEST_DELAY_MINUTES, default=0),
    "unit": _unit,
    "starts_at": _moment("starts_at", required=True),
    "ends_at": _moment("ends_at", required=False),
    "per_day": _whole("per_day", 1, MOST_A_DAY, default=None),
    "repeat_days": _whole("repeat_days", 1, 3660, default=None),
    "sample_percent": _share("sample_percent", 0.1, default=100.0),
    "quota": _whole("quota", 1, 10_000_000, default=None),
    "quota_period": _period,
    "reminder_days": _reminder_days,
    "stop_bounce_percent": _share("stop_bounce_percent", 0.1, default=10.0),
    "stop_complaint_percent": _share("stop_complaint_percent", 0.05, default=0.5),
    "ignore_new_customer_wait": _flag,
    "reply_to": _reply_to,
    "texts": _texts,
}
"""What may be said of a plan, by column of SendPlan."""
