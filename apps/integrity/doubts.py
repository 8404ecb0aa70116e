"""Marked answers: how many, what the score would be without them, and the answers themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet

from apps.integrity.flags import FLAGS, Flag
from apps.integrity.scope import METRICS, Scope
from apps.metrics.counting import Slot, SurveyFacts, Tally, count, surveys_for
from apps.metrics.queries import read_tally
from apps.metrics.statistics import RULES, Histogram, Metric, measure, rule_for
from apps.surveys.models import Response


@dataclass(frozen=True, slots=True)
class Doubt:
    """One mark: how many answers have it, how many of them are scored, and the score without those."""

    flag: Flag
    answers: int
    scored: int
    without: Metric | None


@dataclass(frozen=True, slots=True)
class Doubts:
    """Every mark that some answer has; the plain score, and what it would be without any marked answer.

    The plain score is the score. The others say how much hangs on answers in doubt.
    """

    metric: str
    plain: Metric | None
    marks: list[Doubt]
    answers: int
    scored: int
    without: Metric | None


def flagged_answers(scope: Scope) -> QuerySet[Response]:
    """Marked answers in the scope, newest first, as rows that cost nothing until read. Never of anonymous surveys."""
    selection = scope.selection
    rows = _marked(scope, _surveys(scope))
    rows = rows.filter(flags__contains=[scope.flag]) if scope.flag else rows.filter(_any_of(FLAGS))
    return (
        rows.filter(selection.window() & selection.dimensions())
        .select_related("survey", "customer", "touchpoint", "unit")
        .order_by("-occurred_at", "-pk")
    )


def doubts(scope: Scope) -> Doubts:
    """Marks with their what-if scores, for the metric asked for or the one with the most answers. Three queries."""
    surveys = _surveys(scope)
    metrics = [scope.metric] if scope.metric else list(METRICS)
    tallies = count(scope.selection, surveys, metrics) if surveys else {}
    answers = {name: _n(tallies.get(Slot(name), Tally())) for name in metrics}
    metric = max(metrics, key=lambda name: (answers[name], -METRICS.index(name)))
    whole = tallies.get(Slot(metric), Tally())
    reading = read_tally(metric, None, whole)
    plain = reading.metric if reading and reading.metric.n else None
    scale = len(plain.distribution) if plain else rule_for(metric).scales[0]
    marked: dict[str | None, list[int]] = defaultdict(lambda: [0] * 11)
    given: dict[str | None, int] = defaultdict(int)
    for flags, name, points, score, n in _counted(scope, surveys):
        codes = [code for code in flags if code in FLAGS]
        for code in (*dict.fromkeys(codes), None) if codes else ():
            given[code] += n
            if score is not None and (name, points) == (metric, scale):
                marked[code][score] += n
    found = [
        Doubt(flag, given[code], sum(marked[code]), _without(plain, whole, scale, marked[code]))
        for code, flag in FLAGS.items()
        if given[code]
    ]
    return Doubts(
        metric, plain, found, given[None], sum(marked[None]), _without(plain, whole, scale, marked[None])
    )  # fmt: skip


def _surveys(scope: Scope) -> list[SurveyFacts]:
    return [survey for survey in surveys_for(scope.selection) if not survey.anonymous and not survey.employees]


def _marked(scope: Scope, surveys: Iterable[SurveyFacts]) -> QuerySet[Response]:
    return Response.objects.filter(survey__in=[survey.id for survey in surveys]).exclude(flags=[])


def _any_of(codes: Iterable[str]) -> Q:
    wanted = Q()
    for code in codes:
        wanted |= Q(flags__contains=[code])
    return wanted


def _counted(scope: Scope, surveys: Iterable[SurveyFacts]) -> list[tuple[Any, ...]]:
    """Marked answers that count, by marks, metric, scale and score. One query; there are few combinations of marks."""
    selection = scope.selection
    rows = selection.responses().filter(survey__in=[survey.id for survey in surveys]).exclude(flags=[])
    grouped = rows.filter(selection.window() & selection.dimensions()).order_by()
    return list(
        grouped.values("flags", "metric", "scale", "score")
        .annotate(n=Count("pk"))
        .values_list("flags", "metric", "scale", "score", "n")
    )


def _without(plain: Metric | None, whole: Tally, scale: int, marked: list[int]) -> Metric | None:
    """The score of the answers that are left; None where none are."""
    if plain is None:
        return None
    taken = Histogram.from_columns(scale, marked)
    everything = whole.histogram(scale)
    left = Histogram(scale, tuple(max(0, a - b) for a, b in zip(everything.counts, taken.counts, strict=True)))
    return measure(RULES[plain.rule], left) if left.n else None


def _n(tally: Tally) -> int:
    return sum(map(sum, tally.scales.values()))
