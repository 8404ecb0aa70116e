"""Reading scores: trend and free filters against DuckDB on the same rows, and the dashboard page against its SQL."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from django.db import connection
from django.test import Client

from apps.accounts.models import User
from apps.metrics.folding import refold_organization
from apps.metrics.queries import score
from apps.metrics.selection import Selection
from apps.organizations.models import Organization
from apps.organizations.services import create_organization
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey
from apps.touchpoints.services import create_touchpoint
from benchmarks import Row, percentile, seconds, settle
from cxm.actor import Actor
from cxm.scope import current_tenant_id, tenant

SYSTEM = Actor.system("benchmark")
TODAY = date(2026, 11, 21)
DAYS = 395
CHANNELS = ["web", "email", "phone", "kiosk"]


def measure(size: str) -> Iterable[Row]:
    """Thirteen months of answers: a million, or fifty thousand when small."""
    answers = 1_000_000 if size == "full" else 50_000
    user = User.objects.create_user(email="bench@example.com", name="Bench")
    organization = create_organization(actor=SYSTEM, owner=user, name="Scores", slug="bench-scores")
    with tenant(organization):
        survey = fill(answers)
        refold_organization()
        settle("surveys_response", "metrics_scorehistogram")
        with connection.cursor() as cursor, tempfile.TemporaryDirectory() as folder:
            cursor.execute("SELECT day, score, channel, touchpoint_id::text, occurred_at FROM surveys_response")
            native, parquet = duck_copies(cursor.fetchall(), Path(folder))
            yield trend_row(survey, native, answers)
            yield filters_row(survey, parquet, answers)
    yield from page_rows(organization, user)


def fill(answers: int) -> Survey:
    """One relationship survey, twelve touchpoints with a survey, and answers spread over the days."""
    survey = create_survey(actor=SYSTEM, name="Relationship", kind="nps", relationship=True)
    publish_survey(actor=SYSTEM, survey=survey)
    keys: list[tuple[str, str | None]] = [(str(survey.pk), None)]
    for number in range(12):
        touchpoint = create_touchpoint(actor=SYSTEM, name=f"Touchpoint {number}", target={"nps": 20})
        own = create_survey(actor=SYSTEM, name=f"After {number}", kind="nps", touchpoint=touchpoint)
        publish_survey(actor=SYSTEM, survey=own)
        keys.append((str(own.pk), str(touchpoint.pk)))
    share = answers // len(keys)
    with connection.cursor() as cursor:
        for survey_id, touchpoint_id in keys:
            cursor.execute(
                """
                INSERT INTO surveys_response (tenant_id, id, survey_id, version, touchpoint_id, channel, language,
                       answers, score, score_question, metric, scale, comment, state, contact_ok, occurred_at, day,
                       recorded_at, updated_at, source, attributes, flags)
                SELECT %(tenant)s, gen_random_uuid(), %(survey)s, 1, %(touchpoint)s, (%(channels)s)[1 + i %% 4], 'en',
                       jsonb_build_object('score', (i * 7919) %% 11), (i * 7919) %% 11, 'score', 'nps', 11,
                       CASE WHEN i %% 3 = 0 THEN 'It took four minutes and I kept waiting for the catch.' ELSE '' END,
                       'submitted', false, at, at::date, at, at, 'api', '{}', '[]'
                  FROM (SELECT i, %(end)s::timestamptz - (i::bigint * 104729 %% %(minutes)s) * interval '1 minute' AS at
                          FROM generate_series(1, %(n)s) i) x
                """,
                {
                    "tenant": current_tenant_id(),
                    "survey": survey_id,
                    "touchpoint": touchpoint_id,
                    "channels": CHANNELS,
                    "end": datetime(TODAY.year, TODAY.month, TODAY.day, 23, 0, tzinfo=UTC),
                    "minutes": DAYS * 1440 - 1,
                    "n": share,
                },
            )
    return survey


def duck_copies(rows: list[Any], folder: Path) -> tuple[Callable[[str], Any], Callable[[str], Any]]:
    """The same rows in DuckDB's own table and in a parquet file, as functions that run SQL on `answers`."""
    native, source = duckdb.connect(), duckdb.connect()
    for database in (native, source):
        database.execute("SET threads TO 2")
    native.execute("CREATE TABLE answers (day DATE, score TINYINT, channel TEXT, touchpoint TEXT, moment TIMESTAMPTZ)")
    csv = folder / "answers.csv"
    with csv.open("w") as file:
        file.writelines(
            f"{day},{value},{channel},{touchpoint or ''},{at}\n" for day, value, channel, touchpoint, at in rows
        )
    native.execute(f"INSERT INTO answers SELECT * FROM read_csv('{csv}', header = false, nullstr = '')")
    native.execute(f"COPY answers TO '{folder / 'answers.parquet'}' (FORMAT parquet)")
    source.execute(f"CREATE VIEW answers AS SELECT * FROM read_parquet('{folder / 'answers.parquet'}')")
    return lambda sql: native.execute(sql).fetchall(), lambda sql: source.execute(sql).fetchall()


