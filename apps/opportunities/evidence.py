"""What speaks for an opportunity, and the customer value that this suggests: a heuristic of ours, shown with its parts.

It stands beside what people gave and never takes its place. Formula and reasons: adr/0177.

Severity of what insights say: s_i = (2 - weighted mean) / 4, 0 (very good) to 1 (very bad), trusted t_i = k / (k + 3)
with k scored insights. Severity of what customers measured at the touchpoint over a year: s_m = (100 - NPS) / 200, or
1 - CSAT % / 100, or 1 - CES % / 100, trusted t_m = n / (n + 30) with n answers. Severity s is their mean by trust.
Reach r = log(1 + v) / log(1 + V): v events at the touchpoint, V at the busiest one. Suggested value, 1 to 5:
1 + 4 s (1 + r) / 2, or 1 + 4 s where reach is not known. Nothing scored and nothing measured: nothing suggested.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from math import log1p
from typing import Any, Final
from uuid import UUID

from django.db.models import Count
from django.http import QueryDict
from django.utils.timezone import localdate, make_aware

from apps.insights.scoring import WeightedMean, weighted_mean
from apps.metrics.filters import read_selection
from apps.metrics.queries import METRICS, touchpoint_readings
from apps.metrics.statistics import Metric
from apps.opportunities.models import Opportunity, OpportunityIdea, OpportunityInsight
from apps.touchpoints import registry
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor

DAYS: Final = 365
"""Answers and events of so many days count, today included."""
HALF_TRUSTED_INSIGHTS: Final = 3
HALF_TRUSTED_ANSWERS: Final = 30


@dataclass(frozen=True, slots=True)
class Part:
    """One side of the severity: 0 (very good) to 1 (very bad), and how far it is trusted, 0 to 1."""

    severity: float
    trust: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The customer value that evidence suggests, 1.0 to 5.0, with what it was made of; `reach` 0 to 1 or None."""

    value: float
    said: Part | None
    measured: Part | None
    severity: float
    reach: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for one opportunity.

    `metric` names what was measured at the touchpoint (the map's own metric first), `score` is it; both None where
    nothing was, or the reader may not see scores. `volume` counts events at the touchpoint.
    """

    insights: int
    ideas: int
    pain_point: bool
    mean: WeightedMean | None
    metric: str | None
    score: Metric | None
    volume: int
    suggestion: Suggestion | None

    @property
    def count(self) -> int:
        """Pieces of evidence: insights, ideas, and the pain point it was written from."""
        return self.insights + self.ideas + self.pain_point


def evidence_of(*, actor: Actor, organization: Any, rows: Sequence[Opportunity]) -> dict[UUID, Evidence]:
    """The evidence of opportunities by id. At most six queries, however many there are.

    Insights are counted for everybody. Their mean, scores and the suggestion are for who may see insights and metrics:
    a suggestion of half of the evidence would be another number.
    """
    ids = [row.pk for row in rows]
    scored: dict[UUID, list[tuple[float | None, int]]] = defaultdict(list)
    links = OpportunityInsight.objects.filter(opportunity__in=ids)
    for pk, felt, people in links.values_list("opportunity_id", "insight__score", "insight__people"):
        scored[pk].append((felt, people))
    ideas = OpportunityIdea.objects.filter(opportunity__in=ids).order_by().values_list("opportunity_id")
    idea_counts = dict(ideas.annotate(n=Count("pk")))
    sees_all = actor.can("insights.view") and actor.can("metrics.view")
    readings: Mapping[UUID, Mapping[str, Any]] = {}
    volumes: Mapping[UUID, int] = {}
    if sees_all and any(row.touchpoint_id for row in rows):
        readings, volumes = _measured(actor, organization)
    busiest = max(volumes.values(), default=0)
    found = {}
    for row in rows:
        mean = weighted_mean((felt, people) for felt, people in scored[row.pk] if felt is not None)
        metric, score = _score_at(row, readings)
        volume = volumes.get(row.touchpoint_id, 0) if row.touchpoint_id else 0
        found[row.pk] = Evidence(
            insights=len(scored[row.pk]),
            ideas=idea_counts.get(row.pk, 0),
            pain_point=bool(row.pain_point),
            mean=mean if sees_all else None,
            metric=metric,
            score=score,
            volume=volume,
            suggestion=suggest(mean, metric, score, volume, busiest) if sees_all else None,
        )
    return found


def suggest(
    mean: WeightedMean | None, metric: str | None, score: Metric | None, volume: int, busiest: int
) -> Suggestion | None:
    """The customer value suggested by what insights say and customers measured; None where neither says anything."""
    said = Part((2 - mean.value) / 4, mean.n / (mean.n + HALF_TRUSTED_INSIGHTS)) if mean else None
    measured = None
    if metric and score and score.value is not None and score.n:
        severity = (100 - score.value) / (200 if metric == "nps" else 100)
        measured = Part(severity, score.n / (score.n + HALF_TRUSTED_ANSWERS))
    parts = [part for part in (said, measured) if part]
    if not parts:
        return None
    severity = sum(part.severity * part.trust for part in parts) / sum(part.trust for part in parts)
    reach = log1p(volume) / log1p(busiest) if volume and busiest else None
    value = 1 + 4 * severity * ((1 + reach) / 2 if reach is not None else 1)
    return Suggestion(value, said, measured, severity, reach)


def _measured(actor: Actor, organization: Any) -> tuple[Mapping[UUID, Mapping[str, Any]], Mapping[UUID, int]]:
    """Scores and volumes of all touchpoints over the last year. Four queries."""
    today = localdate()
    first = today - timedelta(days=DAYS - 1)
    window = QueryDict(mutable=True)
    window["from"], window["to"] = first.isoformat(), today.isoformat()
    selection = read_selection(window, actor=actor, organization=organization)
    readings = {
        pk: {name: reading.metric for name, reading in metrics.items()}
        for pk, metrics in touchpoint_readings(selection).items()
    }
    start = make_aware(datetime.combine(first, time.min), selection.zone)
    ids = list(Touchpoint.objects.values_list("pk", flat=True))
    return readings, registry.figure("volume", ids, start, None)


def _score_at(row: Opportunity, readings: Mapping[UUID, Mapping[str, Any]]) -> tuple[str | None, Metric | None]:
    """What was measured at the touchpoint on a share's scale: the map's metric, else NPS, CSAT, CES in this order."""
    measured = readings.get(row.touchpoint_id, {}) if row.touchpoint_id else {}
    own = [row.journey.metric] if row.journey else []
    for name in (*own, *METRICS):
        score = measured.get(name)
        if score is not None and score.value is not None and score.unit != "mean":
            return name, score
    return None, None
