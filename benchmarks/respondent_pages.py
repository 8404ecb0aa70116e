"""What a respondent waits for: the page itself, its weight, and answers that cost more than the usual one.

Limits, all measured here and now:

- L2d: what a correct endpoint must do at least: a row behind the wall with its outbox row, durable, in one message.
- SQL: what PostgreSQL needs for the statements of one page, one after the other on one connection.

Ours: granian as `manage.py up` starts it. Answers come over 32 connections, pages over 4, as many as a machine of two
cores can draw at once without a queue.
"""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.dispatch.models import Invitation
from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.models import Survey
from benchmarks import Row, percentile
from benchmarks.response_path import (
    REASON,
    ROOT,
    SYSTEM,
    invited,
    load,
    pgbench,
    posts,
    realistic_row,
    server,
    walled_insert,
)
from cxm.scope import tenant

PAGE_CONNECTIONS = 4
MOST_BYTES = 10_000
LIMITED = 1_000_000
"""An answer limit that is never reached: what is measured is that answers are counted one after the other."""
SCREENS = {
    "pages": [
        {"questions": [{"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?"}}]},
        {"questions": [{"id": "reason", "type": "text", "title": {"en": "Why {{ answers.score }}?"}}]},
    ]
}


def measure(size: str) -> Iterable[Row]:
    """The page, answers about an earlier experience, screens of a longer survey, and a survey with a limit."""
    length = 8 if size == "full" else 2
    organization = Organization.objects.create(slug="bench-pages", name="Pages")
    with tenant(organization):
        usual, past, limited = (made(name) for name in ("Usual", "Past", "Limited"))
        longer = made("Longer", SCREENS)
        opened = invited(organization, usual, 2_000 * length)
        asked = invited(organization, past, 4_000 * length)
        begun = invited(organization, longer, 2_000 * length)
        few = invited(organization, limited, 1_000 * length)
        Invitation.objects.filter(survey=past).update(experienced_at=now() - timedelta(days=3))
        Survey.objects.filter(pk=limited.pk).update(answer_limit=LIMITED)
        walled = walled_insert(organization, realistic_row(usual))
    l2d = pgbench(walled, length, durable=True)
    weight, statements = page_of(opened[0])
    alone = sql_alone(organization, statements)
    yield Row("weight of the page", f"{MOST_BYTES:,} bytes", f"{weight:,} bytes", weight / MOST_BYTES, 1, "lower")
    with server() as port:
        page = gets(opened)
        load(port, page, 1.0, connections=PAGE_CONNECTIONS)
        _rate, latencies = load(port, page, length / 2, connections=1)
        mine = percentile(latencies, 0.5)
        limit = f"{alone * 1000:.1f} ms for its {len(statements)} statements"
        yield Row("the page, one after the other", limit, f"{mine * 1000:.1f} ms", mine / alone, 10, "lower")
        rate, latencies = load(port, page, length, connections=PAGE_CONNECTIONS)
        p95 = percentile(latencies, 0.95) * 1000
        yield Row(f"  p95 at {PAGE_CONNECTIONS} connections", "60 ms", f"{p95:.1f} ms", p95 / 60, 1.0, "lower")
        for name, following, target in (
            ("answer about an earlier experience", posts(asked, past), 0.35),
            ("first screen of a longer survey", screens(begun), 0.05),
            ("answer to a survey with a limit", posts(few, limited), 0.02),
        ):
            load(port, following, 0.5)
            rate, _latencies = load(port, following, length / 2)
            yield Row(name, f"{l2d:,.0f}/s L2d", f"{rate:,.0f}/s", rate / l2d, target)


def made(name: str, definition: dict[str, Any] | None = None) -> Survey:
    """A published survey."""
    kind = "custom" if definition else "nps"
    survey = services.create_survey(actor=SYSTEM, name=name, kind=kind, relationship=True, definition=definition)
    services.publish_survey(actor=SYSTEM, survey=survey)
    return survey


def page_of(path: str) -> tuple[int, list[str]]:
    """The compressed weight of a page with all it loads, and the statements it is made of."""
    Client().get(path)
    with CaptureQueriesContext(connection) as counted:
        html = Client().get(path).content
    files = [Path(ROOT) / "static" / name for name in ("survey.css", "cx/survey.js", "favicon.svg")]
    weight = sum(len(gzip.compress(part, 9)) for part in (html, *(file.read_bytes() for file in files)))
    return weight, [query["sql"] for query in counted.captured_queries if query["sql"].startswith(("SELECT", "\n"))]


def sql_alone(organization: Organization, statements: list[str]) -> float:
    """Seconds that the statements take, one after the other, without anything around them."""
    with tenant(organization), connection.cursor() as cursor:
        times = []
        for _ in range(200):
            began = time.perf_counter()
            for statement in statements:
                cursor.execute(statement.replace("%", "%%"), [])
                cursor.fetchall()
            times.append(time.perf_counter() - began)
    return percentile(times, 0.5)


def gets(pages: list[str]) -> Callable[[], bytes]:
    """One page after the other, as a telephone asks for it."""
    ready = [
        f"GET {path}?s=9 HTTP/1.1\r\nHost: localhost\r\nAccept-Language: en\r\nUser-Agent: Mozilla/5.0\r\n\r\n".encode()
        for path in pages
    ]
    place = iter(range(10**9))
    return lambda: ready[next(place) % len(ready)]


def screens(pages: list[str]) -> Callable[[], bytes]:
    """The first screen of a longer survey, each on a link of its own."""
    body = f"q-score=9&page=1&lang=en&q-reason={quote(REASON)}".encode()
    waiting = iter(pages)

    def following() -> bytes:
        head = (
            f"POST {next(waiting)} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\nAccept: application/json\r\n\r\n"
        )
        return head.encode() + body

    return following
