"""Reading dates as they stand in files, without guessing silently: 03/04 is March or April, and the file must say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

ISO = "iso"
"""Stands for any ISO 8601 date or time."""

_DATES = ["%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d", "%d/%m/%y", "%m/%d/%y", "%d %b %Y"]
_TIMES = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"]
KNOWN_FORMATS = [ISO, *(date + time for date in _DATES for time in _TIMES)]
EARLIEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def parse_date(text: str, date_format: str, zone: ZoneInfo) -> dt.datetime:
    """The instant that ``text`` says in this format; times without a zone are in the organisation's.

    Raises:
        ValueError: it does not fit the format, or lies before 1970 or more than a day ahead.
    """
    text = text.strip()
    try:
        value = _parse_iso(text) if date_format == ISO else dt.datetime.strptime(text, date_format)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            _("“%(text)s” is not a date in the format %(format)s.") % {"text": text[:40], "format": _shown(date_format)}
        ) from error
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    try:
        value = value.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise ValueError(_("“%(text)s” is out of range.") % {"text": text[:40]}) from error
    if value < EARLIEST:
        raise ValueError(_("“%(text)s” lies before 1970.") % {"text": text[:40]})
    if value > dt.datetime.now(dt.UTC) + dt.timedelta(days=1):
        raise ValueError(_("“%(text)s” lies in the future.") % {"text": text[:40]})
    return value


def _parse_iso(text: str) -> dt.datetime:
    if len(text) < 10 or text[4] != "-":
        raise ValueError("not ISO 8601")
    return dt.datetime.fromisoformat(text)


def _shown(date_format: str) -> str:
    return "YYYY-MM-DD" if date_format == ISO else date_format


def fitting_formats(values: Iterable[str], limit: int = 5000) -> list[str]:
    """The formats that read most of these values, best first; empty values do not count.

    Several come back when the values cannot tell (every day of the month is 12 or less): then a person must. Costs a
    few microseconds a value and surviving format: after the first 50 values only those that read the most go on.
    """
    hits = dict.fromkeys(KNOWN_FORMATS, 0)
    seen = 0
    for value in values:
        text = value.strip()
        if not text:
            continue
        seen += 1
        if seen > limit:
            break
        if seen == 50:
            hits = _leaders(hits)
        for date_format in hits:
            try:
                _parse_iso(text) if date_format == ISO else dt.datetime.strptime(text, date_format)
            except (ValueError, OverflowError):
                continue
            hits[date_format] += 1
    return list(_leaders(hits)) if any(hits.values()) else []


def _leaders(hits: dict[str, int]) -> dict[str, int]:
    """The formats with the most hits."""
    best = max(hits.values())
    return {date_format: count for date_format, count in hits.items() if count == best}
