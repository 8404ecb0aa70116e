"""The live layer of a map: what each touchpoint, step and stage measures. Pure: composes what queries have read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from apps.journeys.content import METRICS, StepContent
from apps.journeys.queries import MapView, TouchpointScore
from apps.metrics.statistics import Metric, worst_usable
from apps.touchpoints.models import Touchpoint

ICONS = {
    "web": "world",
    "app": "device-mobile",
    "email": "mail",
    "phone": "phone",
    "sms": "message",
    "chat": "message-chatbot",
    "social": "share",
    "in_person": "building-store",
    "mail": "file-text",
    "kiosk": "device-tablet",
    "qr": "qrcode",
    "widget": "layout-board",
    "api": "plug",
    "other": "circle-dot",
}


class Links(Protocol):
    """Where numbers lead; each gives "" for a page this person may not open."""

    def answers(self, touchpoint: str, metric: str) -> str: ...
    def new_survey(self, touchpoint: str) -> str: ...
    def ideas_of(self, touchpoint: str) -> str: ...


@dataclass(frozen=True)
class Chip:
    """One live score and the answers behind it."""

    name: str
    metric: Metric
    url: str
    target: float | None

    @property
    def label(self) -> str:
        """NPS, CSAT or CES."""
        return self.name.upper()


@dataclass(frozen=True)
class Place:
    """A touchpoint on a step. `chips` are the metrics that somebody has answered, the map's own first."""

    id: str
    version: int
    key: str
    name: str
    icon: str
    touchpoint: Touchpoint | None
    chips: list[Chip]
    survey_url: str = ""
    ideas_url: str = ""
    volume: int = 0
    open_cases: int = 0
    ideas: int = 0


@dataclass(frozen=True)
class StageScore:
    """The worst usable touchpoint of a stage by the map's metric, and how many answers the stage has in all."""

    worst: Chip | None
    worst_name: str
    answers: int


@dataclass(frozen=True)
class LiveLayer:
    """What is known of the touchpoints of a map, by touchpoint id; some may be missing."""

    view: MapView
    scores: Mapping[UUID, TouchpointScore]
    ideas: Mapping[UUID, int]
    links: Links

    def places(self, step: StepContent) -> list[Place]:
        """The touchpoints of a step, in order."""
        return [self._place(step["id"], key) for key in step["touchpoints"]]

    def _place(self, step_id: str, key: str) -> Place:
        identifier = self.view.places.get((step_id, key), f"{step_id}-{key}")
        touchpoint = self.view.touchpoints.get(key)
        if touchpoint is None:
            return Place(identifier, 0, key, key, "circle-dot", None, [])
        score = self.scores.get(touchpoint.pk)
        metric = self.view.content["metric"]
        order = (metric, *(name for name in METRICS if name != metric))
        chips = [
            Chip(name, found, self.links.answers(key, name), touchpoint.target.get(name))
            for name in order
            if score and (found := score.metrics.get(name))
        ]
        return Place(
            id=identifier,
            version=self.view.versions.get(identifier, 0),
            key=key,
            name=touchpoint.name,
            icon=ICONS.get(touchpoint.channel, "circle-dot"),
            touchpoint=touchpoint,
            chips=chips,
            survey_url="" if chips else self.links.new_survey(key),
            ideas_url=self.links.ideas_of(key),
            volume=score.volume if score else 0,
            open_cases=score.open_cases if score else 0,
            ideas=self.ideas.get(touchpoint.pk, 0),
        )


def stage_score(places: Sequence[Place], metric: str) -> StageScore:
    """What a stage shows of its touchpoints."""
    found = [(place, chip) for place in places for chip in place.chips if chip.name == metric]
    worst = worst_of([chip.metric for _place, chip in found])
    place, chip = next(((place, chip) for place, chip in found if chip.metric is worst), (None, None))
    return StageScore(chip, place.name if place else "", sum(chip.metric.n for _place, chip in found))


def worst_of(metrics: list[Metric]) -> Metric | None:
    """The worst usable score; None when none is usable, or scores of two rules cannot be ranked."""
    if len({metric.rule for metric in metrics}) > 1:
        return None
    return worst_usable(metrics)
