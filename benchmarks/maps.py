"""Opening a large map with live scores over millions of answers and interactions, against its SQL and against bare SQL.

The map has forty stages of three steps, each with a touchpoint of its own that a survey asks about and an event
matches. Bare SQL is what nobody could leave out: the histograms of two periods by touchpoint, the events of one period
by name, and the rows of the draft, in one statement each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from hashlib import md5
from statistics import median
from typing import Any
from uuid import UUID

from django.db import connection
from django.template import Template
from django.test import Client
from django.test.utils import _TestState

from apps.accounts.models import User
from apps.customers.models import Customer
from apps.journeys.models import Journey
from apps.journeys.services import create_journey
from apps.metrics.folding import refold_organization
from apps.organizations.services import create_organization
from apps.segments.models import Segment, SegmentMember
from apps.surveys.services import create_survey, publish_survey
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import create_touchpoint
from apps.touchpoints.volume import volumes
from benchmarks import Row, percentile, settle
from cxm.actor import Actor
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id, tenant

SYSTEM = Actor.system("benchmark")
STAGES, STEPS = 40, 3
LAST = date(2026, 11, 21)
DAYS, SHOWN = 365, 90
CHANNELS = ["web", "email", "phone", "kiosk"]
SIZES = {"small": (100_000, 100_000), "full": (10_000_000, 10_000_000)}
"""Answers and interactions."""
PEOPLE = 20_000


def measure(size: str) -> Iterable[Row]:
    """A year of answers and as many interactions: ten million each, or a hundred thousand when small."""
    told, met = SIZES[size]
    user = User.objects.create_user(email="bench-map@example.com", name="Bench")
    organization = create_organization(actor=SYSTEM, owner=user, name="Maps", slug="bench-maps")
    with tenant(organization):
        journey, keys = a_large_map()
        segment = people()
        answers(told, keys)
        interactions(met)
        refold_organization()
    settle("surveys_response", "metrics_scorehistogram", "interactions_interaction", "segments_segmentmember")
    client = Client()
    client.force_login(user)
    base = f"/o/{organization.slug}/journeys/{journey.pk}"
    since = LAST - timedelta(days=SHOWN - 1)
    period = f"from={since}&to={LAST}&view=board"
    label = f"map of {STAGES} stages over {told:,} answers"
    with tenant(organization):
        bare = bare_sql(journey, since)
    page, sql, queries = opened(client, f"{base}/?{period}")
    yield Row(f"{label}: page against its SQL", ms(sql), ms(page), page / sql, 2.5, "lower")
    yield Row(f"{label}: page against bare SQL", ms(bare), ms(page), page / bare, 5, "lower")
    yield Row(f"{label}: queries", "40", str(queries), queries / 40, 1, "lower")
    with tenant(organization):
        yield volume_row(sql, met, since)
    page, sql, _queries = opened(client, f"{base}/?{period}&segment={segment}", times=5)
    yield Row(f"{label}: one segment, page against its SQL", ms(sql), ms(page), page / sql, 2.5, "lower")
    page, sql, _queries = opened(client, f"{base}/delusions/?{period}")
    yield Row(f"{label}: curves, page against its SQL", ms(sql), ms(page), page / sql, 2.5, "lower")


def ms(spent: float) -> str:
    """Seconds in print."""
    return f"{1000 * spent:.0f} ms"


def a_large_map() -> tuple[Journey, list[tuple[str, str]]]:
    """The map, and of each touchpoint its survey and itself."""
    stages, keys = [], []
    for stage in range(STAGES):
        steps = []
        for number in range(STEPS):
            name = f"Touchpoint {stage}-{number}"
            key = f"tp-{stage}-{number}"
            touchpoint = create_touchpoint(
                actor=SYSTEM,
                name=name,
                key=key,
                channel=CHANNELS[number],
                target={"nps": 20},
                event_match={"event": event_name(stage * STEPS + number), "where": {}},
            )
            survey = create_survey(actor=SYSTEM, name=f"After {name}", kind="nps", touchpoint=touchpoint)
            publish_survey(actor=SYSTEM, survey=survey)
            keys.append((str(survey.pk), str(touchpoint.pk)))
            cards = [
                {"lane": lane, "text": f"What is said of {name}"} for lane in ("actions", "thoughts", "pain_points")
            ]
            belief = (stage * 7 + number) % 5 - 2
            steps.append({"name": f"Step {stage}-{number}", "touchpoints": [key], "belief": belief, "cards": cards})
        stages.append({"name": f"Stage {stage}", "steps": steps})
    return create_journey(actor=SYSTEM, name="Large", stages=stages, metric="nps"), keys


def event_name(number: int) -> str:
    """The event that a touchpoint matches."""
    return f"Event {number}"


def people() -> str:
    """Customers, and a segment with every tenth of them."""
    segment = Segment.objects.create(name="Tenth", kind="static", state="ready", size=PEOPLE // 10)
    ids = [UUID(md5(f"bench{number}".encode(), usedforsecurity=False).hexdigest()) for number in range(1, PEOPLE + 1)]
    Customer.objects.bulk_create(
        (Customer(id=pk, external_id=f"B-{number}") for number, pk in enumerate(ids)), batch_size=1000
    )
    SegmentMember.objects.bulk_create(
        (SegmentMember(segment=segment, customer_id=pk) for pk in ids[::10]), batch_size=1000
    )
    return str(segment.pk)


def answers(rows: int, keys: list[tuple[str, str]]) -> None:
    """Answers spread over touchpoints, days, channels and people."""
    with connection.cursor() as cursor:
        for survey_id, touchpoint_id in keys:
            cursor.execute(
                """
                INSERT INTO surveys_response (tenant_id, id, survey_id, version, touchpoint_id, customer_id, channel,
                       language, answers, score, score_question, metric, scale, comment, state, contact_ok, occurred_at,
                       day, recorded_at, updated_at, source, attributes, flags)
                SELECT %(tenant)s, gen_random_uuid(), %(survey)s, 1, %(touchpoint)s,
                       md5('bench' || 1 + (i * 31) %% %(people)s)::uuid, (%(channels)s)[1 + i %% 4], 'en',
                       jsonb_build_object('score', (i * 7919) %% 11), (i * 7919) %% 11, 'score', 'nps', 11, '',
                       'submitted', false, at, at::date, at, at, 'api', '{}', '[]'
                  FROM (SELECT i, %(end)s::timestamptz - (i::bigint * 104729 %% %(minutes)s) * interval '1 minute' AS at
                          FROM generate_series(1, %(n)s) i) x
                """,
                {
                    "tenant": current_tenant_id(),
                    "survey": survey_id,
                    "touchpoint": touchpoint_id,
                    "people": PEOPLE,
                    "channels": CHANNELS,
                    "end": datetime(LAST.year, LAST.month, LAST.day, 23, 0, tzinfo=UTC),
                    "minutes": DAYS * 1440 - 1,
                    "n": rows // len(keys),
                },
            )


def interactions(rows: int) -> None:
    """Interactions of the events that touchpoints match, spread over the days."""
    end = datetime(LAST.year, LAST.month, LAST.day, 23, 0, tzinfo=UTC)
    kinds = STAGES * STEPS
    with connection.cursor() as cursor:
        for chunk in range(20):
            cursor.execute(
                """
                INSERT INTO interactions_interaction (tenant_id, id, customer_id, kind, event, channel, occurred_at,
                       recorded_at, is_time_received, properties, context, source)
                SELECT %(tenant)s,
                       (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(i %% 4096), 3, '0')
                        || '8' || substr(md5(i::text), 1, 15))::uuid,
                       md5('bench' || 1 + (i * 31) %% %(people)s)::uuid, 'event', 'Event ' || (i %% %(kinds)s), 'web',
                       to_timestamp(ms / 1000.0), now(), false, '{}', '{}', 'ingest'
                  FROM (SELECT i, %(end)s - i::bigint * 104729 %% %(minutes)s * 60000 AS ms
                          FROM generate_series(%(first)s, %(last)s) i) x
                """,
                {
                    "tenant": current_tenant_id(),
                    "people": PEOPLE,
                    "kinds": kinds,
                    "end": int(end.timestamp() * 1000),
                    "minutes": DAYS * 1440 - 1,
                    "first": chunk * (rows // 20) + 1,
                    "last": (chunk + 1) * (rows // 20),
                },
            )


def bare_sql(journey: Journey, since: date) -> float:
    """Median seconds of the statements that nobody could leave out."""
    before = since - timedelta(days=SHOWN)
    counts = ", ".join(f"sum(c{score})" for score in range(11))
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    end = datetime(LAST.year, LAST.month, LAST.day, tzinfo=UTC) + timedelta(days=1)
    statements: list[tuple[str, list[Any]]] = [
        (
            f"SELECT touchpoint_id, scale, day >= %s, {counts} FROM metrics_scorehistogram"
            " WHERE metric = 'nps' AND day BETWEEN %s AND %s GROUP BY 1, 2, 3",
            [since, before, LAST],
        ),
        (
            "SELECT event, count(*) FROM interactions_interaction"
            " WHERE event = ANY(%s) AND id >= %s AND id < %s GROUP BY 1",
            [[event_name(number) for number in range(STAGES * STEPS)], str(lowest_id(start)), str(lowest_id(end))],
        ),
        (
            "SELECT s.name, t.id, t.name, t.belief, c.lane, c.text FROM journeys_stage s JOIN journeys_step t ON"
            " t.stage_id = s.id LEFT JOIN journeys_card c ON c.step_id = t.id WHERE s.journey_id = %s",
            [str(journey.pk)],
        ),
        (
            "SELECT p.step_id, t.key, t.name FROM journeys_steptouchpoint p JOIN touchpoints_touchpoint t ON"
            " t.id = p.touchpoint_id JOIN journeys_step s ON s.id = p.step_id JOIN journeys_stage g ON"
            " g.id = s.stage_id WHERE g.journey_id = %s",
            [str(journey.pk)],
        ),
    ]

    def once() -> float:
        start = time.perf_counter()
        with connection.cursor() as cursor:
            for sql, values in statements:
                cursor.execute(sql, values)
                cursor.fetchall()
        return time.perf_counter() - start

    return median(once() for _attempt in range(9))


def opened(client: Client, url: str, *, times: int = 15) -> tuple[float, float, int]:
    """Median server time of a page, of its SQL, and how many queries it makes."""
    totals, in_sql, queries = [], [], 0
    for attempt in range(times + 2):
        spent: list[float] = []
        start = time.perf_counter()
        with connection.execute_wrapper(timed(spent)), as_served():
            answer = client.get(url)
        if answer.status_code != 200:
            raise AssertionError(f"{url} answered {answer.status_code}")
        if attempt >= 2:
            totals.append(time.perf_counter() - start)
            in_sql.append(sum(spent))
            queries = len(spent)
    return median(totals), median(in_sql), queries


@contextmanager
def as_served() -> Iterator[None]:
    """Templates without what the test environment notes of each: a context copied for every part of a page."""
    noting = Template._render
    Template._render = _TestState.saved_data.template_render
    try:
        yield
    finally:
        Template._render = noting


def timed(spent: list[float]) -> Callable[..., Any]:
    """A wrapper that notes how long each statement takes."""

    def wrapper(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, *rest)
        finally:
            spent.append(time.perf_counter() - start)

    return wrapper


def volume_row(page_sql: float, rows: int, since: date) -> Row:
    """How much of the page's SQL goes into counting interactions."""
    ids = list(Touchpoint.objects.values_list("pk", flat=True))
    start = datetime(since.year, since.month, since.day, tzinfo=UTC)
    times = []
    for _attempt in range(7):
        began = time.perf_counter()
        volumes(touchpoint_ids=ids, start=start, end=None)
        times.append(time.perf_counter() - began)
    spent = percentile(times, 0.5)
    label = f"volume of {STAGES * STEPS} touchpoints over {rows:,} interactions, of the page's SQL"
    return Row(label, ms(page_sql), ms(spent), spent / page_sql, 0.8, "lower")
