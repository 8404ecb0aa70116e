"""Folding responses into score histograms.

A bucket is one day of one survey. It is never incremented: it is recomputed from the responses, so a new answer, an
edit, a deletion, a late import and a repeat of the same event are all the same operation, and none can drift. The cost
grows with the answers of the days touched, not with all answers (docs/adr/0030).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from apps.metrics.models import ScoreHistogram
from apps.metrics.scored_answers import (
    COUNTS,
    DIMENSIONS,
    HISTOGRAMS,
    ScoredQuestion,
    counted_states,
    further_questions,
    parameters,
)
from apps.organizations.models import Organization
from apps.surveys.models import Response
from cxm.scope import current_tenant_id

TABLE = ScoreHistogram._meta.db_table
RESPONSES = Response._meta.db_table
COLUMNS = ", ".join((*DIMENSIONS, *COUNTS))
Bucket = tuple[UUID, date]


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference between what is stored and a recount: rows missing, rows too many, or other counts."""

    survey_id: UUID
    day: date
    question: str
    stored: int
    recounted: int


@transaction.atomic
def fold_buckets(buckets: Iterable[Bucket]) -> int:
    """Recompute the histograms of these days of these surveys; returns how many rows they have now.

    One DELETE and one INSERT ... SELECT whatever the number of responses, plus two small reads. Folds of one
    organisation run one after another (an advisory lock until the transaction ends), and each counts what is
    committed when it runs: whoever commits later brings an event of its own.
    """
    wanted = sorted(set(buckets))
    if not wanted:
        return 0
    surveys, days = [str(survey) for survey, _ in wanted], [day for _, day in wanted]
    _one_at_a_time()
    where = "(survey_id, day) IN (SELECT * FROM unnest(%(bucket_surveys)s::uuid[], %(bucket_days)s::date[]))"
    questions = further_questions({survey for survey, _ in wanted})
    values = {**_parameters(questions), "bucket_surveys": surveys, "bucket_days": days}
    return _replace(where, values)


@transaction.atomic
def refold_organization() -> int:
    """Recompute every histogram of the organisation in force; returns how many rows there are now.

    For a new time zone (every day moves) or a new answer to whether provisional answers count.
    """
    _one_at_a_time()
    return _replace("TRUE", _parameters(further_questions()))


@transaction.atomic
def move_days() -> int:
    """Give every response the day of its experience in the organisation's time zone, and refold; returns rows moved."""
    zone = Organization.objects.values_list("timezone", flat=True).get(pk=current_tenant_id())
    _one_at_a_time()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""UPDATE {RESPONSES} SET day = (occurred_at AT TIME ZONE %(zone)s)::date
                 WHERE tenant_id = %(tenant)s AND day <> (occurred_at AT TIME ZONE %(zone)s)::date""",
            {"tenant": current_tenant_id(), "zone": zone},
        )
        moved = cursor.rowcount
    refold_organization()
    return moved


def find_drift() -> list[Drift]:
    """Compare the stored histograms with a recount of all responses; an empty list means they agree.

    Reads every response of the organisation: for `check_scores` and tests, not for pages. Answers whose event still
    waits in the outbox show up here too: fold first, then check.
    """
    stored = f"SELECT {COLUMNS} FROM {TABLE} WHERE tenant_id = %(tenant)s AND NOT is_imported"
    same = " AND ".join(f"a.{name} IS NOT DISTINCT FROM b.{name}" for name in DIMENSIONS)
    differs = " OR ".join(f"a.{name} IS DISTINCT FROM b.{name}" for name in COUNTS)
    total_a, total_b = ("coalesce(" + " + ".join(f"{alias}.{name}" for name in COUNTS) + ", 0)" for alias in ("a", "b"))
    sql = f"""
        SELECT coalesce(a.survey_id, b.survey_id), coalesce(a.day, b.day), coalesce(a.question, b.question),
               {total_a}, {total_b}
          FROM ({stored}) a FULL JOIN ({HISTOGRAMS.format(bucket="TRUE")}) b
            ON a.survey_id = b.survey_id AND a.day = b.day AND a.question = b.question AND {same}
         WHERE {differs}
         ORDER BY 2, 1, 3
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, _parameters(further_questions()))
        return [Drift(*row) for row in cursor.fetchall()]


def _parameters(questions: list[ScoredQuestion]) -> dict[str, Any]:
    include = Organization.objects.values_list("include_provisional", flat=True).get(pk=current_tenant_id())
    return parameters(counted_states(include), questions)


def _one_at_a_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"metrics.fold {current_tenant_id()}"])


def _replace(where: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {TABLE} WHERE tenant_id = %(tenant)s AND NOT is_imported AND {where}", values)
        counted = HISTOGRAMS.format(bucket=where.replace("(survey_id, day)", "(r.survey_id, r.day)"))
        rows = f"SELECT %(tenant)s, gen_random_uuid(), FALSE, h.* FROM ({counted}) h"
        cursor.execute(f"INSERT INTO {TABLE} (tenant_id, id, is_imported, {COLUMNS}) {rows}", values)
        return cursor.rowcount
