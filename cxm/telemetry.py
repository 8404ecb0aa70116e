"""Figures for Prometheus: requests by route, tasks by outcome. The page that shows them is in :mod:`cxm.health`.

``manage.py up`` gives its processes a common directory (PROMETHEUS_MULTIPROC_DIR), so that one scrape counts them all.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from typing import Any

from celery import signals
from prometheus_client import Counter, Histogram, values

from cxm.errors import DomainError
from cxm.settings.environment import read_environment

logger = logging.getLogger("cxm.tasks")

if read_environment().metrics_directory:
    # Containers that share the directory have the same process ids: the machine's name goes with them.
    values.ValueClass = values.MultiProcessValue(lambda: f"{socket.gethostname()}-{os.getpid()}")

REQUESTS = Histogram(
    "cxm_request_seconds",
    "Time to answer, by URL pattern, method and class of status",
    ["route", "method", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
TASKS = Counter("cxm_tasks", "Background tasks that ended, by name and outcome", ["task", "outcome"])
TASK_SECONDS = Histogram(
    "cxm_task_seconds", "Time of a background task", ["task"], buckets=(0.01, 0.05, 0.25, 1, 5, 30, 120, 600, 3600)
)
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request."""
    REQUESTS.labels(route, method if method in _METHODS else "other", f"{status // 100}xx").observe(seconds)


@signals.task_prerun.connect
def _task_begins(task: Any = None, **_rest: Any) -> None:
    task.request.cxm_began = time.perf_counter()


@signals.task_postrun.connect
def _task_ends(task: Any = None, state: str = "", **_rest: Any) -> None:
    outcome = {"SUCCESS": "success", "RETRY": "retry"}.get(state, "failure")
    TASKS.labels(task.name, outcome).inc()
    began = getattr(task.request, "cxm_began", None)
    if began is not None:
        TASK_SECONDS.labels(task.name).observe(time.perf_counter() - began)


@signals.task_failure.connect
def _task_failed(sender: Any = None, exception: BaseException | None = None, **_rest: Any) -> None:
    level = logging.WARNING if isinstance(exception, DomainError) else logging.ERROR
    logger.log(level, "task failed", exc_info=exception, extra={"task": getattr(sender, "name", "")})
