"""Reading journey maps: drafts and versions in one shape, with the scores that belong to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import QueryDict
from django.utils.timezone import make_aware

from apps.journeys.content import MapContent, complete, touchpoint_keys
from apps.journeys.drafts import read_draft
from apps.journeys.map_filters import read_map_filters
from apps.journeys.models import Journey, JourneyVersion, Stage, Step, StepTouchpoint
from apps.journeys.series import series_starts
from apps.metrics.asked import Asked, asked_at_touchpoints
from apps.metrics.counting import SurveyFacts, surveys_for
from apps.metrics.queries import METRICS, Change, touchpoint_readings
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric
from apps.touchpoints import registry
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import NotFound

WINDOW = ("from", "to")


@dataclass(frozen=True)
class MapView:
    """A map as a page or the API shows it: a draft (with the rows' versions) or a published version."""

    journey: Journey
    content: MapContent
    touchpoints: Mapping[str, Touchpoint]
    number: int | None = None
    versions: Mapping[str, int] = field(default_factory=dict, repr=False)
    places: Mapping[tuple[str, str], str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class TouchpointScore:
    """What a map shows of one touchpoint. `volume` counts matched interactions.

    Of the live layer alone: `changes` since the period before, the questions that were `asked`, and `since` when the
    touchpoint counts, if a version of the map changed it within the period.
    """

    touchpoint: Touchpoint
    metrics: Mapping[str, Metric | None]
    volume: int
    open_cases: int
    changes: Mapping[str, Change | None] = field(default_factory=dict)
    asked: Mapping[str, list[Asked]] = field(default_factory=dict)
    since: datetime | None = None


@dataclass(frozen=True)
class MapScores:
    """The scores of a map's touchpoints in map order; `version` None when nothing was published."""

    version: int | None
    touchpoints: list[TouchpointScore]


def journeys(actor: Actor) -> QuerySet[Journey]:
    """The maps an actor may see: who may not edit sees what was published. Counts of stages and touchpoints added."""
    stages = Stage.objects.filter(journey=OuterRef("pk")).order_by().values("journey").annotate(n=Count("pk"))
    steps = (
        Step.objects.filter(stage__journey=OuterRef("pk")).order_by().values("stage__journey").annotate(n=Count("pk"))
    )
    placed = (
        StepTouchpoint.objects.filter(step__stage__journey=OuterRef("pk"))
        .order_by()
        .values("step__stage__journey")
        .annotate(n=Count("touchpoint", distinct=True))
    )
    rows = Journey.objects.select_related("persona", "as_is").annotate(
        stage_count=Coalesce(Subquery(stages.values("n")), 0),
        step_count=Coalesce(Subquery(steps.values("n")), 0),
        touchpoint_count=Coalesce(Subquery(placed.values("n")), 0),
    )
    if actor.can("journeys.edit"):
        return rows
    return rows.filter(published_version__isnull=False, archived_at=None)


def journey_for(actor: Actor, pk: UUID) -> Journey:
    """One map the actor may see. Raises NotFound. One query."""
    rows = Journey.objects.select_related("persona")
    if not actor.can("journeys.edit"):
        rows = rows.filter(published_version__isnull=False, archived_at=None)
    journey = rows.filter(pk=pk).first()
    if journey is None:
        raise NotFound
    return journey


def draft_view(journey: Journey) -> MapView:
    """The draft. Five queries, whatever the size of the map."""
    draft = read_draft(journey)
    return MapView(journey, draft.content, _library(draft.content), None, draft.versions, draft.places)


def version_view(journey: Journey, number: int | None) -> MapView:
    """A published version. Raises NotFound for a number that was never published. Two queries."""
    version = JourneyVersion.objects.filter(journey=journey, number=number or 0).first()
    if version is None:
        raise NotFound
    content = complete(version.content)
    return MapView(journey, content, _library(content), version.number)


def _library(content: MapContent) -> dict[str, Touchpoint]:
    rows = Touchpoint.objects.filter(key__in=touchpoint_keys(content)).select_related("owner_unit")
    return {row.key: row for row in rows}


def touchpoints_of_journey(actor: Actor, pk: UUID) -> frozenset[UUID]:
    """Ids of the touchpoints on the published map (the draft's while nothing is published). Raises NotFound."""
    journey = Journey.objects.filter(pk=pk).first()
    if journey is None:
        raise NotFound
    version = JourneyVersion.objects.filter(journey=journey, number=journey.published_version or 0).first()
    if version is not None:
        return frozenset(UUID(pk) for pk in version.touchpoint_ids.values())
    placed = StepTouchpoint.objects.filter(step__stage__journey=journey)
    return frozenset(placed.values_list("touchpoint_id", flat=True))


# ---------------------------------------------------------------------------------------------------------------------
# Scores


def journey_scores(
    *, actor: Actor, organization: Any, journey: Journey, params: QueryDict, version: int | None = None
) -> MapScores:
    """Scores of the touchpoints of the published map over `from`..`to`, or of a version while it was in force.

    `segment`, `persona` and `channel` limit the scores, not the volume; of the first two, to answers of customers who
    belong to them now.

    The first version reaches back without limit. An experience belongs to a version by when it was had, not by when
    it was told. Raises NotFound for a version that was never published, DomainErrors for a period that cannot be read.
    Five queries.
    """
    selection = read_map_filters(params, actor, organization).selection
    number = version if version is not None else journey.published_version
    if number is None:
        return MapScores(None, [])
    published = JourneyVersion.objects.filter(journey=journey, number=number or 0).first()
    if published is None:
        raise NotFound
    if version is not None:
        selection = within(selection, published.in_force_from, published.in_force_to)
    content = complete(published.content)
    return MapScores(number, scores_on(_library(content), selection, touchpoint_keys(content)))


def live_scores(
    view: MapView, selection: Selection, *, organization: Any, with_starts: bool = True
) -> list[TouchpointScore]:
    """What a map shows of its touchpoints, in map order, with changes, wordings and where a series starts anew.

    The scores are those of `journey_scores`, but a touchpoint that a version of the map changed within the period
    counts from then on, unless `with_starts` is False.
    Eight queries at most, seven more for each moment a series starts anew, whatever the size of the map.
    """
    keys = touchpoint_keys(view.content)
    starts = series_starts(view.journey, *instants(selection)) if with_starts else {}
    facts = surveys_for(selection, "any")
    found = scores_on(view.touchpoints, selection, keys, surveys=facts, compare_before=True)
    names = {row.pk: row.name for row in view.touchpoints.values()}
    asked = asked_at_touchpoints(selection, METRICS, names, organization.name) if names else {}
    anew: dict[str, TouchpointScore] = {}
    for moment in set(starts.values()):
        late = [key for key in keys if starts.get(key) == moment and key in view.touchpoints]
        if late:
            later = replace(
                within(selection, moment, None), touchpoints=frozenset(view.touchpoints[key].pk for key in late)
            )
            rows = scores_on(view.touchpoints, later, late, surveys=facts)
            anew |= {row.touchpoint.key: replace(row, since=moment) for row in rows}
    return [
        replace(
            anew.get(score.touchpoint.key, score),
            asked={name: asked[score.touchpoint.pk, name] for name in METRICS if (score.touchpoint.pk, name) in asked},
        )
        for score in found
    ]


def scores_on(
    touchpoints: Mapping[str, Touchpoint],
    selection: Selection,
    keys: list[str],
    *,
    surveys: Sequence[SurveyFacts] | None = None,
    compare_before: bool = False,
) -> list[TouchpointScore]:
    """Scores of the touchpoints with these keys, in this order. Two queries and one a registered figure.

    With `compare_before`, also what changed since the period of equal length before, where the period has two ends.
    """
    rows = [touchpoints[key] for key in keys if key in touchpoints]
    readings = touchpoint_readings(selection, surveys=surveys, compare_before=compare_before) if rows else {}
    ids = [row.pk for row in rows]
    start, end = instants(selection)
    volume = registry.figure("volume", ids, start, end)
    cases = registry.figure("open_cases", ids, start, end)
    found = []
    for row in rows:
        measured = readings.get(row.pk, {})
        found.append(
            TouchpointScore(
                touchpoint=row,
                metrics={name: measured[name].metric if name in measured else None for name in METRICS},
                volume=volume.get(row.pk, 0),
                open_cases=cases.get(row.pk, 0),
                changes={name: reading.change for name, reading in measured.items()} if compare_before else {},
            )
        )
    return found


def window_of(params: QueryDict) -> QueryDict:
    """Only the period of a query string."""
    window = QueryDict(mutable=True)
    for name in WINDOW:
        if name in params:
            window[name] = str(params[name])
    return window


def within(selection: Selection, start: datetime | None, end: datetime | None) -> Selection:
    """The selection cut to the time a version was in force, start included and end not; None is without limit."""
    if start is None and end is None:
        return selection
    since, until = instants(selection)
    since = max((moment for moment in (since, start) if moment is not None), default=None)
    until = min((moment for moment in (until, end) if moment is not None), default=None)
    return replace(selection, first=None, last=None, since=since, until=until)


def instants(selection: Selection) -> tuple[datetime | None, datetime | None]:
    """The window of a selection as instants, end not included; None is without limit."""
    since, until = selection.since, selection.until
    if selection.first is not None:
        since = make_aware(datetime.combine(selection.first, time.min), selection.zone)
    if selection.last is not None:
        until = make_aware(datetime.combine(selection.last + timedelta(days=1), time.min), selection.zone)
    return since, until
