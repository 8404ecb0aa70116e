"""The results of a survey as rows of a table, for downloads. Numbers are written as numbers, unrounded for print."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext

from apps.metrics.results import QuestionResult, SurveyResults
from apps.metrics.statistics import Metric

Row = list[object]


def result_rows(results: SurveyResults) -> Iterator[Row]:
    """Every figure of the page, one a row: what it is of, its value with interval, n, rule."""
    yield [
        gettext("Question"),
        gettext("Wording"),
        gettext("Type"),
        gettext("Part"),
        gettext("Count"),
        gettext("Value"),
        gettext("Low"),
        gettext("High"),
        gettext("n"),
        gettext("Unit"),
        gettext("Rule"),
        gettext("Suppressed"),
    ]
    if results.headline:
        yield _figure(["", "", results.metric, gettext("headline")], "", results.headline)
        for period in results.series:
            yield _figure(["", "", results.metric, period.start.isoformat()], "", period.metric)
    for result in results.questions:
        yield from _question(result)


def _question(result: QuestionResult) -> Iterator[Row]:
    about: Row = [result.question.id, result.question.title, result.question.type]
    if result.suppressed:
        yield [*about, gettext("answered"), "", "", "", "", "", "", "", True]
        return
    for part, count in (("asked", result.shown), ("answered", result.answered), ("skipped", result.skipped)):
        if count is not None:
            yield [*about, part, count]
    if result.score:
        yield _figure([*about, gettext("score")], "", result.score)
        for score, count in result.score.distribution.items():
            yield [*about, score, count]
    for share in result.shares:
        yield _figure([*about, share.label], share.count, share.metric)
    for row in result.rows:
        for cell in row.cells:
            yield _figure([*about, f"{row.label}: {cell.label}"], cell.count, cell.metric)
    for rank in result.ranks:
        yield _figure([*about, f"{rank.label}: {gettext('put first')}"], rank.first.count, rank.first.metric)
        yield [*about, f"{rank.label}: {gettext('mean place')}", rank.placed, rank.mean]
    if result.number:
        yield _figure([*about, gettext("mean")], "", result.number.mean)
        if spread := result.number.spread:
            for name, value in zip(("lower quartile", "median", "upper quartile"), spread.quartiles, strict=True):
                yield [*about, name, "", value]
    for month, count in result.months:
        yield [*about, month, count]


def _figure(about: Row, count: object, metric: Metric) -> Row:
    values = metric.as_json()
    return [
        *about,
        count,
        values["value"],
        values["low"],
        values["high"],
        metric.n,
        metric.unit,
        metric.rule,
        metric.suppressed,
    ]
