"""A map as a sheet that is handed on: read once for documents and shared pages, with nothing to change on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from apps.customers.masking import mask_text
from apps.journeys.board import LANE_LOOKS
from apps.journeys.content import (
    CardContent,
    LaneContent,
    MapContent,
    StageContent,
    StepContent,
    evidence_title,
    iter_steps,
    lane_key,
    lane_title,
    lanes_of,
)
from apps.journeys.curves import Curves, CurveStep, build_curves
from apps.journeys.live import LiveLayer, Measured, Place, measured_of
from apps.journeys.map_filters import MapFilters
from apps.journeys.models import Journey, JourneyVersion
from apps.journeys.overlay import read_overlay
from apps.journeys.queries import MapView, draft_view, version_view
from apps.personas.models import Persona, PersonaVersion
from apps.segments.models import Segment
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.charts import Paint
from cxm.errors import NotFound
from cxm.ids import parse_uuid

QUOTES_LANE = "thoughts"
"""The lane in customers' own words: it goes out only where somebody chose to show quotes."""
EVIDENCE_ORDER = {"measured": 0, "some": 1, "assumption": 2}


@dataclass(frozen=True)
class SheetCard:
    """A card with the words for how well it is backed."""

    text: str
    evidence: str
    words: str
    image: str = ""

    @property
    def image_name(self) -> str:
        """The last part of the picture's stored name."""
        return self.image.rpartition("/")[2]


@dataclass(frozen=True)
class SheetStep:
    """A column: its touchpoints with their scores, and its cards by lane."""

    id: str
    name: str
    moment_of_truth: bool
    evidence: str
    places: Sequence[Place]
    cards: Mapping[str, Sequence[SheetCard]]
    score: str = ""


@dataclass(frozen=True)
class SheetStage:
    """A run of columns with what its touchpoints measure."""

    name: str
    duration: str
    steps: Sequence[SheetStep]
    measured: Measured


@dataclass(frozen=True)
class SheetRow:
    """A row of a board: the cards of a ``lane`` by column, the ``touchpoints``, or the ``emotion`` curves."""

    kind: Literal["lane", "touchpoints", "emotion"]
    title: str = ""
    css: str = ""
    cells: Sequence[Sequence[SheetCard]] = ()


@dataclass(frozen=True)
class Highlight:
    """A pain point or opportunity worth naming first, with where it stands and what is known of that step."""

    text: str
    step: str
    evidence: str
    score: str
    moment_of_truth: bool


@dataclass(frozen=True)
class MapSheet:
    """Everything there is to print. ``version`` is None for a draft; ``answers`` counts those to its metric."""

    organization: Any
    view: MapView
    version: JourneyVersion | None
    persona: str
    tagline: str
    stages: Sequence[SheetStage]
    lanes: Sequence[LaneContent]
    curves: Curves
    shows_scores: bool
    period: str
    narrowed: Sequence[str]
    answers: int
    made_at: datetime
    pains: Sequence[Highlight] = field(default_factory=list)
    opportunities: Sequence[Highlight] = field(default_factory=list)

    @property
    def content(self) -> MapContent:
        """What the map says."""
        return self.view.content

    @property
    def steps(self) -> list[SheetStep]:
        """All columns in order."""
        return [step for stage in self.stages for step in stage.steps]

    @property
    def rows(self) -> list[SheetRow]:
        """The rows under the steps: touchpoints and curves come after the first lane."""
        steps = self.steps
        lanes = [
            SheetRow(
                "lane",
                lane["title"],
                LANE_LOOKS.get(lane["key"], ("", ""))[1],
                [step.cards.get(lane["key"], ()) for step in steps],
            )
            for lane in self.lanes
        ]
        return [*lanes[:1], SheetRow("touchpoints"), SheetRow("emotion"), *lanes[1:]]

    @property
    def state(self) -> str:
        """Which version this is, in words."""
        if self.version is None:
            return _("Draft")
        on = date_format(timezone.localtime(self.version.published_at), "j M Y")
        return _("Version %(number)d, published %(on)s") % {"number": self.version.number, "on": on}


