"""Counting paths: visits of customers to touchpoints of a map, in time order, into edges, variants, shares. Pure.

A visit is one interaction at one touchpoint ("place", a number). Visits come in portions that each hold *all* visits of
some customers, so that a portion is counted alone and the portions add up. Nothing here reads the database.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

GAP_BITS: Final = 42
"""Milliseconds between two visits in so many bits: 139 years."""
MOST_PLACES: Final = 1 << 11
"""Edges are numbers of 22 bits above the milliseconds."""
SHOWN_VARIANTS: Final = 100


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits in any order: customer and interaction as two halves of 64 bits each, and the place."""

    customer_high: Words
    customer_low: Words
    id_high: Words
    id_low: Words
    place: npt.NDArray[np.int16]

    def __len__(self) -> int:
        return len(self.place)


@dataclass(frozen=True, slots=True)
class Walks:
    """Visits by customer (a number) and within one by time; equal times in the order of ids. `at` in ms since 1970."""

    person: Integers
    at: Integers
    place: Integers
    order: Integers

    @property
    def starts(self) -> Integers:
        """Where each customer's first visit stands."""
        if not len(self.person):
            return np.zeros(0, np.int64)
        return np.flatnonzero(np.concatenate(([True], self.person[1:] != self.person[:-1])))


def walks_of(visits: Visits) -> Walks:
    """Put visits in order. The lower half of a customer's id tells customers apart unless two share it (checked)."""
    if not len(visits):
        none = np.zeros(0, np.int64)
        return Walks(none, none, none, none)
    _values, person = np.unique(visits.customer_low, return_inverse=True)
    if _is_ambiguous(visits.customer_high, person):
        pairs = np.stack([visits.customer_high, visits.customer_low], axis=1)
        person = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1)
    at = (visits.id_high >> np.uint64(16)).astype(np.int64)
    first = at.min()
    time_bits = int(at.max() - first).bit_length()
    if int(person.max()).bit_length() + time_bits > 63:
        order = np.lexsort((visits.id_low, visits.id_high, person))
    else:
        key = (person.astype(np.int64) << time_bits) | (at - first)
        order = _settle_ties(np.argsort(key), key, visits)
    return Walks(person[order].astype(np.int64), at[order], visits.place[order].astype(np.int64), order)


def _is_ambiguous(high: Words, person: npt.NDArray[Any]) -> bool:
    """Whether two customers got one number."""
    seen = np.zeros(int(person.max()) + 1, np.uint64)
    seen[person] = high
    return bool((seen[person] != high).any())


def _settle_ties(order: npt.NDArray[Any], key: Integers, visits: Visits) -> npt.NDArray[Any]:
    """Put visits of one customer in one millisecond in the order of their ids."""
    ordered = key[order]
    equal = ordered[1:] == ordered[:-1]
    if not equal.any():
        return order
    tied = np.concatenate((equal, [False])) | np.concatenate(([False], equal))
    rows = order[tied]
    order[tied] = rows[np.lexsort((visits.id_low[rows], visits.id_high[rows], key[rows]))]
    return order


