"""Counting between two touchpoints, and between channels. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from apps.paths.counting import GAP_BITS, Integers, Walks, Words, quartiles_of
from cxm.statistics import wilson_bounds

DAY: Final = 86_400_000
REPEAT_DAYS: Final = 7
"""The same touchpoint again within so many days is a repeat contact, as in first-contact resolution (`fcr.v1`)."""


@dataclass(frozen=True, slots=True)
class Entrants:
    """Customers who came by the first place: when the first time, by which channel, and how long to the second place.

    `gap` is in ms, -1 where the second place was not met in time.
    """

    customer_low: Words
    customer_high: Words
    at: Integers
    channel: Integers
    gap: Integers


def entrants(
    walks: Walks,
    channel: Integers,
    people: tuple[Words, Words],
    *,
    source: int,
    target: int,
    days: int,
    before: int | None,
) -> Entrants:
    """Those who first came by `source` before a moment (ms), and went to `target` after it within `days` x 24 h.

    `people` are the halves (high, low) of the customers' ids, in the order of the walks.
    """
    where = np.flatnonzero(walks.place == source)
    _persons, first = np.unique(walks.person[where], return_index=True)
    entry = where[first]
    if before is not None:
        entry = entry[walks.at[entry] < before]
    goals = np.flatnonzero(walks.place == target)
    following = np.searchsorted(goals, entry, side="right")
    gap = np.full(len(entry), -1, np.int64)
    has_one = np.flatnonzero(following < len(goals))
    reached = goals[following[has_one]]
    took = walks.at[reached] - walks.at[entry[has_one]]
    in_time = (walks.person[reached] == walks.person[entry[has_one]]) & (took <= days * DAY)
    gap[has_one[in_time]] = took[in_time]
    high, low = people
    return Entrants(low[entry], high[entry], walks.at[entry], channel[entry], gap)


def joined(parts: Sequence[Entrants]) -> Entrants:
    """The entrants of all portions."""
    names = ("customer_low", "customer_high", "at", "channel", "gap")
    return Entrants(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def conversion_of(
    found: Entrants, *, days: int, now: int, among: npt.NDArray[np.bool_] | None = None
) -> dict[str, Any]:
    """How many of the entrants got there: over those whose window has ended; the others could still, and stand apart.

    Rate 0..1 with Wilson's 95 % interval, None while no window has ended. Median and quartiles of all who got there, in
    seconds.
    """
    chosen = np.ones(len(found.at), np.bool_) if among is None else among
    ended = found.at[chosen] + days * DAY <= now
    gap = found.gap[chosen]
    got = gap >= 0
    n, hits = int(ended.sum()), int((ended & got).sum())
    low, high = wilson_bounds(hits, n) if n else (None, None)
    times = np.sort(gap[got])
    q1, median, q3 = quartiles_of(times) if len(times) else (None, None, None)
    return {
        "entered": len(gap),
        "ended": n,
        "achieved": hits,
        "not_achieved": n - hits,
        "open": int((~ended).sum()),
        "open_achieved": int((~ended & got).sum()),
        "rate": hits / n if n else None,
        "low": low,
        "high": high,
        "median_seconds": median,
        "q1_seconds": q1,
        "q3_seconds": q3,
    }


def is_among(found: Entrants, members: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which entrants are among these customers (fields `high`, `low`)."""
    kind = np.dtype([("high", np.uint64), ("low", np.uint64)])
    ours = np.empty(len(found.at), kind)
    ours["high"], ours["low"] = found.customer_high, found.customer_low
    theirs = np.empty(len(members), kind)
    theirs["high"], theirs["low"] = members["high"], members["low"]
    return np.isin(ours, theirs)


@dataclass(slots=True)
class Handovers:
    """From the channel of one visit to that of the customer's next: how often, how long between, and how often it was
    the same touchpoint again within a week (a repeat contact)."""

    channels: int
    n: Integers = field(init=False)
    repeats: Integers = field(init=False)
    gaps: list[Words] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.n = np.zeros(self.channels * self.channels, np.int64)
        self.repeats = np.zeros(self.channels * self.channels, np.int64)

    def add(self, walks: Walks, channel: Integers) -> None:
        """Count the walks of some customers, of whom no other portion has any."""
        same = walks.person[1:] == walks.person[:-1]
        pair = (channel[:-1] * self.channels + channel[1:])[same]
        gap = (walks.at[1:] - walks.at[:-1])[same]
        again = (walks.place[1:] == walks.place[:-1])[same] & (gap <= REPEAT_DAYS * DAY)
        self.n += np.bincount(pair, minlength=len(self.n))
        self.repeats += np.bincount(pair[again], minlength=len(self.n))
        self.gaps.append((pair.astype(np.uint64) << np.uint64(GAP_BITS)) | gap.astype(np.uint64))

    def cells(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Every pair of channels that occurred. Call once: the gaps are sorted and dropped."""
        if not self.gaps:
            return []
        packed = np.concatenate(self.gaps)
        self.gaps.clear()
        packed.sort()
        numbers, first = np.unique(packed >> np.uint64(GAP_BITS), return_index=True)
        gap = packed & np.uint64((1 << GAP_BITS) - 1)
        found = []
        for number, start in zip(numbers.tolist(), first.tolist(), strict=True):
            n = int(self.n[number])
            source, target = divmod(number, self.channels)
            found.append(
                {
                    "from": names[source],
                    "to": names[target],
                    "n": n,
                    "median_seconds": quartiles_of(gap[start : start + n])[1],
                    "repeat_n": int(self.repeats[number]),
                    "repeat_rate": int(self.repeats[number]) / n,
                }
            )
        return found
