"""What upper apps know about touchpoints, for the pages of this app and of the map.

Filled from `apps/<x>/wiring.py` of the apps above (maps, surveys, scores, ideas; later interactions and cases). Every
source is asked for many touchpoints at once, so that a list costs the same number of queries however long it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from django.http import QueryDict

from cxm.actor import Actor


@dataclass(frozen=True)
class Use:
    """Something a touchpoint is used in. `url_name` is reversed with the organisation's slug and `object_id`."""

    label: str
    url_name: str
    object_id: UUID | str
    note: str = ""


class UseSource(Protocol):
    """Uses by touchpoint id; ids without any may be missing."""

    def __call__(self, *, actor: Actor, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[Use]]: ...


class FigureSource(Protocol):
    """Counts by touchpoint id from `start` until before `end` (None = open); ids without any may be missing."""

    def __call__(
        self, *, touchpoint_ids: Collection[UUID], start: datetime | None, end: datetime | None
    ) -> Mapping[UUID, int]: ...


class ScoreSource(Protocol):
    """Metrics by touchpoint id and name (nps, csat, ces) over what the filters of a query string name."""

    def __call__(self, *, actor: Actor, organization: Any, params: QueryDict) -> Mapping[UUID, Mapping[str, Any]]: ...


@dataclass(frozen=True)
class AskedThere:
    """A scored question that a survey asks at a touchpoint. `scale` says its ends ("0 to 10").

    `differs` says in a sentence why its score cannot be added to that of another question there, "" when it can.
    """

    survey: str
    url_name: str
    object_id: UUID
    state: str
    metric: str
    wording: str
    scale: str
    differs: str = ""


class AskedSource(Protocol):
    """The scored questions by touchpoint id; ids without any may be missing."""

    def __call__(self, *, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[AskedThere]]: ...


@dataclass(frozen=True)
class UseKind:
    """One kind of use: maps, surveys, ideas."""

    name: str
    title: Any
    permission: str
    source: UseSource
    keeps: bool


USES: dict[str, UseKind] = {}
FIGURES: dict[str, FigureSource] = {}
_scores: list[ScoreSource] = []
_changes: list[ScoreSource] = []
_asked: list[AskedSource] = []


def register_uses(name: str, *, title: Any, permission: str, source: UseSource, keeps: bool = False) -> None:
    """Add a kind of use. `keeps`: a touchpoint with one cannot be deleted, only archived."""
    USES[name] = UseKind(name, title, permission, source, keeps)


def register_figure(name: str, source: FigureSource) -> None:
    """Add a count such as `volume`, `open_cases` or `ideas`."""
    FIGURES[name] = source


def register_scores(source: ScoreSource) -> None:
    """Say who measures."""
    _scores[:] = [source]


def register_changes(source: ScoreSource) -> None:
    """Say who knows how scores moved since the period of equal length before."""
    _changes[:] = [source]


def register_asked(source: AskedSource) -> None:
    """Say who knows what surveys ask at touchpoints."""
    _asked[:] = [source]


def asked_at(actor: Actor, touchpoint_id: UUID) -> list[AskedThere]:
    """The scored questions asked at a touchpoint; [] for who may not see surveys."""
    if not _asked or not actor.can("surveys.view"):
        return []
    return list(_asked[0](touchpoint_ids=[touchpoint_id]).get(touchpoint_id, []))


def uses_of(actor: Actor, touchpoint_ids: Collection[UUID]) -> dict[str, Mapping[UUID, list[Use]]]:
    """Uses by kind, of the kinds this actor may see. One call of each source."""
    return {
        kind.name: kind.source(actor=actor, touchpoint_ids=touchpoint_ids)
        for kind in USES.values()
        if actor.can(kind.permission)
    }


def figure(
    name: str, touchpoint_ids: Collection[UUID], start: datetime | None = None, end: datetime | None = None
) -> Mapping[UUID, int]:
    """A registered count; nothing for a name that nobody has registered."""
    source = FIGURES.get(name)
    return source(touchpoint_ids=touchpoint_ids, start=start, end=end) if source else {}


def scores_of(*, actor: Actor, organization: Any, params: QueryDict) -> Mapping[UUID, Mapping[str, Any]]:
    """Metrics by touchpoint id and name; {} when nobody measures or the actor may not see metrics."""
    if not _scores or not actor.can("metrics.view"):
        return {}
    return _scores[0](actor=actor, organization=organization, params=params)


def changes_of(*, actor: Actor, organization: Any, params: QueryDict) -> Mapping[UUID, Mapping[str, Any]]:
    """Changes of scores since the period before, by touchpoint id and metric; {} as for `scores_of`."""
    if not _changes or not actor.can("metrics.view"):
        return {}
    return _changes[0](actor=actor, organization=organization, params=params)
