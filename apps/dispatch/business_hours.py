"""When a mail may go where the organisation keeps business hours: in the recipient's own time. Pure."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import Final

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Hours = Mapping[str, Sequence[Sequence[str]]]


def next_open_time(at: datetime, hours: Hours, timezone: str) -> datetime:
    """The first instant from `at` on that lies in the open hours of `timezone`, in UTC; `at` where there are none.

    `hours` is the organisation's setting: weekday -> spans `["09:00", "17:00"]` of local time, `"24:00"` ending a day.
    """
    zone = _zone(timezone)
    local = at.astimezone(zone)
    for ahead in range(8):
        day = local.date() + timedelta(days=ahead)
        for opens, closes in hours.get(WEEKDAYS[day.weekday()], ()):
            start = datetime.combine(day, time.fromisoformat(opens), zone).astimezone(UTC)
            end = (
                datetime.combine(day + timedelta(days=1), time.min, zone)
                if closes == "24:00"
                else datetime.combine(day, time.fromisoformat(closes), zone)
            ).astimezone(UTC)
            if at < end:
                return max(at.astimezone(UTC), start)
    return at


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    """The zone, or UTC for a name this installation does not know: a customer's zone comes from outside."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
