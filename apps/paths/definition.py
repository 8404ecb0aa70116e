"""What is to be counted: which events are visits to which touchpoints, along which route, when, and of whom."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import QueryDict

from apps.interactions.event_match import clean_where
from apps.journeys.content import iter_steps
from apps.journeys.map_filters import filters_of
from apps.journeys.queries import MapView, instants
from apps.metrics.filters import read_selection
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor

PERMISSION = "paths.view"


@dataclass(frozen=True, slots=True)
class Matcher:
    """Interactions of this name whose properties hold all of `where` are visits to the touchpoint with this key."""

    key: str
    event: str
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """When and of whom: [start, end), None being open; of `populations` all, of each any; units None are all."""

    start: datetime | None = None
    end: datetime | None = None
    populations: tuple[tuple[str, ...], ...] = ()
    channels: tuple[str, ...] | None = None
    units: tuple[str, ...] | None = None

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for some customers alone."""
        return bool(self.populations) or self.units is not None

    @property
    def is_filtered(self) -> bool:
        """Whether more than the period is limited."""
        return self.is_narrowed or self.channels is not None


@dataclass(frozen=True, slots=True)
class Definition:
    """What a count depends on, beside the interactions themselves.

    `places` are the touchpoints of the map with a matcher, each once, in map order; `route` their numbers as they stand
    on the map, one that stands twice coming twice, but once where it stands twice in a row. `library` are the matchers
    of touchpoints that are not on the map. `channels` are those of the places.
    """

    places: tuple[Matcher, ...]
    route: tuple[int, ...]
    channels: tuple[str, ...]
    library: tuple[Matcher, ...]
    scope: Scope
    question: Mapping[str, Any] = field(default_factory=dict)
    """What else is asked: the two places and the days of a conversion."""

    def as_json(self) -> dict[str, Any]:
        """As JSON that `definition_from` reads."""
        said = asdict(self)
        for name in ("start", "end"):
            moment = said["scope"][name]
            said["scope"][name] = moment.astimezone(UTC).isoformat() if moment else None
        return said

    def digest(self, kind: str, journey_id: UUID) -> str:
        """The same for the same question about the same map."""
        text = json.dumps([kind, str(journey_id), self.as_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def definition_from(said: Mapping[str, Any]) -> Definition:
    """What `as_json` wrote."""
    scope = said["scope"]
    return Definition(
        places=tuple(Matcher(**one) for one in said["places"]),
        route=tuple(said["route"]),
        channels=tuple(said["channels"]),
        library=tuple(Matcher(**one) for one in said["library"]),
        scope=Scope(
            start=datetime.fromisoformat(scope["start"]) if scope["start"] else None,
            end=datetime.fromisoformat(scope["end"]) if scope["end"] else None,
            populations=tuple(tuple(group) for group in scope["populations"]),
            channels=None if scope["channels"] is None else tuple(scope["channels"]),
            units=None if scope["units"] is None else tuple(scope["units"]),
        ),
        question=said["question"],
    )


def read_scope(params: QueryDict, *, actor: Actor, organization: Any) -> Scope:
    """`from`, `to`, `segment`, `persona` and `channel` of a query string, within what the actor may see.

    Raises DomainErrors naming each parameter that cannot be understood.
    """
    selection = read_selection(filters_of(params), actor=actor, organization=organization, permission=PERMISSION)
    start, end = instants(selection)
    return Scope(
        start=start,
        end=end,
        populations=tuple(_texts(group) for group in selection.populations),
        channels=None if selection.channels is None else tuple(sorted(selection.channels)),
        units=None if selection.units is None else _texts(selection.units),
    )


def _texts(ids: Iterable[UUID]) -> tuple[str, ...]:
    return tuple(sorted(map(str, ids)))


def define(view: MapView, scope: Scope) -> Definition:
    """What to count for a map. One query: the matchers of the library."""
    stood = [key for step in iter_steps(view.content["stages"]) for key in step["touchpoints"]]
    matched = [key for key in stood if key in view.touchpoints and matcher_of(view.touchpoints[key])]
    keys = list(dict.fromkeys(matched))
    others = Touchpoint.objects.filter(archived_at=None, event_match__isnull=False).exclude(key__in=keys)
    return Definition(
        places=tuple(found for key in keys if (found := matcher_of(view.touchpoints[key]))),
        route=tuple(keys.index(key) for key, _run in groupby(matched)),
        channels=tuple(view.touchpoints[key].channel for key in keys),
        library=tuple(found for row in others.order_by("key") if (found := matcher_of(row))),
        scope=scope,
    )


def matcher_of(touchpoint: Touchpoint) -> Matcher | None:
    """What says that a customer was there; None when nothing does."""
    match = touchpoint.event_match
    if not match or not match.get("event"):
        return None
    return Matcher(touchpoint.key, match["event"], clean_where(match.get("where"), field="where"))


def by_event(matchers: Sequence[Matcher]) -> dict[str, list[int]]:
    """Numbers of matchers by the event they look at, the one with the most conditions first, then in map order.

    An event that several fit is a visit to the first of them alone: it happened once, at one place.
    """
    found: dict[str, list[int]] = {}
    for number in sorted(range(len(matchers)), key=lambda one: -len(matchers[one].where)):
        found.setdefault(matchers[number].event, []).append(number)
    return found
