"""Groups of people: those that scores can be filtered by, and the headline scores of the people in a segment."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet, Value

from apps.metrics.counting import NOW, Slot, Split, Tally, all_surveys, count, surveys_for
from apps.metrics.queries import METRICS, read_tally, series_of
from apps.metrics.selection import Selection
from apps.metrics.statistics import RULES, Histogram, Metric, compare
from apps.personas.queries import visible as visible_personas
from apps.segments.models import Segment
from apps.segments.scores import Difference, Score
from cxm.actor import Actor

MOST_CHOICES = 500
NAMES = {True: "relationship", False: "touchpoint"}


def scores_of_segment(*, actor: Actor, organization: Any, segment_id: UUID) -> list[Score]:
    """NPS, CSAT and CES over all time: of relationship surveys, and where none of them asks for a metric, of touchpoint
    surveys, which are never added to them. Three queries at most.
    """
    selection = Selection(
        which="any",
        populations=(frozenset({segment_id}),),
        units=actor.visible_units("metrics.view"),
        zone=ZoneInfo(organization.timezone),
        threshold=organization.anonymity_threshold,
        include_provisional=organization.include_provisional,
    )
    surveys = surveys_for(selection, among=all_surveys())
    tallies = count(selection, surveys, METRICS, split=Split("month", by="relationship"))
    asked = {survey.kind for survey in surveys if survey.relationship}
    found = []
    for metric in METRICS:
        relationship = metric in asked or Slot(metric, NOW, key=True) in tallies
        whole = tallies.get(Slot(metric, NOW, key=relationship), Tally())
        reading = read_tally(metric, None, whole)
        periods = {
            slot.period: tally
            for slot, tally in tallies.items()
            if slot.period and slot.metric == metric and slot.key == relationship
        }
        values: list[float | None] = []
        if reading and reading.metric.n:
            rule, scale = RULES[reading.metric.rule], len(reading.metric.distribution)
            values = [period.metric.value for period in series_of(rule, scale, periods, "month")]
        query = urlencode({"segment": str(segment_id), "metric": metric, "kind": NAMES[relationship]})
        found.append(Score(metric, reading.metric if reading else None, NAMES[relationship], values, query))
    return found


def headlines_of_segments(
    *, actor: Actor, organization: Any, metric: str, segment_ids: Collection[UUID]
) -> dict[UUID, Metric]:
    """One score of the people of each of several segments, from the surveys that `scores_of_segment` takes it from.

    Segments nobody of whom answered, or whose answers are on several scales, are missing. Three queries at most.
    """
    selection = Selection(
        which="any",
        units=actor.visible_units("metrics.view"),
        zone=ZoneInfo(organization.timezone),
        threshold=organization.anonymity_threshold,
        include_provisional=organization.include_provisional,
    )
    surveys = surveys_for(selection, among=all_surveys())
    split = Split(by="segment", segments=frozenset(segment_ids))
    general = [survey for survey in surveys if survey.relationship]
    tallies = count(selection, general, [metric], split=split)
    if not tallies and not any(survey.kind == metric for survey in general):
        tallies = count(selection, [survey for survey in surveys if not survey.relationship], [metric], split=split)
    found = {}
    for segment_id in segment_ids:
        reading = read_tally(metric, None, tallies.get(Slot(metric, key=segment_id), Tally()))
        if reading and (reading.metric.n or reading.metric.suppressed):
            found[segment_id] = reading.metric
    return found


def difference_between(first: Metric, second: Metric) -> Difference | None:
    """The second score minus the first by the rule they share; None where rule or scale differ, or one is too small."""
    scale = len(first.distribution)
    if first.rule != second.rule or scale != len(second.distribution) or not (first.usable and second.usable):
        return None
    rule = RULES[first.rule]
    before, after = (
        Histogram.of(scale, {int(score): n for score, n in metric.distribution.items()}) for metric in (first, second)
    )
    found = compare(rule, before, after)
    return Difference(found.plain, found.low, found.high, rule.unit) if found else None


def population_choices(actor: Actor) -> dict[str, list[tuple[UUID, str]]]:
    """`segments`, and `personas` bound to one, by name, at most MOST_CHOICES of each, for filters. One query.

    Segments only for who may see segments: their names tell of customers.
    """

    def named(rows: QuerySet[Any], kind: str) -> QuerySet[Any]:
        return (
            rows.annotate(population=Value(kind))
            .order_by("name")
            .values_list("population", "pk", "name")[:MOST_CHOICES]
        )

    bound = visible_personas(actor).filter(segment__isnull=False, archived_at=None)
    found: dict[str, list[tuple[UUID, str]]] = {"segments": [], "personas": []}
    segments = Segment.objects.all() if actor.can("segments.view") else Segment.objects.none()
    for kind, pk, name in named(segments, "segments").union(named(bound, "personas"), all=True):
        found[kind].append((pk, name))
    return {kind: sorted(rows, key=lambda row: row[1].casefold()) for kind, rows in found.items()}
