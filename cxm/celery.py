"""The Celery application: workers woken by messages, while what is due is a row in PostgreSQL.

A message may be lost, doubled or late, and nothing is lost, doubled or (by more than a sweep) late for it: tasks look
their work up in rows that they lock. The settings follow from what was measured: docs/adr/0012.
"""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.platforms import SecurityWarning  # type: ignore[attr-defined]
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cxm.settings")

TASK_SECONDS = 240  # a task is asked to end after this long, and killed a minute later; long jobs set their own
LONGEST_TASK_SECONDS = 3600

# Said to whoever runs as root, because of pickle: messages of ours are JSON, and nothing else is accepted.
warnings.simplefilter("ignore", SecurityWarning)

app = Celery("cxm")
app.conf.update(
    task_acks_late=True,  # a message is done with when its task is
    task_reject_on_worker_lost=True,  # and not when the process under it is killed; rows count the attempts
    task_acks_on_failure_or_timeout=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    task_soft_time_limit=TASK_SECONDS,
    task_time_limit=TASK_SECONDS + 60,
    task_publish_retry=False,  # who publishes inside a request must not wait; the sweep comes anyway
    task_serializer="json",
    accept_content=["json"],
    event_serializer="json",
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_connection_timeout=2,
    broker_transport_options={
        # A message taken by a worker that died comes back after this long: more than any task takes.
        "visibility_timeout": LONGEST_TASK_SECONDS + 600,
        "socket_connect_timeout": 1,
        "socket_timeout": 10,
        "socket_keepalive": True,
        "health_check_interval": 30,
        "global_keyprefix": "cxm:queue:",
    },
    worker_max_memory_per_child=500_000,  # kilobytes
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    worker_enable_remote_control=True,
    timezone="UTC",
    beat_schedule={},
)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_options: object) -> None:
    """Celery would replace the log's set-up with its own; connecting here stops it."""
