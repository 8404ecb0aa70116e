"""Reading jobs, what they refused, and how long they will take."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from apps.imports.models import ExportJob, ImportJob, RefusedRow
from apps.imports.undoing import REASONS
from cxm.actor import Actor
from cxm.errors import NotFound


def imports_of(actor: Actor) -> QuerySet[ImportJob]:
    """Imports, newest first, with their surveys and segments. One query."""
    actor.require("imports.run")
    return ImportJob.objects.select_related("survey", "segment", "created_by").order_by("-created_at", "-id")


def import_for(actor: Actor, pk: uuid.UUID) -> ImportJob:
    """One import. Raises NotFound."""
    job = imports_of(actor).filter(pk=pk).first()
    if job is None:
        raise NotFound
    return job


def exports_of(actor: Actor) -> QuerySet[ExportJob]:
    """Exports, newest first. One query."""
    actor.require("exports.run")
    return ExportJob.objects.select_related("created_by").order_by("-created_at", "-id")


def export_for(actor: Actor, pk: uuid.UUID) -> ExportJob:
    """One export. Raises NotFound."""
    job = exports_of(actor).filter(pk=pk).first()
    if job is None:
        raise NotFound
    return job


def seconds_left(job: ImportJob) -> int | None:
    """How long the rest of a running import will take at the speed it has had; None when that is not known."""
    if job.state != ImportJob.State.RUNNING or not job.speed or not job.staged:
        return None
    return round(max(job.rows - job.position, 0) / job.speed)


def what_stayed(job: ImportJob) -> list[dict[str, Any]]:
    """What undoing could not take back: code, sentence, how often."""
    kept = job.undo.get("kept", {})
    return [{"code": code, "message": str(REASONS[code]), "n": n} for code, n in kept.items() if n and code in REASONS]


def refused_lines(job: ImportJob) -> Iterator[list[object]]:
    """The file of what was refused: a heading, then line, reason and the row as it stood, read a thousand at a time."""
    yield ["line", "reason", *job.table.get("columns", [])]
    rows = RefusedRow.objects.filter(job=job).order_by("line").values_list("line", "reason", "cells")
    for line, reason, cells in rows.iterator(chunk_size=1000):
        yield [line, reason, *cells]