def trend_row(survey: Survey, duck: Callable[[str], Any], answers: int) -> Row:
    """Weekly NPS of all touchpoints together, from the histograms."""
    sql = """SELECT date_trunc('week', day) AS week, count(*), sum(CASE WHEN score >= 9 THEN 1 WHEN score <= 6 THEN -1
             ELSE 0 END) FROM answers WHERE touchpoint IS NOT NULL GROUP BY 1 ORDER BY 1"""
    selection = Selection(which="touchpoint")
    score(selection, "nps", interval="week")
    ours = seconds(lambda: score(selection, "nps", interval="week"), repeat=7)
    theirs = seconds(lambda: duck(sql), repeat=7)
    return Row(
        f"NPS trend of {answers:,} answers",
        f"{1000 * theirs:.1f} ms DuckDB",
        f"{1000 * ours:.1f} ms",
        ours / theirs,
        0.15,
        "lower",
    )


def filters_row(survey: Survey, duck: Callable[[str], Any], answers: int) -> Row:
    """NPS of one channel between two instants, which no histogram knows: from the answers."""
    since = datetime(2026, 1, 1, 8, 30, tzinfo=UTC)
    until = since + timedelta(days=200)
    sql = f"""SELECT count(*), sum(CASE WHEN score >= 9 THEN 1 WHEN score <= 6 THEN -1 ELSE 0 END) FROM answers
              WHERE touchpoint IS NOT NULL AND channel = 'web' AND moment >= '{since}' AND moment < '{until}'"""
    selection = Selection(which="touchpoint", channels=frozenset({"web"}), since=since, until=until)
    n, net = duck(sql)[0]
    found = score(selection, "nps").metric
    if (found.n, round(found.value or 0, 6)) != (n, round(100 * net / n, 6)):
        raise AssertionError(f"the two disagree: {found.n} and {n}")
    ours = seconds(lambda: score(selection, "nps"), repeat=5)
    theirs = seconds(lambda: duck(sql), repeat=5)
    return Row(
        f"free combination of filters over {answers:,} answers",
        f"{1000 * theirs:.1f} ms DuckDB on parquet",
        f"{1000 * ours:.1f} ms",
        ours / theirs,
        6,
        "lower",
    )


def page_rows(organization: Organization, user: User) -> Iterable[Row]:
    """The dashboard as a browser gets it: server time, and its share that is SQL."""
    client = Client()
    client.force_login(user)
    url = f"/o/{organization.slug}/?to={TODAY}&from={TODAY - timedelta(days=89)}"
    totals, in_sql, queries = [], [], 0
    for attempt in range(35):
        spent: list[float] = []

        def timed(execute: Any, sql: str, *rest: Any, spent: list[float] = spent) -> Any:
            start = time.perf_counter()
            try:
                return execute(sql, *rest)
            finally:
                spent.append(time.perf_counter() - start)

        start = time.perf_counter()
        with connection.execute_wrapper(timed):
            status = client.get(url).status_code
        if status != 200:
            raise AssertionError(f"the dashboard answered {status}")
        if attempt >= 5:
            totals.append(time.perf_counter() - start)
            in_sql.append(sum(spent))
            queries = len(spent)
    p50, p95, sql = median(totals), percentile(totals, 0.95), median(in_sql)
    yield Row("dashboard page, p50", "25 ms", f"{1000 * p50:.1f} ms", 1000 * p50 / 25, 1, "lower")
    yield Row("dashboard page, p95", "60 ms", f"{1000 * p95:.1f} ms", 1000 * p95 / 60, 1, "lower")
    yield Row("dashboard page against its SQL", f"{1000 * sql:.1f} ms", f"{1000 * p50:.1f} ms", p50 / sql, 2.5, "lower")
    yield Row("dashboard page, queries", "12", str(queries), queries / 12, 1, "lower")
