"""Scores and answers as rows of a table, for downloads. Numbers are written as numbers, unrounded for print."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import QuerySet
from django.utils.translation import gettext

from apps.metrics.counting import Interval
from apps.metrics.queries import METRICS, score
from apps.metrics.selection import Selection
from apps.metrics.statistics import Metric
from apps.surveys.holding import readable, readable_comment
from apps.surveys.models import Response
from cxm.actor import Actor
from cxm.errors import DomainError

MOST_ROWS = 50_000
CHUNK = 1_000

CUSTOMER_COLUMNS = ("customer.external_id", "customer.name", "customer.email")
FEEDBACK_COLUMNS = (
    "id",
    "occurred_at",
    "survey",
    "touchpoint",
    "channel",
    "unit",
    "language",
    "metric",
    "score",
    "scale",
    "comment",
    "source_id",
    *CUSTOMER_COLUMNS,
)

Row = list[object]


def score_rows(selection: Selection, interval: Interval) -> Iterator[Row]:
    """Every headline with its periods and touchpoints. Three queries a metric."""
    yield [
        gettext("Metric"),
        gettext("Part"),
        gettext("Of"),
        gettext("Value"),
        gettext("Low"),
        gettext("High"),
        gettext("Answers"),
        gettext("Rule"),
        gettext("Reliability"),
        gettext("Suppressed"),
    ]
    for metric in METRICS:
        try:
            found = score(selection, metric, interval=interval, by="touchpoint")
        except DomainError as error:
            yield [metric, gettext("total"), error.message]
            continue
        yield _row(metric, gettext("total"), "", found.metric)
        for period in found.series:
            yield _row(metric, interval, period.start.isoformat(), period.metric)
        for group in found.groups:
            yield _row(metric, gettext("touchpoint"), group.label if group.key else gettext("none"), group.metric)


def _row(metric: str, part: str, of: str, found: Metric) -> Row:
    values = found.as_json()
    return [
        metric,
        part,
        of,
        values["value"],
        values["low"],
        values["high"],
        found.n,
        found.rule,
        found.reliability.value,
        found.suppressed,
    ]


def feedback_rows(rows: QuerySet[Response], *, actor: Actor) -> Iterator[Row]:
    """Answers with what they are about, newest first: customers, and names in words, as this actor may see them."""
    with_customers = actor.can("customers.view")
    yield list(FEEDBACK_COLUMNS if with_customers else FEEDBACK_COLUMNS[: -len(CUSTOMER_COLUMNS)])
    for response in rows.iterator(chunk_size=CHUNK):
        if response.survey.anonymous:
            yield _words_alone(response, actor, len(CUSTOMER_COLUMNS) if with_customers else 0)
            continue
        row: Row = [
            str(response.pk),
            response.occurred_at.isoformat(),
            response.survey.name,
            response.touchpoint.key if response.touchpoint else "",
            response.channel,
            response.unit.name if response.unit else "",
            response.language,
            response.metric,
            response.score,
            response.scale,
            readable_comment(response, actor),
            readable(response, actor, response.source_id or ""),
        ]
        if with_customers:
            customer = response.customer
            row += [customer.external_id, customer.name, customer.email] if customer else ["", "", ""]
        yield row


def _words_alone(response: Response, actor: Actor, further: int) -> Row:
    """Of an anonymous survey the comment alone: all that stands in a row together tells who wrote it."""
    row: Row = [""] * (len(FEEDBACK_COLUMNS) - len(CUSTOMER_COLUMNS) + further)
    row[FEEDBACK_COLUMNS.index("survey")] = response.survey.name
    row[FEEDBACK_COLUMNS.index("comment")] = readable_comment(response, actor)
    return row
