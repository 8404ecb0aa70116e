"""Real paths counted the long way, from plain lists: what the product must agree with to the last customer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Event:
    """Something a customer did; equal times count in the order of `number`."""

    who: str
    name: str
    at: datetime
    number: int = 0
    properties: Mapping[str, Any] = field(default_factory=dict)


def place_of(event: Event, matchers: Sequence[tuple[str, str, Mapping[str, Any]]]) -> str | None:
    """The touchpoint an event is a visit to: of those it fits, the one with the most conditions, then the first."""
    fitting = [
        (key, where)
        for key, name, where in matchers
        if name == event.name and all(event.properties.get(one) == value for one, value in where.items())
    ]
    return max(fitting, key=lambda one: len(one[1]))[0] if fitting else None


def count_paths(
    events: Sequence[Event], matchers: Sequence[tuple[str, str, Mapping[str, Any]]], route: Sequence[str]
) -> dict[str, Any]:
    """The API's answer for events that all have a customer. `matchers` are (key, event, where) in map order."""
    walks: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    unmapped: Counter[str] = Counter()
    for event in sorted(events, key=lambda one: (one.at, one.number)):
        key = place_of(event, matchers)
        if key is None:
            unmapped[event.name] += 1
        else:
            walks[event.who].append((key, event.at))
    gaps: dict[tuple[str, str], list[float]] = defaultdict(list)
    movers: dict[tuple[str, str], set[str]] = defaultdict(set)
    for who, walk in walks.items():
        for (source, left), (target, came) in pairwise(walk):
            gaps[source, target].append((came - left).total_seconds())
            movers[source, target].add(who)
    sequences = {who: tuple(key for key, _at in walk) for who, walk in walks.items()}
    follow = sum(is_followed(sequence, route) for sequence in sequences.values())
    order = list(dict.fromkeys(route))
    return {
        "customers": len(walks),
        "follow": (follow, follow / len(walks) if walks else None),
        "edges": {edge: (len(took), len(movers[edge]), median(took)) for edge, took in gaps.items()},
        "variants": Counter(sequences.values()),
        "unmapped": dict(unmapped),
        "skip": sum(is_skipping(set(sequence), order) for sequence in sequences.values()),
        "loop": sum(is_looping(sequence, order, route) for sequence in sequences.values()),
        "drop_off": sum(sequence[-1] != route[-1] for sequence in sequences.values()),
        "touchpoints": {
            key: {
                "customers": sum(key in sequence for sequence in sequences.values()),
                "visits": sum(sequence.count(key) for sequence in sequences.values()),
                "entered": sum(sequence[0] == key for sequence in sequences.values()),
                "left": sum(sequence[-1] == key for sequence in sequences.values()),
                "repeated": sum(sequence.count(key) > 1 for sequence in sequences.values()),
                "skipped": sum(
                    key not in sequence and any(order.index(one) > order.index(key) for one in sequence)
                    for sequence in sequences.values()
                ),
            }
            for key in order
        },
    }


def is_followed(sequence: Sequence[str], route: Sequence[str]) -> bool:
    """Whether the route is met in its order, whatever comes between."""
    rest = iter(sequence)
    return all(any(found == key for found in rest) for key in route)


def is_skipping(met: set[str], order: Sequence[str]) -> bool:
    """Whether a place before the furthest one was never met."""
    furthest = max(order.index(key) for key in met)
    return any(key not in met for key in order[:furthest])


def is_looping(sequence: Sequence[str], order: Sequence[str], route: Sequence[str]) -> bool:
    """Whether some step stays or goes back, where the map does not say so."""
    onward = set(pairwise(route))
    return any(
        order.index(target) <= order.index(source) and (source, target) not in onward
        for source, target in pairwise(sequence)
    )


def as_told(answer: Mapping[str, Any]) -> dict[str, Any]:
    """The API's answer in the shape of `count_paths`."""
    return {
        "customers": answer["customers"],
        "follow": (answer["follow"]["n"], answer["follow"]["rate"]),
        "edges": {
            (edge["from"], edge["to"]): (edge["n"], edge["customers"], edge["median_seconds"])
            for edge in answer["edges"]
        },
        "variants": Counter({tuple(one["touchpoints"]): one["customers"] for one in answer["variants"]}),
        "unmapped": {one["event"]: one["n"] for one in answer["unmapped"]},
        "skip": answer["skip"]["n"],
        "loop": answer["loop"]["n"],
        "drop_off": answer["drop_off"]["n"],
        "touchpoints": {
            one["touchpoint"]: {name: one[name] for name in one if name not in ("touchpoint", "rate")}
            for one in answer["touchpoints"]
        },
    }
