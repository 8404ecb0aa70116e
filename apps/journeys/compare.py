"""Two states of a map beside each other: any two versions, the draft against a version, or as-is and to-be.

Scores belong to the time a version was in force: each side carries those of its own time. A touchpoint that no version
between the two changed keeps its series. The difference of two scores is the metric service's; there is none where the
two share answers, where the question was asked in another way between them, or where the scales differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.journeys.alignment import StagePair, align, counterpart, onto_ids_of, with_ids
from apps.journeys.content import MapContent, complete, touchpoint_keys
from apps.journeys.differences import Difference, changed_touchpoints, differences
from apps.journeys.drafts import read_draft
from apps.journeys.history import names_in
from apps.journeys.models import Journey, JourneyVersion
from apps.journeys.queries import journey_for, within
from apps.metrics.counting import Slot, Split, SurveyFacts, Tally, count, surveys_for
from apps.metrics.filters import read_selection
from apps.metrics.queries import METRICS, Change, read_tally
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric
from apps.surveys.breaks import Break, breaks_of_surveys
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import parse_uuid

DRAFT = "draft"
Why = Literal["", "asked", "scale", "shared", "few"]


@dataclass(frozen=True)
class Side:
    """One of the two: a draft (`number` None) or a version, and when it was in force (None is without limit)."""

    key: str
    journey: Journey
    content: MapContent
    number: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    purpose: str = ""

    @property
    def label(self) -> str:
        return _("Draft") if self.number is None else _("Version %(number)d") % {"number": self.number}

    @property
    def is_scored(self) -> bool:
        """A draft was never in force, so nothing was lived through under it."""
        return self.number is not None


@dataclass(frozen=True)
class ScorePair:
    """One metric of a touchpoint on either side. Without a `change`, `why` says what stands in the way."""

    metric: str
    a: Metric | None
    b: Metric | None
    change: Change | None
    why: Why = ""


@dataclass(frozen=True)
class TouchpointScores:
    """The scores of a touchpoint on both sides. `continues`: no version between the two changed it, None unknown."""

    continues: bool | None
    scores: list[ScorePair]


@dataclass(frozen=True)
class Comparison:
    """Everything the page and the API show. `touchpoints` by key; scores are missing for who may not see them."""

    a: Side
    b: Side
    differences: list[Difference]
    stages: list[StagePair]
    touchpoints: Mapping[str, Touchpoint]
    scores: Mapping[str, TouchpointScores]

    @property
    def substantive(self) -> list[Difference]:
        return [found for found in self.differences if not found.cosmetic]

    @property
    def cosmetic(self) -> list[Difference]:
        return [found for found in self.differences if found.cosmetic]


def compare_maps(*, actor: Actor, organization: Any, journey: Journey, a: str = "", b: str = "") -> Comparison:
    """Two states of a map. Each of `a` and `b` is `draft`, the number of a version, the id of another map (its
    published version, else its draft), or that id, a colon and one of the two.

    Without `b`: the draft for those who edit while it differs or nothing is published, else the published version.
    Without `a`: the as-is map of a to-be map, else the version before b. Raises NotFound for what this actor may not
    see or what does not exist. About fifteen queries, whatever the size of the maps.
    """
    b_side = read_side(actor, journey, b or _usual_b(actor, journey))
    a_side = read_side(actor, journey, a) if a else _usual_a(actor, journey, b_side)
    before = _comparable(a_side, b_side)
    names = names_in([before, b_side.content])
    found = differences(before, b_side.content, names)
    keys = {*touchpoint_keys(before), *touchpoint_keys(b_side.content)}
    touchpoints = {row.key: row for row in Touchpoint.objects.filter(key__in=keys)}
    scores = _scores(actor, organization, a_side, b_side, touchpoints) if actor.can("metrics.view") else {}
    return Comparison(a_side, b_side, found, align(before, b_side.content, found), touchpoints, scores)


def read_side(actor: Actor, journey: Journey, text: str) -> Side:
    """What `a` or `b` names. Raises NotFound."""
    first, colon, rest = text.partition(":")
    other = parse_uuid(first)
    if other is not None:
        chosen = journey_for(actor, other)
        usual = str(chosen.published_version) if chosen.published_version else DRAFT
        return _side(actor, chosen, rest if colon else usual, text)
    return _side(actor, journey, text, text)


def _side(actor: Actor, journey: Journey, text: str, key: str) -> Side:
    if text == DRAFT:
        if not actor.can("journeys.edit"):
            raise NotFound
        return Side(key, journey, read_draft(journey).content)
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise NotFound
    version = JourneyVersion.objects.filter(journey=journey, number=int(text)).first()
    if version is None:
        raise NotFound
    content = complete(version.content)
    return Side(key, journey, content, version.number, version.in_force_from, version.in_force_to, version.purpose)


def _usual_b(actor: Actor, journey: Journey) -> str:
    is_draft = journey.published_version is None or (
        journey.published_revision != journey.revision or journey.published_version == 1
    )
    if actor.can("journeys.edit") and is_draft:
        return DRAFT
    return str(journey.published_version or DRAFT)


def _usual_a(actor: Actor, journey: Journey, b: Side) -> Side:
    if journey.as_is_id is not None and b.journey.pk == journey.pk:
        try:
            return read_side(actor, journey, str(journey.as_is_id))
        except NotFound:
            pass
    if b.number is None:
        return read_side(actor, journey, str(journey.published_version or DRAFT))
    return read_side(actor, journey, str(max(1, b.number - 1)))


def _comparable(a: Side, b: Side) -> MapContent:
    """The content of side a with the ids that the same things have on side b.

    That two maps have two names and are of two kinds is said above them, not among what differs.
    """
    if a.journey.pk == b.journey.pk:
        return a.content
    content: MapContent = {**a.content, "name": b.content["name"], "kind": b.content["kind"]}
    if b.journey.as_is_id == a.journey.pk:
        made = b.journey.pk
        content = {**content, "stages": with_ids(content["stages"], lambda item: counterpart(made, item))}
    elif a.journey.as_is_id == b.journey.pk:
        made = a.journey.pk
        known = {counterpart(made, item): item for item in _ids_of(b.content)}
        content = {**content, "stages": with_ids(content["stages"], lambda item: known.get(item, item))}
    return onto_ids_of(b.content, content)


def _ids_of(content: MapContent) -> Iterator[str]:
    for stage in content["stages"]:
        yield stage["id"]
        for step in stage["steps"]:
            yield step["id"]
            yield from (card["id"] for card in step["cards"])


# ---------------------------------------------------------------------------------------------------------------------
# Scores


def _scores(
    actor: Actor, organization: Any, a: Side, b: Side, touchpoints: Mapping[str, Touchpoint]
) -> dict[str, TouchpointScores]:
    selection = read_selection(QueryDict(), actor=actor, organization=organization)
    surveys = surveys_for(selection, "any")
    ids = frozenset(row.pk for row in touchpoints.values())
    counted = [_counted(selection, surveys, side, ids) for side in (a, b)]
    asked = breaks_of_surveys([survey.id for survey in surveys if survey.touchpoint_id in ids])
    broken: defaultdict[UUID | None, list[Break]] = defaultdict(list)
    for survey in surveys:
        broken[survey.touchpoint_id] += asked.get(survey.id, [])
    changed = _changed_between(a, b)
    return {
        key: TouchpointScores(
            None if changed is None else key not in changed,
            [pair for metric in METRICS if (pair := _pair(metric, row.pk, counted, a, b, broken[row.pk])) is not None],
        )
        for key, row in touchpoints.items()
    }


def _counted(selection: Selection, surveys: Sequence[SurveyFacts], side: Side, ids: frozenset[UUID]) -> Any:
    """Counts of the side's own time by touchpoint and metric. One query, and one for each anonymous survey."""
    if not side.is_scored or not ids:
        return {}
    return count(within(selection, side.start, side.end), surveys, METRICS, split=Split(by="touchpoint"))


