"""What this app adds to the registries of the apps below."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from apps.metrics.counting import NOW, Slot, Split, count, surveys_for
from apps.metrics.populations import difference_between, headlines_of_segments, scores_of_segment
from apps.metrics.queries import read_tally
from apps.metrics.results.asking import metric_of
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric
from apps.segments.scores import register_difference, register_headlines, register_scores
from apps.surveys.models import Survey
from apps.surveys.registry import register_results
from cxm.actor import Actor


def survey_results(*, actor: Actor, organization: Any, surveys: Collection[Survey]) -> Mapping[UUID, Metric]:
    """The score of each survey's own metric over all its answers. Two queries, and one for each anonymous survey."""
    selection = Selection(
        surveys=frozenset(survey.pk for survey in surveys),
        which="any",
        units=actor.visible_units("metrics.view"),
        zone=ZoneInfo(organization.timezone),
        threshold=organization.anonymity_threshold,
        include_provisional=organization.include_provisional,
    )
    metrics = sorted({metric_of(survey) for survey in surveys} - {""})
    tallies = count(selection, surveys_for(selection), metrics, split=Split(by="survey"))
    found: dict[UUID, Metric] = {}
    for survey in surveys:
        metric = metric_of(survey)
        reading = read_tally(metric, None, tallies.get(Slot(metric, NOW, key=survey.pk))) if metric else None
        if reading and (reading.metric.n or reading.metric.suppressed):
            found[survey.pk] = reading.metric
    return found


register_results(survey_results)
register_scores(scores_of_segment)
register_headlines(headlines_of_segments)
register_difference(difference_between)
