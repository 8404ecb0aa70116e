"""The Celery application with handlers that tests watch. A worker process started by a test loads it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import django

django.setup()

from apps.audit.models import AuditEntry  # noqa: E402
from apps.outbox.registry import handles  # noqa: E402
from cxm.celery import app  # noqa: E402

__all__ = ["app"]


@handles("tests.happened", name="tests.note_down")
def note_down(payload: dict[str, Any]) -> None:
    """Write a row; where asked, be killed right after it, the first time or always."""
    AuditEntry.objects.create(actor_kind="system", action=f"tests.{payload['n']}")
    marker = Path(payload.get("kill_once", "/nonexistent/marker"))
    if payload.get("kill_always"):
        os.kill(os.getpid(), signal.SIGKILL)
    if marker.parent.is_dir() and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
