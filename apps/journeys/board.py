"""A map as a board: columns, lanes, live scores, and belief against measurement. Composes what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast
from uuid import UUID

from django.templatetags.static import static
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.journeys.content import (
    METRICS,
    CardContent,
    StageContent,
    StepContent,
    evidence_title,
    lane_key,
    lane_title,
    lanes_of,
)
from apps.journeys.queries import MapView, TouchpointScore
from apps.metrics.statistics import Comparison, Metric, Reading, compare_beliefs, worst_usable
from apps.touchpoints.models import Touchpoint
from cxm.charts import EmotionStep, Unit, emotion_lane, figure_with_interval

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
LANE_LOOKS = {
    "actions": ("arrows-move", ""),
    "thoughts": ("quote", "cx-k-th"),
    "pain_points": ("alert-triangle", "cx-k-pp"),
    "opportunities": ("bulb", "cx-k-op"),
}
SPRITE = "vendor/tabler-icons/sprite.svg"


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
class Note:
    """A card in its lane."""

    id: str
    version: int
    text: str
    evidence: str


@dataclass(frozen=True)
class Column:
    """A step; `id` is "" for a stage that has none yet."""

    id: str
    name: str
    version: int
    stage: str
    belief: float | None
    places: list[Place] = field(default_factory=list)
    notes: list[tuple[str, list[Note]]] = field(default_factory=list)
    """The cards again, by the title of their lane: for the table."""


@dataclass(frozen=True)
class StageHead:
    """A stage over its columns, with its worst usable touchpoint by the map's metric."""

    id: str
    name: str
    duration: str
    version: int
    columns: list[Column]
    worst: Chip | None
    worst_name: str
    answers: int

    @property
    def span(self) -> int:
        """How many columns it covers."""
        return len(self.columns)


@dataclass(frozen=True)
class Lane:
    """A row of cards; `cells` has one list for each column."""

    key: str
    title: str
    hint: str
    icon: str
    css: str
    cells: list[tuple[Column, list[Note]]]


@dataclass(frozen=True)
class Delusion:
    """A step whose customers say clearly otherwise than the team believes."""

    step: str
    words: str
    score: str


@dataclass(frozen=True)
class Board:
    """Everything the page draws."""

    stages: list[StageHead]
    columns: list[Column]
    lanes: list[Lane]
    shows_steps: bool
    emotion: SafeString
    delusions: list[Delusion]
    metric: str
    measured: bool


def build_board(
    view: MapView,
    scores: Mapping[UUID, TouchpointScore],
    ideas: Mapping[UUID, int],
    *,
    links: Links,
    editable: bool,
    evidence: str = "",
) -> Board:
    """Lay out a map. Pure: no query. `scores` and `ideas` are by touchpoint id and may miss some."""
    drawing = _Drawing(view, scores, ideas, links)
    metric = view.content["metric"]
    stages = [drawing.stage(raw) for raw in view.content["stages"]]
    columns = [column for stage in stages for column in stage.columns]
    raw_steps = {step["id"]: step for stage in view.content["stages"] for step in stage["steps"]}
    lanes = [_lane(view, key, columns, raw_steps, evidence) for key in lanes_of(view.content["stages"])]
    comparisons = _compare(columns, metric)
    return Board(
        stages=stages,
        columns=columns,
        lanes=lanes,
        shows_steps=any(stage.span != 1 or stage.columns[0].name not in (stage.name, "") for stage in stages),
        emotion=_emotion(columns, comparisons, metric, editable=editable and bool(raw_steps)),
        delusions=_delusions(columns, comparisons, metric),
        metric=metric,
        measured=any(comparison.measured is not None for comparison in comparisons),
    )


@dataclass(frozen=True)
class _Drawing:
    """What every part of the board is drawn from."""

    view: MapView
    scores: Mapping[UUID, TouchpointScore]
    ideas: Mapping[UUID, int]
    links: Links

    def stage(self, raw: StageContent) -> StageHead:
        columns = [self.column(raw["id"], step) for step in raw["steps"]]
        if not columns:
            columns = [Column(id="", name="", version=0, stage=raw["id"], belief=None)]
        metric = self.view.content["metric"]
        found = [
            (place, chip)
            for column in columns
            for place in column.places
            for chip in place.chips
            if chip.name == metric
        ]
        worst = _worst([chip.metric for _place, chip in found])
        place, chip = next(((place, chip) for place, chip in found if chip.metric is worst), (None, None))
        return StageHead(
            id=raw["id"],
            name=raw["name"],
            duration=raw["duration"],
            version=self.view.versions.get(raw["id"], 0),
            columns=columns,
            worst=chip,
            worst_name=place.name if place else "",
            answers=sum(chip.metric.n for _place, chip in found),
        )

    def column(self, stage_id: str, step: StepContent) -> Column:
        return Column(
            id=step["id"],
            name=step["name"],
            version=self.view.versions.get(step["id"], 0),
            stage=stage_id,
            belief=step["belief"],
            places=[self.place(step["id"], key) for key in step["touchpoints"]],
        )

    def place(self, step_id: str, key: str) -> Place:
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


