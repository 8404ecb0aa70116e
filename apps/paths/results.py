"""From counted walks to the numbers of a report, as JSON: what the API answers and pages show."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from apps.paths.counting import Tally
from apps.paths.definition import Definition
from cxm.statistics import wilson_bounds

MOST_EVENTS = 500
"""Events off the map that are listed, the most frequent first."""


def share(hits: int, of: int) -> dict[str, Any]:
    """A share 0..1 with Wilson's 95 % interval; None where there is nobody to take a share of."""
    if not of:
        return {"n": hits, "rate": None, "low": None, "high": None}
    low, high = wilson_bounds(hits, of)
    return {"n": hits, "rate": hits / of, "low": low, "high": high}


def as_result(
    tally: Tally,
    definition: Definition,
    *,
    anonymous: int,
    unclaimed: Sequence[tuple[str, int]],
    elsewhere: Sequence[tuple[str, str, int]],
) -> dict[str, Any]:
    """The numbers of a map's real paths. Counts of customers, with shares of all `customers`."""
    keys = [place.key for place in definition.places]
    people = tally.customers
    onward = set(pairwise(definition.route))
    edges = [
        {
            "from": keys[edge.source],
            "to": keys[edge.target],
            "n": edge.n,
            "customers": edge.customers,
            "median_seconds": edge.median,
            "q1_seconds": edge.q1,
            "q3_seconds": edge.q3,
            "kind": _kind(edge.source, edge.target, onward),
            "rate": edge.customers / people,
        }
        for edge in tally.edges()
    ]
    return {
        "customers": people,
        "follow": share(tally.followers, people),
        "edges": edges,
        "variants": [
            {"touchpoints": [keys[place] for place in walk], "customers": n, "rate": n / people}
            for walk, n in tally.top_variants()
        ],
        "variant_count": len(tally.variants),
        "unmapped": [{"event": event, "n": n} for event, n in unclaimed[:MOST_EVENTS]],
        "elsewhere": [{"event": event, "touchpoint": key, "n": n} for event, key, n in elsewhere[:MOST_EVENTS]],
        "skip": share(tally.skippers, people),
        "loop": share(tally.loopers, people),
        "drop_off": share(tally.leavers, people),
        "touchpoints": [
            {
                "touchpoint": key,
                "customers": int(tally.met[place]),
                "rate": int(tally.met[place]) / people if people else None,
                "visits": int(tally.visits[place]),
                "entered": int(tally.entered[place]),
                "left": int(tally.left[place]),
                "skipped": int(tally.skipped[place]),
                "repeated": int(tally.repeated[place]),
            }
            for place, key in enumerate(keys)
        ],
        "anonymous": anonymous,
    }


def _kind(source: int, target: int, onward: set[tuple[int, int]]) -> str:
    """`repeat` stays, `next` goes to the map's next touchpoint, `skip` leaves some out, `back` returns."""
    if source == target:
        return "repeat"
    if (source, target) in onward:
        return "next"
    return "skip" if target > source else "back"
