"""Reading jobs and what they refused."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from django.db.models import QuerySet

from apps.imports.files import open_table
from apps.imports.models import ExportJob, ImportJob, RefusedRow
from apps.imports.services import file_of
from cxm.actor import Actor
from cxm.errors import NotFound


def imports_of(actor: Actor) -> QuerySet[ImportJob]:
    """Imports, newest first, with their surveys. One query."""
    actor.require("imports.run")
    return ImportJob.objects.select_related("survey", "created_by").order_by("-created_at", "-id")


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


def refused_lines(job: ImportJob) -> Iterator[list[object]]:
    """The file of what was refused: a heading, then line, reason and the row as it stood, read a thousand at a time."""
    try:
        columns = open_table(file_of(job)).columns
    except FileNotFoundError:
        columns = []
    yield ["line", "reason", *columns]
    rows = RefusedRow.objects.filter(job=job).order_by("line").values_list("line", "reason", "cells")
    for line, reason, cells in rows.iterator(chunk_size=1000):
        yield [line, reason, *cells]
