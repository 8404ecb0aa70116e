"""A map as a board: stages, columns and lanes, with the live layer laid over them. Composes what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from apps.journeys.around import Around, MarkShown
from apps.journeys.content import (
    CardContent,
    StageContent,
    StepContent,
    belief_text,
    evidence_title,
    lane_key,
    lane_title,
    lanes_of,
)
from apps.journeys.curves import Curves, CurveStep, build_curves
from apps.journeys.live import LiveLayer, Measured, Place, measured_of
from apps.journeys.overlay import Overlay
from apps.journeys.people import Person
from apps.journeys.queries import MapView

LANE_LOOKS = {
    "actions": ("arrows-move", ""),
    "thoughts": ("quote", "cx-k-th"),
    "pain_points": ("alert-triangle", "cx-k-pp"),
    "opportunities": ("bulb", "cx-k-op"),
    "emotions": ("mood-smile", ""),
    "backstage": ("stack-2", ""),
    "owner": ("user", ""),
    "images": ("photo", ""),
}


@dataclass(frozen=True)
class Note:
    """A card in its lane."""

    id: str
    version: int
    text: str
    evidence: str
    picture: str = ""
    owner: Person | None = None
    marks: list[MarkShown] = field(default_factory=list)

    @property
    def evidence_words(self) -> str:
        """How well it is backed, in words; "" for an assumption, as most cards are."""
        return "" if self.evidence == "assumption" else evidence_title(self.evidence)


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
    evidence: str = ""
    owner: Person | None = None
    review_date: str = ""
    overdue: bool = False
    marks: list[MarkShown] = field(default_factory=list)
    live: Measured = field(default_factory=Measured)

    @property
    def evidence_words(self) -> str:
        """How well it is backed, in words; "" while nobody said."""
        return evidence_title(self.evidence) if self.evidence else ""

    @property
    def belief_words(self) -> str:
        """The team's view, signed."""
        return belief_text(self.belief)

    @property
    def has_facts(self) -> bool:
        """Whether more is known of it than its name."""
        return bool(self.moment_of_truth or self.evidence or self.owner or self.review_date or self.marks)

    @property
    def on_curves(self) -> CurveStep:
        """The step as the curves see it."""
        return CurveStep(self.id, self.name, self.belief, self.places, moment_of_truth=self.moment_of_truth)


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
    around: Around | None = None,
    editable: bool,
    evidence: str = "",
) -> Board:
    """Lay out a map, what lies over it and what stands around it. Pure: no query."""
    around = around or Around()
    drawing = _Drawing(view, LiveLayer(view, over.scores, over.ideas, over.links), around)
    metric = view.content["metric"]
    stages = [drawing.stage(raw) for raw in view.content["stages"]]
    columns = [column for stage in stages for column in stage.columns]
    raw_steps = {step["id"]: step for stage in view.content["stages"] for step in stage["steps"]}
    lanes = [
        drawing.lane(key, columns, raw_steps, evidence)
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
        shows_steps=any(
            stage.span != 1 or stage.columns[0].name not in (stage.name, "") or stage.columns[0].has_facts
            for stage in stages
        ),
        curves=curves,
        metric=metric,
    )


@dataclass(frozen=True)
class _Drawing:
    """What every part of the board is drawn from."""

    view: MapView
    live: LiveLayer
    around: Around

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
            evidence=step["evidence"],
            owner=self.around.person(step["owner"]),
            review_date=step["review_date"] or "",
            overdue=self.around.is_overdue(step["review_date"]),
            marks=self.around.marks_on("step", step["id"]),
            live=measured_of(places, self.view.content["metric"]),
        )

    def lane(self, key: str, columns: list[Column], raw_steps: Mapping[str, StepContent], evidence: str) -> Lane:
        icon, css = LANE_LOOKS.get(key, ("note", ""))
        title = lane_title(key, self.view.content["lanes"])
        cells = []
        for column in columns:
            cards = raw_steps[column.id]["cards"] if column.id else []
            notes = [self.note(card) for card in cards if _shown(card, key, evidence)]
            cells.append((column, notes))
            if notes:
                column.notes.append((title, notes))
        return Lane(key=key, title=title, hint=lane_hint(key), icon=icon, css=css, cells=cells)

    def note(self, card: CardContent) -> Note:
        return Note(
            id=card["id"],
            version=self.view.versions.get(card["id"], 0),
            text=card["text"],
            evidence=card["evidence"],
            picture=self.around.picture(card["image"]),
            owner=self.around.person(card["owner"]),
            marks=self.around.marks_on("card", card["id"]),
        )


def lane_hint(key: str) -> str:
    """What belongs into a usual lane, in a few words."""
    hints = {
        "actions": _("What they do"),
        "thoughts": _("In their words"),
        "emotions": _("How it feels"),
        "pain_points": _("What hurts"),
        "opportunities": _("What could be better"),
        "backstage": _("What we do for it"),
        "owner": _("Who answers for it"),
    }
    return hints.get(key, "")


def _shown(card: CardContent, lane: str, evidence: str) -> bool:
    return lane_key(card["lane"]) == lane and evidence in ("", card["evidence"])