def _worst(metrics: list[Metric]) -> Metric | None:
    """The worst usable score; None when none is usable, or scores of two rules cannot be ranked."""
    if len({metric.rule for metric in metrics}) > 1:
        return None
    return worst_usable(metrics)


def _lane(view: MapView, key: str, columns: list[Column], raw_steps: Mapping[str, StepContent], evidence: str) -> Lane:
    icon, css = LANE_LOOKS.get(key, ("note", ""))
    hints = {
        "actions": _("What they do"),
        "thoughts": _("In their words"),
        "pain_points": _("What hurts"),
        "opportunities": _("What could be better"),
    }
    cells = []
    for column in columns:
        cards = raw_steps[column.id]["cards"] if column.id else []
        notes = [_note(view, card) for card in cards if _shown(card, key, evidence)]
        cells.append((column, notes))
        if notes:
            column.notes.append((lane_title(key), notes))
    return Lane(key=key, title=lane_title(key), hint=hints.get(key, ""), icon=icon, css=css, cells=cells)


def _shown(card: CardContent, lane: str, evidence: str) -> bool:
    return lane_key(card["lane"]) == lane and evidence in ("", card["evidence"])


def _note(view: MapView, card: CardContent) -> Note:
    words = "" if card["evidence"] == "assumption" else evidence_title(card["evidence"])
    return Note(card["id"], view.versions.get(card["id"], 0), card["text"], words)


# ---------------------------------------------------------------------------------------------------------------------
# Belief against measurement


def _measured(column: Column, metric: str) -> Metric | None:
    """The score of a step: its worst usable touchpoint, else the one with most answers."""
    found = [chip.metric for place in column.places for chip in place.chips if chip.name == metric]
    if not found:
        return None
    return _worst(found) or max(found, key=lambda value: value.n)


def _compare(columns: list[Column], metric: str) -> list[Comparison]:
    measured = {column.id: _measured(column, metric) for column in columns if column.id}
    rules = {value.rule for value in measured.values() if value is not None}
    readings = [
        Reading(column.id, column.belief, measured[column.id] if len(rules) == 1 else None)
        for column in columns
        if column.id
    ]
    return compare_beliefs(readings)


def _printed(metric: Metric | None) -> str:
    if metric is None or metric.value is None:
        return ""
    return figure_with_interval(metric.value, metric.low, metric.high, cast(Unit, metric.unit))


def _emotion(columns: list[Column], comparisons: list[Comparison], metric: str, *, editable: bool) -> SafeString:
    found = {comparison.key: comparison for comparison in comparisons}
    steps = []
    for column in columns:
        comparison = found.get(column.id)
        if comparison is None:
            steps.append(EmotionStep(key="", name=column.name))
            continue
        steps.append(
            EmotionStep(
                key=column.id,
                name=column.name,
                belief=column.belief,
                believed=comparison.believed,
                measured=comparison.measured,
                low=comparison.low,
                high=comparison.high,
                delusion=comparison.delusion,
                score=_printed(_measured(column, metric)),
            )
        )
    title = _("Emotion: the team's view and measured %(metric)s, by rank") % {"metric": metric.upper()}
    return emotion_lane(steps, id="emotion-curve", title=title, editable=editable, icons=static(SPRITE))


def _delusions(columns: list[Column], comparisons: list[Comparison], metric: str) -> list[Delusion]:
    """The steps marked as delusions, the largest gap first."""
    of_step = {column.id: column for column in columns}
    marked = sorted(
        (comparison for comparison in comparisons if comparison.delusion), key=lambda found: -abs(found.gap or 0)
    )
    return [
        Delusion(
            step=of_step[found.key].name,
            words=_("worse than the team thinks") if (found.gap or 0) > 0 else _("better than the team thinks"),
            score=_printed(_measured(of_step[found.key], metric)),
        )
        for found in marked
    ]
