"""A length of time as a person says it."""

from __future__ import annotations

from typing import Final

from django.utils.translation import ngettext

UNITS: Final = (86400, 3600, 60, 1)


def duration_words(seconds: float) -> str:
    """The two largest units of a length of time, the second left out where it is nothing: "2 hours 5 minutes"."""
    rest = round(seconds)
    parts = []
    for length in UNITS:
        count, rest = divmod(rest, length)
        if count:
            parts.append(_counted(count, length))
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or _counted(0, 1)


def _counted(count: int, length: int) -> str:
    words = {
        86400: ngettext("%(n)d day", "%(n)d days", count),
        3600: ngettext("%(n)d hour", "%(n)d hours", count),
        60: ngettext("%(n)d minute", "%(n)d minutes", count),
        1: ngettext("%(n)d second", "%(n)d seconds", count),
    }
    return words[length] % {"n": count}
