"""Readers of single values that somebody sent: each gives the clean value or raises DomainError naming its field."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from cxm.errors import DomainError
from cxm.texts import clean_text


def text_reader(name: str, limit: int, *, required: bool = False, line: bool = False) -> Callable[[Any], str]:
    """A reader of texts of at most `limit` characters; a `line` loses its breaks and doubled spaces."""

    def read(value: Any) -> str:
        text = clean_text(value, field=name, limit=limit, required=required)
        return " ".join(text.split()) if line else text

    return read


def choice_reader(name: str, choices: Sequence[str]) -> Callable[[Any], str]:
    """A reader of one of these texts."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in choices:
            message = _("Must be one of: %(choices)s.") % {"choices": ", ".join(choices)}
            raise DomainError(message, field=name, code="invalid_choice")
        return str(value)

    return read


def read_whole(name: str, value: object, least: int, most: int) -> int:
    """A whole number from `least` to `most`, as a number or in digits."""
    number = value
    if isinstance(number, str) and number.strip().isascii() and number.strip().isdigit() and len(number) <= 12:
        number = int(number)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        message = _("Must be a whole number from %(least)d to %(most)d.") % {"least": least, "most": most}
        raise DomainError(message, field=name)
    return number


def read_day(name: str, value: object, first: date, last: date) -> date | None:
    """A day from `first` to `last`, as a date or as YYYY-MM-DD; None for nothing."""
    if value is None or value == "":
        return None
    day = value
    if isinstance(day, str):
        try:
            day = parse_date(day) if len(day) == len("2026-01-31") else None
        except ValueError:
            day = None
    if not isinstance(day, date):
        raise DomainError(_("Must be a date such as 2026-01-31."), field=name)
    if not first <= day <= last:
        message = _("Must be a day from %(first)s to %(last)s.") % {"first": first, "last": last}
        raise DomainError(message, field=name, code="range")
    return day