def view_of(journey: Journey, version: int | None, *, draft: bool) -> MapView:
    """The draft, the version of this number, or the published one. Raises NotFound for one that is not there."""
    return draft_view(journey) if draft else version_view(journey, version or journey.published_version)


def read_sheet(
    *,
    actor: Actor,
    organization: Any,
    view: MapView,
    params: QueryDict,
    quotes: bool = True,
    masked: bool = False,
    outside: bool = False,
    while_in_force: bool = False,
    paint: Paint = "css",
    step_width: int = 192,
) -> MapSheet:
    """A map with all that this actor may see of it: scores, insights.

    Args:
        params: the map's filters (map_filters.py). Raises DomainErrors for one that cannot be understood.
        quotes: whether the cards in customers' own words are shown; ``masked`` hides names and numbers in them.
        outside: for readers outside the organisation: of the persona only what was published.
        while_in_force: scores of a version only from when to when it was in force.
        paint, step_width: how the curves are drawn (curves.py).

    The number of queries does not grow with the map.
    """
    content = view.content if quotes else _without_quotes(view.content)
    content = _with_masked_quotes(content) if quotes and masked else content
    view = replace(view, content=content)
    overlay = read_overlay(
        actor=actor, organization=organization, view=view, params=params, while_in_force=while_in_force
    )
    live = LiveLayer(view, overlay.scores, {}, overlay.links)
    places = {step["id"]: live.places(step) for step in iter_steps(content["stages"])}
    curves = build_curves(
        _curve_steps(content["stages"], places),
        content["metric"],
        insights=overlay.insights,
        is_live=overlay.is_live,
        paint=paint,
        step_width=step_width,
    )
    by_step = {point.step.id: point.score for point in curves.points}
    stages = [_stage(stage, places, by_step, content["metric"]) for stage in content["stages"]]
    number = view.number
    version = JourneyVersion.objects.filter(journey=view.journey, number=number).first() if number else None
    persona, tagline = _persona(content["persona"], published_only=outside)
    lanes: list[LaneContent] = [
        {"key": key, "title": lane_title(key, content["lanes"])}
        for key in lanes_of(content["stages"], content["lanes"])
    ]
    return MapSheet(
        organization=organization,
        view=view,
        version=version,
        persona=persona,
        tagline=tagline,
        stages=stages,
        lanes=lanes if quotes else [lane for lane in lanes if lane["key"] != QUOTES_LANE],
        curves=curves,
        shows_scores=overlay.is_live,
        period=_period(overlay.filters) if overlay.is_live else "",
        narrowed=_narrowed(overlay.filters) if overlay.is_live else [],
        answers=sum(
            metric.n
            for score in overlay.scores.values()
            if (metric := score.metrics.get(content["metric"])) and not metric.suppressed
        ),
        made_at=timezone.now(),
        pains=_highlights(stages, "pain_points", curves),
        opportunities=_highlights(stages, "opportunities", curves),
    )


def _without_quotes(content: MapContent) -> MapContent:
    return _mapped(content, lambda card: None if lane_key(card["lane"]) == QUOTES_LANE else card)


def _with_masked_quotes(content: MapContent) -> MapContent:
    def masked(card: CardContent) -> CardContent:
        return {**card, "text": mask_text(card["text"])} if lane_key(card["lane"]) == QUOTES_LANE else card

    return _mapped(content, masked)


def _mapped(content: MapContent, change: Any) -> MapContent:
    """The content with every card as ``change`` gives it; None leaves it out."""

    def step_of(step: StepContent) -> StepContent:
        return {**step, "cards": [card for raw in step["cards"] if (card := change(raw)) is not None]}

    return {
        **content,
        "stages": [{**stage, "steps": [step_of(step) for step in stage["steps"]]} for stage in content["stages"]],
    }


def _curve_steps(stages: Sequence[StageContent], places: Mapping[str, Sequence[Place]]) -> list[CurveStep]:
    """A step a column; a stage that has none still takes up one."""
    found: list[CurveStep] = []
    for stage in stages:
        for step in stage["steps"]:
            found.append(
                CurveStep(
                    step["id"],
                    step["name"],
                    step["belief"],
                    places[step["id"]],
                    stage=stage["name"],
                    moment_of_truth=step["moment_of_truth"],
                )
            )
        if not stage["steps"]:
            found.append(CurveStep("", "", None, []))
    return found


