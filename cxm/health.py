"""Is it alive, can it serve, and how is it doing: ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import functools
import hmac
import ipaddress
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import redis
from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.urls import path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import REGISTRY, Collector

from cxm.logging import describe_exception
from cxm.queues import queue_states

KEPT_SECONDS = 1.0  # an answer of /readyz serves for this long: it costs a write, and anybody may ask
LATE_SECONDS = 60.0  # due work older than this is called late

Check = dict[str, Any]


@require_safe
@never_cache
@transaction.non_atomic_requests
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else, so that a database that is down does not get the web restarted."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when this process can serve: the database takes writes, the broker answers, the schema is this version's.

    Late work does not make a web server unready; it is reported under ``queues``.
    """
    checks = _recent_checks()
    is_ready = all(checks[name]["ok"] for name in ("database", "broker", "migrations"))
    answer = {"status": "ready" if is_ready else "unready", "checks": checks}
    response = JsonResponse(answer, status=200 if is_ready else 503)
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would log each 503 as a failed request
    return response


_lock = threading.Lock()
_kept: tuple[float, dict[str, Check]] = (0.0, {})


def _recent_checks() -> dict[str, Check]:
    global _kept
    with _lock:
        at, checks = _kept
        if not checks or time.monotonic() - at > KEPT_SECONDS:
            checks = run_checks()
            _kept = (time.monotonic(), checks)
        return checks


def run_checks() -> dict[str, Check]:
    """Every check's outcome now: ``ok``, how long it took, and what was found or wrong."""
    checks: dict[str, Callable[[], Check]] = {
        "database": _write_to_database,
        "broker": _ask_broker,
        "migrations": _compare_migrations,
        "queues": _look_at_queues,
    }
    return {name: _timed(check) for name, check in checks.items()}


def _timed(check: Callable[[], Check]) -> Check:
    began = time.perf_counter()
    try:
        found = {"ok": True, **check()}
    except Exception as error:  # whatever it is, it is the answer
        found = {"ok": False, "error": describe_exception(error)}
    return {**found, "milliseconds": round((time.perf_counter() - began) * 1000, 1)}


def _write_to_database() -> Check:
    """Commit a record to the log, as any write must: fails on a standby and on a full disk. Touches no table."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_logical_emit_message(true, 'cxm', 'ready')")
    return {}


def _ask_broker() -> Check:
    _broker().ping()
    return {}


@functools.cache
def _broker() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)


def _compare_migrations() -> Check:
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        missing = _migrations_on_disk() - set(cursor.fetchall())
    return {"ok": not missing, "missing": len(missing)}


@functools.cache
def _migrations_on_disk() -> frozenset[tuple[str, str]]:
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    return frozenset(loader.disk_migrations or ())


def _look_at_queues() -> Check:
    states = queue_states()
    return {
        "ok": all(state.oldest_due_seconds <= LATE_SECONDS for state in states),
        **{
            state.name: {"depth": state.depth, "oldest_due_seconds": round(state.oldest_due_seconds, 1)}
            for state in states
        },
    }


# -- figures -----------------------------------------------------------------------------------------------------------


class _QueueCollector(Collector):
    """Depth and age of the queues, read when the figures are asked for."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("cxm_queue_depth", "Rows that are due now", labels=["queue"])
        age = GaugeMetricFamily("cxm_queue_oldest_due_seconds", "How long the oldest row is due", labels=["queue"])
        for state in queue_states():
            depth.add_metric([state.name], state.depth)
            age.add_metric([state.name], state.oldest_due_seconds)
        return [depth, age]


@require_safe
@never_cache
@transaction.non_atomic_requests
def metrics(request: HttpRequest) -> HttpResponse:
    """Figures for Prometheus. Only to this machine, or with ``Authorization: Bearer`` and METRICS_TOKEN; else 404."""
    if not _may_see_figures(request):
        return HttpResponseNotFound()
    registry: CollectorRegistry
    if settings.METRICS_DIRECTORY:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=settings.METRICS_DIRECTORY)
        figures = generate_latest(registry)
    else:
        figures = generate_latest(REGISTRY)
    queues = CollectorRegistry()
    queues.register(_QueueCollector())
    return HttpResponse(figures + generate_latest(queues), content_type=CONTENT_TYPE_LATEST)


def _may_see_figures(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "")
        return hmac.compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode())
    if settings.TRUSTED_PROXIES or "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False  # behind a proxy everybody comes from its address
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
