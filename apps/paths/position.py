"""Where a customer is on the maps: the last touchpoint met, the way there, what comes next, and the worst score so far.

What customers do next is told from the newest visits to the touchpoint where this one is, so it costs the same however
many there were: nobody's whole history is counted for a profile.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.interactions.event_queries import time_of
from apps.interactions.models import Interaction
from apps.journeys.content import iter_steps
from apps.journeys.models import JourneyVersion
from apps.metrics.statistics import RULES
from apps.paths.counting import quartiles_of
from apps.paths.definition import PERMISSION, Matcher, by_event, matcher_of
from apps.surveys.models import Response
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import current_tenant_id
from cxm.statistics import wilson_bounds

MOST_MAPS: Final = 20
MOST_VISITS: Final = 500
"""The newest interactions of a customer that are looked at."""
RECENT: Final = 1_000
"""What customers do next is told from so many newest visits to a touchpoint."""
ENOUGH: Final = 10
"""Customers who went on, below which nobody is called late."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit on the path so far."""

    touchpoint: Touchpoint
    at: datetime


@dataclass(frozen=True, slots=True)
class Following:
    """How many of the newest visits led to this touchpoint next (None: to none so far), and the quartiles of the wait.

    `rate`, `low` and `high` are shares of all those visits with Wilson's 95 % interval.
    """

    touchpoint: Touchpoint | None
    n: int
    rate: float
    low: float
    high: float
    median_seconds: float | None
    q3_seconds: float | None


@dataclass(frozen=True, slots=True)
class WorstScore:
    """The lowest score that the customer gave about a touchpoint of the map, as a share of its scale."""

    answer_id: UUID
    touchpoint: Touchpoint
    metric: str
    score: int
    scale: int
    at: datetime


@dataclass(slots=True)
class Position:
    """Where a customer is on one map. `step` is the one at which the last touchpoint stands."""

    journey_id: UUID
    name: str
    version: int
    stage: str
    step: str
    path: list[Visit]
    expected: Touchpoint | None
    expected_step: str
    following: list[Following] = field(default_factory=list)
    recent: int = 0
    waited_seconds: float = 0.0
    typical_seconds: float | None = None
    late_after_seconds: float | None = None
    worst: WorstScore | None = None

    @property
    def last(self) -> Visit:
        """The last visit."""
        return self.path[-1]

    @property
    def is_late(self) -> bool:
        """Whether three quarters of those who went on had done so by now. False while too few went on to tell."""
        return self.late_after_seconds is not None and self.waited_seconds > self.late_after_seconds

    def as_json(self) -> dict[str, Any]:
        """As the API answers it."""
        return {
            "journey": str(self.journey_id),
            "name": self.name,
            "version": self.version,
            "stage": self.stage,
            "step": self.step,
            "touchpoint": self.last.touchpoint.key,
            "at": _moment(self.last.at),
            "path": [{"touchpoint": one.touchpoint.key, "at": _moment(one.at)} for one in self.path],
            "expected": {"touchpoint": self.expected.key, "step": self.expected_step} if self.expected else None,
            "next": [
                {
                    "touchpoint": one.touchpoint.key if one.touchpoint else None,
                    "n": one.n,
                    "rate": one.rate,
                    "low": one.low,
                    "high": one.high,
                    "median_seconds": one.median_seconds,
                }
                for one in self.following
            ],
            "next_of": self.recent,
            "waited_seconds": self.waited_seconds,
            "typical_seconds": self.typical_seconds,
            "late": self.is_late,
            "worst": {
                "touchpoint": self.worst.touchpoint.key,
                "metric": self.worst.metric,
                "score": self.worst.score,
                "scale": self.worst.scale,
                "at": _moment(self.worst.at),
            }
            if self.worst
            else None,
        }


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class _Place:
    touchpoint: Touchpoint
    stage: str
    step: str


@dataclass(frozen=True, slots=True)
class _Map:
    """A published map: where each touchpoint first stands, in map order, and what says that somebody was there."""

    version: JourneyVersion
    places: list[_Place]
    matchers: list[Matcher]
    route: list[int]

    @property
    def numbers(self) -> dict[str, list[int]]:
        """Matchers by event, the one that counts first."""
        return by_event(self.matchers)


