"""When a mail may go where the organisation keeps business hours: in the recipient's own time. Pure."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
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
            start, end = _span(day, opens, closes, zone)
            if at < end:
                return max(at.astimezone(UTC), start)
    return at


def spread_time(at: datetime, hours: Hours, timezone: str, share: float) -> datetime:
    """An instant in what is left of the open hours of the first open day from `at` on, `share` (0..1) of the way in.

    So the sendings of a day spread over the day of each recipient. `at` where there are no open hours.
    """
    first = next_open_time(at, hours, timezone)
    zone = _zone(timezone)
    day = first.astimezone(zone).date()
    spans = []
    for opens, closes in hours.get(WEEKDAYS[day.weekday()], ()):
        start, end = _span(day, opens, closes, zone)
        if end > first:
            spans.append((max(start, first), end))
    left = share * sum((end - start).total_seconds() for start, end in spans)
    for start, end in spans:
        length = (end - start).total_seconds()
        if left < length:
            return start + timedelta(seconds=left)
        left -= length
    return first


def _span(day: date, opens: str, closes: str, zone: zoneinfo.ZoneInfo) -> tuple[datetime, datetime]:
    """A span of open hours of one local day, in UTC."""
    start = datetime.combine(day, time.fromisoformat(opens), zone).astimezone(UTC)
    if closes == "24:00":
        return start, datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    return start, datetime.combine(day, time.fromisoformat(closes), zone).astimezone(UTC)


@lru_cache(maxsize=1024)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    """The zone, or UTC for a name this installation does not know: a customer's zone comes from outside."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return zoneinfo.ZoneInfo("UTC")