def _pair(
    metric: str, touchpoint: UUID, counted: Sequence[Any], a: Side, b: Side, breaks: Sequence[Break]
) -> ScorePair | None:
    tallies: list[Tally | None] = [found.get(Slot(metric, key=touchpoint)) for found in counted]
    if tallies == [None, None]:
        return None
    readings = [read_tally(metric, None, tally) if tally else None for tally in tallies]
    first, second = (reading.metric if reading and _is_told(reading.metric) else None for reading in readings)
    if any(tally is not None and reading is None for tally, reading in zip(tallies, readings, strict=True)):
        return ScorePair(metric, first, second, None, "scale")
    if first is None or second is None or first.suppressed or second.suppressed:
        return ScorePair(metric, first, second, None, "few") if first or second else None
    if not _apart(a, b):
        return ScorePair(metric, first, second, None, "shared")
    if any(one.metric == metric and _stands_between(one, a, b) for one in breaks):
        return ScorePair(metric, first, second, None, "asked")
    both = read_tally(metric, tallies[0], tallies[1])
    if both is None or first.rule != second.rule:
        return ScorePair(metric, first, second, None, "scale")
    return ScorePair(metric, first, second, both.change, "" if both.change else "few")


def _is_told(metric: Metric) -> bool:
    return bool(metric.n) or metric.suppressed


def _apart(a: Side, b: Side) -> bool:
    """Whether no experience can belong to both."""
    earlier, later = (a, b) if _begins(a) <= _begins(b) else (b, a)
    return earlier.end is not None and later.start is not None and earlier.end <= later.start


def _begins(side: Side) -> float:
    return side.start.timestamp() if side.start else float("-inf")


def _stands_between(one: Break, a: Side, b: Side) -> bool:
    """Whether answers before and after the break can be among those compared."""
    starts = [side.start for side in (a, b)]
    ends = [side.end for side in (a, b)]
    after_first = None in starts or one.at > min(start for start in starts if start)
    before_last = None in ends or one.at < max(end for end in ends if end)
    return after_first and before_last


def _changed_between(a: Side, b: Side) -> frozenset[str] | None:
    """Keys that any version after the earlier side, up to the later one, changed; None for two different maps."""
    if a.journey.pk != b.journey.pk:
        return None
    last = (a.journey.published_version or 0) + 1
    numbers = sorted((a.number or last, b.number or last))
    rows = JourneyVersion.objects.filter(journey=a.journey, number__range=numbers).order_by("number")
    contents = [complete(row) for row in rows.values_list("content", flat=True)]
    contents += [side.content for side in (a, b) if side.number is None][:1]
    changed: set[str] = set()
    for before, after in pairwise(contents):
        changed |= changed_touchpoints(before, after)
    return frozenset(changed)
