"""Folding answers into histograms: what the outbox costs at the door, how far scores lag, and that nothing drifts."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from statistics import median
from unittest import mock

from django.db import connection
from django.db.models import F, Sum

from apps.metrics.folding import find_drift, refold_organization
from apps.metrics.models import ScoreHistogram
from apps.organizations.models import Organization
from apps.outbox.relay import drain
from apps.surveys import services, store
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response, Survey
from benchmarks import Row, percentile, seconds
from cxm.actor import Actor
from cxm.scope import tenant

SYSTEM = Actor.system("benchmark")
LIST = 50
START = datetime(2026, 1, 1, tzinfo=UTC)
COUNTED = sum((F(f"c{score}") for score in range(1, 11)), F("c0"))


def measure(size: str) -> Iterable[Row]:
    """Lists of 50 with and without the outbox row; lag while a worker folds beside; drift after edits and deletes."""
    lists = 200 if size == "full" else 20
    organization = Organization.objects.create(slug="bench-folding", name="Folding")
    with tenant(organization):
        survey = services.create_survey(actor=SYSTEM, name="NPS", kind="nps", relationship=True)
        services.publish_survey(actor=SYSTEM, survey=survey)
        chance = random.Random(1)
        send_lists(survey, 10, chance)  # connections, caches and plans
        plain, told = rates(survey, lists, chance)
        yield Row(
            "ingest in lists of 50, with the outbox",
            f"{plain:,.0f}/s without",
            f"{told:,.0f}/s",
            told / plain,
            0.60,
        )
        drain(seconds=60)
        refold_organization()  # the answers without events
        lags = lag(organization, survey, lists, chance)
        p95 = percentile(lags, 0.95)
        yield Row("lag of scores behind answers, p95", "5 s", f"{p95:.2f} s", p95 / 5, 1.0, "lower")
        disturb(survey, chance, 300 if size == "full" else 50)
        drain(seconds=60)
        drift = len(find_drift())
        yield Row("buckets that differ from a recount after edits and deletes", "0", str(drift), drift, 0, "lower")


def rates(survey: Survey, lists: int, chance: random.Random) -> tuple[float, float]:
    """Answers a second without and with the outbox row, by turns, so that neither has the machine's better minute."""
    turns = 5
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(turns):
        for told in times:
            unheard = mock.patch.object(store, "subscribers", lambda _topic: ())
            with contextlib.nullcontext() if told else unheard:
                times[told].append(seconds(lambda: send_lists(survey, lists // turns, chance)))
    plain, told_rate = (lists // turns * LIST / median(times[told]) for told in (False, True))
    return plain, told_rate


def send_lists(survey: Survey, lists: int, chance: random.Random) -> None:
    for _ in range(lists):
        entries = [
            NewResponse(
                answers={"score": chance.randint(0, 10), "reason": "It took four minutes."},
                channel="web",
                occurred_at=START + timedelta(minutes=chance.randint(0, 400_000)),
                source_id=f"b{chance.getrandbits(64):x}",
            )
            for _ in range(LIST)
        ]
        services.record_responses(actor=SYSTEM, survey_id=survey.pk, entries=entries)


def lag(organization: Organization, survey: Survey, lists: int, chance: random.Random) -> list[float]:
    """Seconds from the commit of each list until the histograms hold it, while a worker drains beside."""
    folded: list[tuple[float, int]] = []
    done = threading.Event()

    def work() -> None:
        with tenant(organization):
            while not done.is_set():
                drain(seconds=2)
                total = ScoreHistogram.objects.filter(survey=survey).aggregate(n=Sum(COUNTED))["n"] or 0
                folded.append((time.perf_counter(), total))
                time.sleep(0.05)
        connection.close()

    start = Response.objects.filter(survey=survey, score__isnull=False).count()
    worker = threading.Thread(target=work)
    worker.start()
    committed = []
    for index in range(lists):
        send_lists(survey, 1, chance)
        committed.append((time.perf_counter(), start + (index + 1) * LIST))
    deadline = time.perf_counter() + 60
    while (not folded or folded[-1][1] < committed[-1][1]) and time.perf_counter() < deadline:
        time.sleep(0.05)
    done.set()
    worker.join()
    never = time.perf_counter()
    return [next((at for at, n in folded if n >= wanted), never) - moment for moment, wanted in committed]


def disturb(survey: Survey, chance: random.Random, times: int) -> None:
    """Change, move, delete and add late answers."""
    rows = list(Response.objects.filter(survey=survey, source_id__isnull=False)[: times * 3])
    chance.shuffle(rows)
    for response in rows[:times]:
        entry = NewResponse(
            answers={"score": chance.randint(0, 10)},
            source_id=response.source_id,
            occurred_at=START + timedelta(minutes=chance.randint(0, 400_000)),
        )
        services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)
    for response in rows[times : 2 * times]:
        services.delete_response(actor=SYSTEM, response=response)
    late = NewResponse(answers={"score": 3}, occurred_at=datetime(2020, 2, 29, tzinfo=UTC), source_id="late")
    services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=late)