@dataclass(slots=True)
class Tally:
    """What portions of walks add up to. `places` touchpoints, met along `route` (the map's order, twice where twice).

    Places are numbered in the order in which they first stand on the map. Of the customers, `followers` met the whole
    route in its order, `skippers` never met a place before the furthest they got to, `loopers` came by the same place
    again or went back, `leavers` were last seen somewhere else than at the end of the route.
    """

    places: int
    route: Sequence[int]
    customers: int = 0
    followers: int = 0
    skippers: int = 0
    loopers: int = 0
    leavers: int = 0
    visits: Integers = field(init=False)
    met: Integers = field(init=False)
    entered: Integers = field(init=False)
    left: Integers = field(init=False)
    skipped: Integers = field(init=False)
    repeated: Integers = field(init=False)
    edge_customers: Integers = field(init=False)
    onward: npt.NDArray[np.bool_] = field(init=False)
    variants: Counter[bytes] = field(default_factory=Counter)
    gaps: list[Words] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.places > MOST_PLACES:
            raise ValueError(f"at most {MOST_PLACES} touchpoints can be counted")
        for name in ("visits", "met", "entered", "left", "skipped", "repeated"):
            setattr(self, name, np.zeros(self.places, np.int64))
        self.edge_customers = np.zeros(self.places * self.places, np.int64)
        self.onward = np.zeros(self.places * self.places, np.bool_)
        for source, target in pairwise(self.route):
            self.onward[source * self.places + target] = True

    def add(self, walks: Walks) -> None:
        """Count the walks of some customers, of whom no other portion has any."""
        if not len(walks.person):
            return
        starts = walks.starts
        ends = np.append(starts[1:], len(walks.person))
        people = len(starts)
        person = np.repeat(np.arange(people), ends - starts)
        place, n = walks.place, self.places
        self.customers += people
        self.visits += np.bincount(place, minlength=n)
        self.entered += np.bincount(place[starts], minlength=n)
        self.left += np.bincount(place[ends - 1], minlength=n)
        self.leavers += int((place[ends - 1] != self.route[-1]).sum())

        same = person[1:] == person[:-1]
        source, target = place[:-1][same], place[1:][same]
        edge = source * n + target
        gap = (walks.at[1:] - walks.at[:-1])[same]
        self.gaps.append((edge.astype(np.uint64) << np.uint64(GAP_BITS)) | gap.astype(np.uint64))
        mover = person[1:][same]
        self.edge_customers += np.bincount(np.unique(mover * (n * n) + edge) % (n * n), minlength=n * n)
        self.loopers += len(np.unique(mover[(target <= source) & ~self.onward[edge]]))

        pairs, times = np.unique(person * n + place, return_counts=True)
        met_by, met = pairs // n, pairs % n
        self.met += np.bincount(met, minlength=n)
        self.repeated += np.bincount(met[times > 1], minlength=n)
        furthest = np.zeros(people, np.int64)
        np.maximum.at(furthest, met_by, met)
        beyond = people - np.cumsum(np.bincount(furthest, minlength=n))
        self.skipped += beyond - np.bincount(met[furthest[met_by] > met], minlength=n)
        self.skippers += int((np.bincount(met_by, minlength=people) < furthest + 1).sum())

        self.followers += followers(place, person, starts, self.route)
        text = place.astype(">u2").tobytes()
        bounds = zip((starts * 2).tolist(), (ends * 2).tolist(), strict=True)
        self.variants.update(text[start:end] for start, end in bounds)

    def edges(self) -> list[Edge]:
        """Every edge that was walked, in map order. Call once: the gaps are sorted and dropped."""
        if not self.gaps:
            return []
        packed = np.concatenate(self.gaps)
        self.gaps.clear()
        packed.sort()
        numbers, first, counts = np.unique(packed >> np.uint64(GAP_BITS), return_index=True, return_counts=True)
        gap = packed & np.uint64((1 << GAP_BITS) - 1)
        found = []
        for number, start, n in zip(numbers.tolist(), first.tolist(), counts.tolist(), strict=True):
            source, target = divmod(number, self.places)
            quartiles = quartiles_of(gap[start : start + n])
            found.append(Edge(source, target, n, int(self.edge_customers[number]), *quartiles))
        return found

    def top_variants(self, most: int = SHOWN_VARIANTS) -> list[tuple[list[int], int]]:
        """The commonest whole walks with how many customers walked them; equal ones in map order."""
        ranked = sorted(self.variants.items(), key=lambda item: (-item[1], item[0]))[:most]
        return [(np.frombuffer(walk, ">u2").tolist(), n) for walk, n in ranked]


@dataclass(frozen=True, slots=True)
class Edge:
    """From one place to the next: how often, by how many customers, and the quartiles of the time between, seconds."""

    source: int
    target: int
    n: int
    customers: int
    q1: float
    median: float
    q3: float


def quartiles_of(ordered: npt.NDArray[Any]) -> tuple[float, float, float]:
    """The quartiles of sorted milliseconds, in seconds; between two values by linear interpolation. Needs one value."""
    last = len(ordered) - 1
    found = []
    for quarter in (1, 2, 3):
        below, rest = divmod(last * quarter, 4)
        value = float(ordered[below])
        if rest:
            value += (float(ordered[below + 1]) - value) * rest / 4
        found.append(value / 1000)
    return found[0], found[1], found[2]


def followers(place: Integers, person: Integers, starts: Integers, route: Sequence[int]) -> int:
    """How many customers met every place of the route in its order; further visits between them do not matter.

    Each place is looked for after the first visit that will do for the one before, which finds a way if there is one.
    """
    walker = np.arange(len(starts))
    position = starts - 1
    for step in route:
        where = np.flatnonzero(place == step)
        following = np.searchsorted(where, position, side="right")
        has_one = following < len(where)
        walker, position = walker[has_one], where[following[has_one]]
        is_same = person[position] == walker
        walker, position = walker[is_same], position[is_same]
    return len(walker)
