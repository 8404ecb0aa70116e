"""Guessing which column of a file is what, from headings and the first rows. Pure: no database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from django.utils.translation import gettext as _

from apps.imports.dates import fitting_formats
from apps.imports.kinds import KINDS
from apps.imports.mapping import typed


def suggest_mapping(kind: str, columns: Sequence[str], sample: Sequence[Sequence[str]]) -> dict[str, str]:
    """Our best guess of target -> column, from headings and the first rows; a column is used once.

    A column is only offered as score when its values are numbers, and as date when they are dates.
    """
    scores: list[tuple[float, str, str]] = []
    for index, column in enumerate(columns):
        values = [row[index].strip() for row in sample if index < len(row) and row[index].strip()]
        for target, pattern in KINDS[kind].hints.items():
            score = _likeness(target, pattern, column, values)
            if score > 0:
                scores.append((score, target, column))
    chosen: dict[str, str] = {}
    for _score, target, column in sorted(scores, key=lambda item: -item[0]):
        if target not in chosen and column not in chosen.values():
            chosen[target] = column
    return chosen


def _likeness(target: str, pattern: str, column: str, values: list[str]) -> float:
    named = re.search(pattern, column.lower().replace(" ", "_")) is not None
    if not values:
        return 0.3 if named else 0.0
    numeric = sum(1 for value in values if re.fullmatch(r"-?\d{1,3}([.,]0+)?", value)) / len(values)
    length = sum(map(len, values)) / len(values)
    distinct = len(set(values))
    if target == "score":
        return numeric * (2.0 if named else 0.4) if numeric > 0.8 else 0.0
    if target in ("occurred_at", "month"):
        return 2.0 if _are_dates(values) or (target == "month" and _are_months(values)) else 0.0
    if target == "comment":
        return (1.0 if named else 0.0) + min(length / 40, 1.0) if numeric < 0.5 and not _are_dates(values) else 0.0
    if target == "touchpoint":
        few = distinct <= max(12, len(values) // 4) and numeric < 0.5
        return 1.5 if named and few else 0.0
    if target == "event":
        few = distinct <= max(20, len(values) // 3) and numeric < 0.2 and not _are_dates(values)
        return 1.4 if named and few else 0.0
    if target == "customer.email" or target == "email":
        with_at = sum(1 for value in values if "@" in value) / len(values)
        return 1.6 * with_at if with_at > 0.8 else 0.0
    return 1.2 if named else 0.0


def _are_dates(values: Iterable[str]) -> bool:
    """Whether four of five of the first values are dates in some format."""
    first = list(values)[:50]
    return sum(1 for value in first if fitting_formats([value])) >= 0.8 * len(first) > 0


def _are_months(values: Iterable[str]) -> bool:
    first = list(values)[:50]
    return all(re.fullmatch(r"\d{4}-\d{1,2}|\d{1,2}/\d{4}", value) for value in first)


def column_types(columns: Sequence[str], sample: Sequence[Sequence[str]]) -> list[str]:
    """What each column seems to hold, in a word, from the first rows."""
    types = []
    for index, _column in enumerate(columns):
        values = [row[index].strip() for row in sample if index < len(row) and row[index].strip()]
        if not values:
            types.append(_("empty"))
        elif all(not isinstance(typed(value), str) for value in values):
            types.append(_("number"))
        elif all("@" in value for value in values):
            types.append(_("e-mail"))
        elif _are_dates(values):
            types.append(_("date"))
        else:
            types.append(_("text"))
    return types