def position_of(actor: Actor, customer: Customer) -> list[Position]:
    """Where a customer is on each published map they touched, the newest first. Five queries, whatever there is.

    Maps of how it shall be are left out: nobody walks them yet. Raises NotAllowed.
    """
    actor.require(PERMISSION, customer.unit_id)
    maps = _published()
    visits = _visits(customer, {one.event for found in maps for one in found.matchers}) if maps else []
    at = now()
    positions, asked = [], []
    for found in maps:
        walked = _walk(found, visits)
        if walked:
            positions.append(_position(found, walked, at))
            asked.append((found, walked[-1][0]))
    if not positions:
        return []
    following = _following(actor, asked)
    for number, (position, (found, _place)) in enumerate(zip(positions, asked, strict=True)):
        _tell_following(position, found, following.get(number, {}))
    if actor.can("feedback.view", customer.unit_id):
        _tell_worst(positions, [found for found, _place in asked], customer)
    return sorted(positions, key=lambda one: one.last.at, reverse=True)


def _published() -> list[_Map]:
    """The maps in force with their touchpoints. Two queries."""
    rows = JourneyVersion.objects.filter(
        journey__archived_at=None, journey__kind="as_is", number=F("journey__published_version")
    )
    versions = list(rows.order_by("-published_at", "-pk")[:MOST_MAPS])
    keys = {key for version in versions for key in version.touchpoint_ids}
    library = {row.key: row for row in Touchpoint.objects.filter(key__in=keys)}
    found = []
    for version in versions:
        places: dict[str, _Place] = {}
        stood: list[str] = []
        for stage in version.content["stages"]:
            for step in iter_steps([stage]):
                for key in step["touchpoints"]:
                    if key in library and matcher_of(library[key]):
                        places.setdefault(key, _Place(library[key], stage["name"], step["name"]))
                        stood.append(key)
        keys_in_order = list(places)
        matchers = [match for place in places.values() if (match := matcher_of(place.touchpoint))]
        found.append(_Map(version, list(places.values()), matchers, [keys_in_order.index(key) for key in stood]))
    return found


def _visits(customer: Customer, events: Iterable[str]) -> list[tuple[UUID, str, Mapping[str, Any]]]:
    """The newest interactions of a customer under these names, oldest first. One query by the customer's index."""
    rows = Interaction.objects.filter(customer=customer, event__in=sorted(events)).order_by("-id")
    return list(rows.values_list("id", "event", "properties")[:MOST_VISITS])[::-1]


def _walk(found: _Map, visits: Sequence[tuple[UUID, str, Mapping[str, Any]]]) -> list[tuple[int, datetime]]:
    """The visits to the places of a map."""
    numbers = found.numbers
    walked = []
    for pk, event, said in visits:
        for number in numbers.get(event, ()):
            if _holds(said, found.matchers[number].where):
                walked.append((number, time_of(pk)))
                break
    return walked