def _stage(
    stage: StageContent, places: Mapping[str, Sequence[Place]], scores: Mapping[str, str], metric: str
) -> SheetStage:
    steps = [
        SheetStep(
            id=step["id"],
            name=step["name"],
            moment_of_truth=step["moment_of_truth"],
            evidence=evidence_title(step["evidence"]) if step["evidence"] else "",
            places=places[step["id"]],
            cards=_by_lane(step["cards"]),
            score=scores.get(step["id"], ""),
        )
        for step in stage["steps"]
    ]
    all_places = [place for step in steps for place in step.places]
    if not steps:
        steps = [SheetStep("", "", False, "", [], {})]
    return SheetStage(stage["name"], stage["duration"], steps, measured_of(all_places, metric))


def _by_lane(cards: Sequence[CardContent]) -> dict[str, list[SheetCard]]:
    found: dict[str, list[SheetCard]] = {}
    for card in cards:
        words = "" if card["evidence"] == "assumption" else evidence_title(card["evidence"])
        found.setdefault(lane_key(card["lane"]), []).append(
            SheetCard(card["text"], card["evidence"], words, card["image"])
        )
    return found


def _highlights(stages: Sequence[SheetStage], lane: str, curves: Curves) -> list[Highlight]:
    """The cards of a lane, those first that rest on more: measured before assumed, moments of truth, worse steps."""
    ranks = {point.step.id: point.against_belief.measured for point in curves.points}
    found = [
        (
            (EVIDENCE_ORDER[card.evidence], not step.moment_of_truth, rank if rank is not None else 3.0, at),
            Highlight(card.text, step.name, evidence_title(card.evidence), step.score, step.moment_of_truth),
        )
        for at, step in enumerate(step for stage in stages for step in stage.steps)
        for rank in (ranks.get(step.id),)
        for card in step.cards.get(lane, ())
    ]
    return [highlight for _key, highlight in sorted(found, key=lambda pair: pair[0])]


def _persona(identifier: str | None, *, published_only: bool) -> tuple[str, str]:
    """Name and tagline of the map's persona; outside, those of its published version. One query."""
    pk = parse_uuid(identifier)
    persona = Persona.objects.filter(pk=pk).first() if pk else None
    if persona is None:
        return "", ""
    if not published_only:
        return persona.name, persona.tagline
    version = PersonaVersion.objects.filter(persona=persona, number=persona.published_version or 0).first()
    return (version.content["name"], version.content.get("tagline", "")) if version else ("", "")


def _period(filters: MapFilters) -> str:
    selection = filters.selection
    zone = selection.zone
    first = selection.first or (selection.since.astimezone(zone).date() if selection.since else None)
    last = selection.last or (selection.until.astimezone(zone).date() if selection.until else None)
    words = {
        "first": date_format(first, "j M Y") if first else "",
        "last": date_format(last, "j M Y") if last else "",
    }
    if first and last:
        return _("%(first)s to %(last)s") % words
    if first:
        return _("since %(first)s") % words
    return _("until %(last)s") % words if last else _("all time")


def _narrowed(filters: MapFilters) -> list[str]:
    """What the scores are filtered by beside the period, in words. One query for each filter."""
    query = filters.query
    found = []
    for name, title, model in (("segment", _("segment"), Segment), ("persona", _("persona"), Persona)):
        ids = [pk for value in query.getlist(name) for part in value.split(",") if (pk := parse_uuid(part.strip()))]
        names = list(model._default_manager.filter(pk__in=ids).order_by("name").values_list("name", flat=True))
        if names:
            found.append(f"{title}: {', '.join(names)}")
    channels = dict(Channel.choices)
    asked = [part.strip() for value in query.getlist("channel") for part in value.split(",") if part.strip()]
    if asked:
        found.append(f"{_('channel')}: {', '.join(str(channels.get(value, value)) for value in asked)}")
    return found


def journey_to_share(pk: UUID) -> Journey:
    """A map that is in use. Raises NotFound."""
    journey = Journey.objects.select_related("persona").filter(pk=pk, archived_at=None).first()
    if journey is None:
        raise NotFound
    return journey
