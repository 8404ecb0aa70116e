"""A map as a board: stages, columns and lanes, with the live layer laid over them. Composes what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.journeys.content import (
    CardContent,
    StageContent,
    StepContent,
    evidence_title,
    lane_key,
    lane_title,
    lanes_of,
)
from apps.journeys.curves import Curves, CurveStep, build_curves
from apps.journeys.live import LiveLayer, Measured, Place, measured_of
from apps.journeys.overlay import Overlay
from apps.journeys.queries import MapView

LANE_LOOKS = {
    "actions": ("arrows-move", ""),
    "thoughts": ("quote", "cx-k-th"),
    "pain_points": ("alert-triangle", "cx-k-pp"),
    "opportunities": ("bulb", "cx-k-op"),
}


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
    moment_of_truth: bool = False
    live: Measured = field(default_factory=Measured)

    @property
    def on_curves(self) -> CurveStep:
        """The step as the curves see it."""
        return CurveStep(self.id, self.name, self.belief, self.places, self.stage, self.moment_of_truth)


@dataclass(frozen=True)
class StageHead:
    """A stage over its columns, with what its touchpoints measure."""

    id: str
    name: str
    duration: str
    version: int
    columns: list[Column]
    live: Measured

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
class Board:
    """Everything the page draws."""

    stages: list[StageHead]
    columns: list[Column]
    lanes: list[Lane]
    shows_steps: bool
    curves: Curves
    metric: str


def build_board(
    view: MapView,
    over: Overlay,
    *,
    editable: bool,
    evidence: str = "",
) -> Board:
    """Lay out a map and what lies over it. Pure: no query."""
    drawing = _Drawing(view, LiveLayer(view, over.scores, over.ideas, over.links))
    metric = view.content["metric"]
    stages = [drawing.stage(raw) for raw in view.content["stages"]]
    columns = [column for stage in stages for column in stage.columns]
    raw_steps = {step["id"]: step for stage in view.content["stages"] for step in stage["steps"]}
    lanes = [
        _lane(view, key, columns, raw_steps, evidence)
        for key in lanes_of(view.content["stages"], view.content["lanes"])
    ]
    curves = build_curves(
        [column.on_curves for column in columns],
        metric,
        insights=over.insights,
        is_live=over.is_live,
        editable=editable,
    )
    return Board(
        stages=stages,
        columns=columns,
        lanes=lanes,
        shows_steps=any(stage.span != 1 or stage.columns[0].name not in (stage.name, "") for stage in stages),
        curves=curves,
        metric=metric,
    )


@dataclass(frozen=True)
class _Drawing:
    """What every part of the board is drawn from."""

    view: MapView
    live: LiveLayer

    def stage(self, raw: StageContent) -> StageHead:
        columns = [self.column(raw["id"], step) for step in raw["steps"]]
        if not columns:
            columns = [Column(id="", name="", version=0, stage=raw["id"], belief=None)]
        places = [place for column in columns for place in column.places]
        return StageHead(
            id=raw["id"],
            name=raw["name"],
            duration=raw["duration"],
            version=self.view.versions.get(raw["id"], 0),
            columns=columns,
            live=measured_of(places, self.view.content["metric"]),
        )

    def column(self, stage_id: str, step: StepContent) -> Column:
        places = self.live.places(step)
        return Column(
            id=step["id"],
            name=step["name"],
            version=self.view.versions.get(step["id"], 0),
            stage=stage_id,
            belief=step["belief"],
            places=places,
            moment_of_truth=step["moment_of_truth"],
            live=measured_of(places, self.view.content["metric"]),
        )


def _lane(view: MapView, key: str, columns: list[Column], raw_steps: Mapping[str, StepContent], evidence: str) -> Lane:
    icon, css = LANE_LOOKS.get(key, ("note", ""))
    hints = {
        "actions": _("What they do"),
        "thoughts": _("In their words"),
        "pain_points": _("What hurts"),
        "opportunities": _("What could be better"),
    }
    title = lane_title(key, view.content["lanes"])
    cells = []
    for column in columns:
        cards = raw_steps[column.id]["cards"] if column.id else []
        notes = [_note(view, card) for card in cards if _shown(card, key, evidence)]
        cells.append((column, notes))
        if notes:
            column.notes.append((title, notes))
    return Lane(key=key, title=title, hint=hints.get(key, ""), icon=icon, css=css, cells=cells)


def _shown(card: CardContent, lane: str, evidence: str) -> bool:
    return lane_key(card["lane"]) == lane and evidence in ("", card["evidence"])


def _note(view: MapView, card: CardContent) -> Note:
    words = "" if card["evidence"] == "assumption" else evidence_title(card["evidence"])
    return Note(card["id"], view.versions.get(card["id"], 0), card["text"], words)
