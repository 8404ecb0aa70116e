"""The live layer of a map: what each touchpoint, step and stage measures. Pure: composes what queries have read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Protocol, cast
from uuid import UUID

from django.utils.translation import gettext as _

from apps.journeys.content import METRICS, StepContent
from apps.journeys.queries import MapView, TouchpointScore
from apps.metrics.asked import Asked
from apps.metrics.queries import Change
from apps.metrics.statistics import Metric, worst_usable
from apps.touchpoints.models import Touchpoint
from cxm.charts import Unit, signed_change
from cxm.charts.figures import interval

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

    def answers(self, touchpoint: str, metric: str, since: datetime | None = None) -> str: ...
    def new_survey(self, touchpoint: str) -> str: ...
    def ideas_of(self, touchpoint: str) -> str: ...


@dataclass(frozen=True)
class Trend:
    """A change that is more than chance: which way the arrow points, whether that is good, and the words for it."""

    icon: str
    tone: str
    words: str


@dataclass(frozen=True)
class Chip:
    """One live score and the answers behind it.

    `metric` is None where the answers cannot be added, because they were given on different scales. `asked` are the
    questions that were answered; `trend` stands only where the score clearly moved since the period before.
    """

    name: str
    metric: Metric | None
    url: str
    target: float | None
    asked: Sequence[Asked] = ()
    trend: Trend | None = None

    @property
    def label(self) -> str:
        """NPS, CSAT or CES."""
        return self.name.upper()

    @property
    def mixed(self) -> str:
        """Why the answers at this one touchpoint are not to one question; "" when they are."""
        for one, other in combinations(self.asked, 2):
            if one.scale != other.scale:
                scales = {"one": one.scale, "other": other.scale}
                return _("Asked on %(one)s points and on %(other)s.") % scales
            if not one.same_question(other):
                return _("Asked as “%(one)s” and as “%(other)s”.") % {"one": one.title, "other": other.title}
        return ""


@dataclass(frozen=True)
class Place:
    """A touchpoint on a step. `chips` are the metrics that somebody has answered, the map's own first.

    `since` is when its scores start anew, if a version of the map changed it within the period shown.
    """

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
    since: datetime | None = None


@dataclass(frozen=True)
class Measured:
    """The score that stands for several touchpoints, or why there is none.

    `chip` is the worst usable touchpoint; while none has 30 answers, the one with most. `mixed` says in a sentence why
    the touchpoints cannot be compared; `answers` counts those of all of them.
    """

    chip: Chip | None = None
    place: Place | None = None
    mixed: str = ""
    answers: int = 0
    is_hidden: bool = False

    @property
    def metric(self) -> Metric | None:
        """The score itself."""
        return self.chip.metric if self.chip else None

    @property
    def is_usable(self) -> bool:
        """Whether it rests on 30 answers or more."""
        return self.metric is not None and self.metric.usable

    @property
    def worst(self) -> Chip | None:
        """The worst touchpoint, once one is usable."""
        return self.chip if self.is_usable else None

    @property
    def worst_name(self) -> str:
        """The name of that touchpoint."""
        return self.place.name if self.place and self.is_usable else ""


@dataclass(frozen=True)
class LiveLayer:
    """What is known of the touchpoints of a map, by touchpoint id; some may be missing."""

    view: MapView
    scores: Mapping[UUID, TouchpointScore]
    ideas: Mapping[UUID, int]
    links: Links
    _chips: dict[UUID, list[Chip]] = field(default_factory=dict, repr=False)

    def places(self, step: StepContent) -> list[Place]:
        """The touchpoints of a step, in order."""
        return [self._place(step["id"], key) for key in step["touchpoints"]]

    def _place(self, step_id: str, key: str) -> Place:
        identifier = self.view.places.get((step_id, key), f"{step_id}-{key}")
        touchpoint = self.view.touchpoints.get(key)
        if touchpoint is None:
            return Place(identifier, 0, key, key, "circle-dot", None, [])
        score = self.scores.get(touchpoint.pk)
        chips = self._chips.get(touchpoint.pk)
        if chips is None:
            chips = self._chips[touchpoint.pk] = self._chips_of(touchpoint, score)
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
            since=score.since if score else None,
        )

    def _chips_of(self, touchpoint: Touchpoint, score: TouchpointScore | None) -> list[Chip]:
        if score is None:
            return []
        metric = self.view.content["metric"]
        chips = []
        for name in (metric, *(name for name in METRICS if name != metric)):
            found, asked = score.metrics.get(name), score.asked.get(name, ())
            on_scales = {one.scale for one in asked}
            if found is None and len(on_scales) < 2:
                continue
            chips.append(
                Chip(
                    name=name,
                    metric=found,
                    url=self.links.answers(touchpoint.key, name, score.since),
                    target=touchpoint.target.get(name),
                    asked=asked,
                    trend=_trend(score.changes.get(name), found, asked),
                )
            )
        return chips


def _trend(change: Change | None, metric: Metric | None, asked: Iterable[Asked]) -> Trend | None:
    """The arrow beside a score; none while chance could explain the move, or the question became another one."""
    if change is None or metric is None or not change.significant or any(one.changed_at for one in asked):
        return None
    unit = cast(Unit, change.unit)
    told = _("better than in the period before") if change.better else _("worse than in the period before")
    moved = f"{signed_change(change.difference, unit)} ({interval(change.low, change.high, unit)})"
    return Trend(
        icon="trending-up" if change.difference > 0 else "trending-down",
        tone="cx-up" if change.better else "cx-down",
        words=f"{told}: {moved}",
    )


def measured_of(places: Iterable[Place], metric: str) -> Measured:
    """What stands for the touchpoints of a step or stage, each counted once, by the metric of the map."""
    once = {place.key: place for place in places}
    found = [(place, chip) for place in once.values() for chip in place.chips if chip.name == metric]
    answers = sum(chip.metric.n for _place, chip in found if chip.metric is not None)
    mixed = why_not_comparable(found)
    if mixed:
        return Measured(mixed=mixed, answers=answers)
    told = [(place, chip) for place, chip in found if chip.metric is not None and chip.metric.value is not None]
    if not told:
        return Measured(
            answers=answers, is_hidden=any(chip.metric and chip.metric.suppressed for _place, chip in found)
        )
    worst = worst_usable([chip.metric for _place, chip in told if chip.metric])
    most = max(told, key=lambda pair: pair[1].metric.n if pair[1].metric else 0)
    place, chip = next((pair for pair in told if pair[1].metric is worst), most)
    return Measured(chip, place, "", answers)


def why_not_comparable(found: Sequence[tuple[Place, Chip]]) -> str:
    """The sentence that says why these scores are not ranked among each other; "" when they may be."""
    asking = [(place.name, one) for place, chip in found for one in chip.asked]
    for (name, one), (other_name, other) in combinations(asking, 2):
        if one.scale != other.scale:
            return _("%(one)s is asked on %(points)s points, %(other)s on %(other_points)s.") % {
                "one": name,
                "points": one.scale,
                "other": other_name,
                "other_points": other.scale,
            }
        if not one.same_question(other):
            return _("%(one)s asks “%(title)s”, %(other)s asks “%(other_title)s”.") % {
                "one": name,
                "title": one.title,
                "other": other_name,
                "other_title": other.title,
            }
    if len({chip.metric.rule for _place, chip in found if chip.metric}) > 1:
        return _("These touchpoints are scored by different rules.")
    return ""