def _holds(said: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Whether properties hold all of these as the database compares them, to whom true is no number."""
    return all(name in said and _same(said[name], value) for name, value in where.items())


def _same(said: Any, value: Any) -> bool:
    if isinstance(said, bool) or isinstance(value, bool):
        return said is value
    return bool(said == value)


def _position(found: _Map, walked: list[tuple[int, datetime]], at: datetime) -> Position:
    number, last_at = walked[-1]
    place = found.places[number]
    where = found.route.index(number)
    further = next((one for one in found.route[where + 1 :] if one != number), None)
    return Position(
        journey_id=found.version.journey_id,
        name=found.version.content["name"],
        version=found.version.number,
        stage=place.stage,
        step=place.step,
        path=[Visit(found.places[one].touchpoint, when) for one, when in walked],
        expected=found.places[further].touchpoint if further is not None else None,
        expected_step=found.places[further].step if further is not None else "",
        waited_seconds=max(0.0, (at - last_at).total_seconds()),
    )


_NEXT: Final = """
    WITH matchers AS (
        SELECT * FROM unnest(%(maps)s::int[], %(places)s::int[], %(events)s::text[], %(wheres)s::jsonb[],
                             %(ranks)s::int[]) AS m(map, place, event, conditions, rank)
    )
    SELECT here.map, following.place, visit.id, following.id
      FROM matchers here
     CROSS JOIN LATERAL (
           SELECT i.id, i.customer_id FROM interactions_interaction i
            WHERE i.tenant_id = %(tenant)s AND i.event = here.event AND i.customer_id IS NOT NULL
              AND (here.conditions = '{{}}' OR i.properties @> here.conditions){units}
            ORDER BY i.id DESC LIMIT %(recent)s
     ) visit
      LEFT JOIN LATERAL (
           SELECT i.id, m.place FROM interactions_interaction i
             JOIN matchers m ON m.map = here.map AND m.event = i.event AND i.properties @> m.conditions
            WHERE i.tenant_id = %(tenant)s AND i.customer_id = visit.customer_id AND i.id > visit.id
            ORDER BY i.id, m.rank LIMIT 1
     ) following ON TRUE
     WHERE here.place = (%(here)s::int[])[here.map + 1]
"""


def _following(actor: Actor, asked: Sequence[tuple[_Map, int]]) -> dict[int, dict[int | None, list[float]]]:
    """For each map, how long the newest visits to a place took to each next place, ms; None for no next. One query."""
    rows = [
        (number, place, found.matchers[place], rank)
        for number, (found, _here) in enumerate(asked)
        for rank, place in enumerate(one for numbers in found.numbers.values() for one in numbers)
    ]
    units = actor.visible_units(PERMISSION)
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT.format(units="" if units is None else " AND i.unit_id = ANY(%(units)s::uuid[])"),
            {
                "tenant": str(current_tenant_id()),
                "maps": [number for number, _place, _matcher, _rank in rows],
                "places": [place for _number, place, _matcher, _rank in rows],
                "events": [matcher.event for _number, _place, matcher, _rank in rows],
                "wheres": [json.dumps(dict(matcher.where)) for _number, _place, matcher, _rank in rows],
                "ranks": [rank for _number, _place, _matcher, rank in rows],
                "here": [here for _found, here in asked],
                "recent": RECENT,
                "units": [str(unit) for unit in units or ()],
            },
        )
        found: dict[int, dict[int | None, list[float]]] = {}
        for number, place, visit, following in cursor.fetchall():
            took = (time_of(following) - time_of(visit)).total_seconds() if following else 0.0
            found.setdefault(number, {}).setdefault(place, []).append(took)
    return found


def _tell_following(position: Position, found: _Map, took: Mapping[int | None, list[float]]) -> None:
    position.recent = sum(map(len, took.values()))
    for place, n in Counter({place: len(times) for place, times in took.items()}).most_common():
        low, high = wilson_bounds(n, position.recent)
        _q1, median, q3 = _quartiles(took[place]) if place is not None else (None, None, None)
        touchpoint = found.places[place].touchpoint if place is not None else None
        position.following.append(Following(touchpoint, n, n / position.recent, low, high, median, q3))
    went_on = [time for place, times in took.items() if place is not None for time in times]
    if went_on:
        _q1, position.typical_seconds, q3 = _quartiles(went_on)
        position.late_after_seconds = q3 if len(went_on) >= ENOUGH else None


def _quartiles(times: Sequence[float]) -> tuple[float, float, float]:
    return quartiles_of([1000 * time for time in sorted(times)])  # type: ignore[arg-type]


def _tell_worst(positions: Sequence[Position], maps: Sequence[_Map], customer: Customer) -> None:
    """The lowest of the customer's own answers about the touchpoints of each map. One query by the customer's index."""
    rows = Response.objects.filter(
        customer=customer, touchpoint__isnull=False, score__isnull=False, survey__anonymous=False
    )
    answers = list(
        rows.order_by("-occurred_at").values_list("pk", "touchpoint_id", "metric", "score", "scale", "occurred_at")
    )
    for position, found in zip(positions, maps, strict=True):
        on_map = {place.touchpoint.pk: place.touchpoint for place in found.places}
        told = [
            (_goodness(metric, score, scale), WorstScore(pk, on_map[touchpoint], metric, score, scale, at))
            for pk, touchpoint, metric, score, scale, at in answers
            if touchpoint in on_map and score is not None and scale is not None and scale > 1
        ]
        position.worst = min(told, key=lambda one: one[0])[1] if told else None


def _goodness(metric: str, score: int, scale: int) -> float:
    """A score as a share 0..1 of its scale, 1 being best: scales of eleven points begin at 0, the others at 1."""
    lowest = 0 if scale == 11 else 1
    share = (score - lowest) / (scale - 1)
    is_effort = metric == "ces" and any(
        rule.metric == "ces" and scale in rule.scales and not rule.higher_is_better for rule in RULES.values()
    )
    return 1 - share if is_effort else share
