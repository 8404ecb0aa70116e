"""How long which kind of data is kept: a registry that apps fill from their `wiring.py`.

    register_retention("interactions", label=_("Interactions"), effect=_("Removed"), count=..., purge=..., least=1)

`count(before)` says how many rows are older than a time, `purge(before, limit)` removes at most `limit` of them, inside
the caller's transaction and organisation, and returns how many; less than the limit means that none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

Count = Callable[[datetime], int]
Purge = Callable[[datetime, int], int]


@dataclass(frozen=True, slots=True)
class RetentionKind:
    """A kind of data with an age. Fewer months than ``least`` break other promises; ``chunk`` rows go at a time."""

    name: str
    label: Any
    effect: Any
    count: Count
    purge: Purge
    least: int = 1
    chunk: int = 5_000


RETENTION: dict[str, RetentionKind] = {}


def register_retention(
    name: str, *, label: Any, effect: Any, count: Count, purge: Purge, least: int = 1, chunk: int = 5_000
) -> None:
    """Add a kind of data. Its name stands in settings and API: never change it."""
    RETENTION[name] = RetentionKind(name, label, effect, count, purge, least, chunk)


LifeSign = Callable[[Collection[UUID], datetime], set[UUID]]
LIFE_SIGNS: dict[str, LifeSign] = {}


def register_life_sign(name: str, sign: LifeSign) -> None:
    """Add how to tell which of these customers did something since a time (one query): they are not inactive."""
    LIFE_SIGNS[name] = sign


def active_among(customers: Collection[UUID], since: datetime) -> set[UUID]:
    """Those of `customers` who did anything since a time. One query for each app that knows."""
    active: set[UUID] = set()
    for sign in LIFE_SIGNS.values():
        left = set(customers) - active
        if left:
            active |= sign(left, since)
    return active
