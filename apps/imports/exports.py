"""Exports: exactly what a filter shows, written to a file by a worker.

The kinds are those that apps registered (:mod:`cxm.exports`).
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import QueryDict
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.imports.models import ExportJob
from apps.organizations.models import Organization
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainError
from cxm.exports import Rows, export_kinds
from cxm.scope import current_tenant_id
from cxm.spreadsheets import write_csv, write_xlsx

FORMATS = ("csv", "xlsx", "json")
LEASE = timedelta(seconds=60)
BEAT_SECONDS = 2.0
MAX_ATTEMPTS = 8
KEPT = timedelta(days=7)
"""How long a written file can be fetched."""

logger = logging.getLogger("cxm.exports")


@transaction.atomic
def request_export(*, actor: Actor, kind: str, format: str, filters: Mapping[str, Any]) -> ExportJob:
    """Put an export in the queue.

    Raises DomainError for an unknown kind, format or filter, NotAllowed where the actor may not see the rows.
    """
    actor.require("exports.run")
    kinds = export_kinds()
    if kind not in kinds:
        known = ", ".join(kinds)
        raise DomainError(_("Choose one of: %(known)s.") % {"known": known}, field="kind", code="invalid_choice")
    if format not in FORMATS:
        raise DomainError(_("Choose csv, xlsx or json."), field="format", code="invalid_choice")
    actor.require(kinds[kind].permission)
    query = as_query(filters)
    kinds[kind].check(actor, Organization.objects.get(pk=current_tenant_id()), query)
    job = ExportJob.objects.create(
        kind=kind,
        format=format,
        filters={"query": query.urlencode(), "actor": _stored_actor(actor)},
        created_by_id=actor.user_id,
    )
    record(actor=actor, action="exports.requested", target=job, fields=["kind", "format"])
    from apps.imports.tasks import write_export

    write_export.wake(str(job.pk))
    return job


def as_query(filters: object) -> QueryDict:
    """Filters given as a JSON object, as the query string that the pages' filters read."""
    if not isinstance(filters, Mapping):
        raise DomainError(_("Send the filters as an object, as in the list's query string."), field="filters")
    query = QueryDict(mutable=True)
    for name, value in filters.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(v, str | int | float | bool) for v in values):
            raise DomainError(_("A filter's value must be text or a number."), field=f"filters.{name}")
        query.setlist(str(name), [str(v).lower() if isinstance(v, bool) else str(v) for v in values])
    return query


class _Stopped(Exception):
    """Somebody asked the export to stop."""


class _Lost(Exception):
    """Another worker has the job: what this one writes is thrown away."""


def run_export(job_id: uuid.UUID) -> None:
    """Write the file of a job. Called by the worker; a worker's death leaves the job to the next."""
    job = _claim(job_id)
    if job is None:
        return
    try:
        with Heartbeat(job) as beat:
            rows = _write(job, beat)
        _end(job, ExportJob.State.DONE, rows=rows)
    except _Stopped:
        _end(job, ExportJob.State.STOPPED)
    except _Lost:
        remove_file(job)
    except DomainError as error:
        _end(job, ExportJob.State.FAILED, error=error.message)
    except BaseException:
        remove_file(job)  # the lease runs out, and the next worker writes a file of its own
        raise


@transaction.atomic
def _claim(job_id: uuid.UUID) -> ExportJob | None:
    job = ExportJob.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
    if job is None or job.state not in (ExportJob.State.QUEUED, ExportJob.State.RUNNING):
        return None
    if job.leased_until and job.leased_until > now():
        return None
    if job.stop_requested or job.attempts >= MAX_ATTEMPTS:
        job.state = ExportJob.State.STOPPED if job.stop_requested else ExportJob.State.FAILED
        job.error = "" if job.stop_requested else _("The export broke off eight times.")
        job.finished_at = now()
        job.save()
        return None
    job.state, job.started_at, job.attempts = ExportJob.State.RUNNING, now(), job.attempts + 1
    job.leased_until = now() + LEASE
    remove_file(job)  # what a worker left that died
    job.file = f"{job.tenant_id}/exports/{uuid.uuid4().hex}"
    job.save()
    return job


@transaction.atomic
def _end(job: ExportJob, state: str, *, rows: int = 0, error: str = "") -> None:
    """Close the job, if it is still this worker's; the file of one that was not finished goes."""
    current = ExportJob.objects.select_for_update().get(pk=job.pk)
    if current.leased_until != job.leased_until or current.state != ExportJob.State.RUNNING:
        remove_file(job)
        return
    current.state, current.error, current.finished_at, current.leased_until = state, error, now(), None
    if state == ExportJob.State.DONE:
        current.rows, current.percent = rows, 100
        current.keep_until = now() + KEPT
    else:
        remove_file(job)
        current.file = ""
    current.save()


class Heartbeat:
    """While a file is written: renews the job's lease, says how far it is, and hears that it is to stop.

    On a thread and a connection of its own, as the rows are read in one transaction, which nobody else sees into. The
    writer calls :meth:`row` for each row.
    """

    def __init__(self, job: ExportJob) -> None:
        self._job = job
        self._total = 0
        self._rows = 0
        self._outcome: type[Exception] | None = None
        self._over = threading.Event()
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._beat,), name="export-heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    def expect(self, total: int) -> None:
        """How many rows there will be, as far as anybody knows."""
        self._total = total

    def row(self) -> None:
        """One more row is written. Raises _Stopped or _Lost."""
        self._rows += 1
        if self._outcome is not None:
            raise self._outcome

    def _beat(self) -> None:
        try:
            while not self._over.wait(BEAT_SECONDS):
                with transaction.atomic():
                    self._outcome = self._renew()
                if self._outcome is not None:
                    return
        except DatabaseError as error:  # the lease runs out, and writing goes on until somebody else has the job
            logger.warning("export lease not renewed", extra={"error": type(error).__name__})
        finally:
            connection.close()

    def _renew(self) -> type[Exception] | None:
        current = ExportJob.objects.select_for_update().filter(pk=self._job.pk).first()
        if current is None or current.leased_until != self._job.leased_until:
            return _Lost
        if current.stop_requested:
            return _Stopped
        current.leased_until = now() + LEASE
        current.rows = self._rows
        current.percent = min(99, 100 * self._rows // self._total) if self._total else 0
        current.save(update_fields=["leased_until", "rows", "percent", "updated_at"])
        self._job.leased_until = current.leased_until
        return None


@transaction.atomic
def stop_export(*, actor: Actor, job: ExportJob) -> ExportJob:
    """Have a waiting or running export given up. Raises Conflict when it has ended."""
    actor.require("exports.run")
    job = ExportJob.objects.select_for_update().get(pk=job.pk)
    if job.state == ExportJob.State.QUEUED:
        job.state, job.finished_at = ExportJob.State.STOPPED, now()
    elif job.state == ExportJob.State.RUNNING:
        job.stop_requested = True
    else:
        raise Conflict(_("This export has ended already."))
    job.save()
    record(actor=actor, action="exports.stopped", target=job)
    return job


def _write(job: ExportJob, beat: Heartbeat) -> int:
    kind = export_kinds()[job.kind]
    actor = _restored_actor(job.filters["actor"])
    organization = Organization.objects.get(pk=current_tenant_id())
    query = QueryDict(job.filters["query"])
    path = file_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    count = 0

    def counted() -> Rows:
        nonlocal count
        for row in kind.rows(actor, organization, query):
            beat.row()
            count += 1
            yield row

    with transaction.atomic():  # one snapshot of the rows, read by a named cursor
        if kind.count is not None:
            beat.expect(kind.count(actor, organization, query))
        if job.format == "json":
            _write_json(path, kind.columns, counted())
        else:
            write = write_csv if job.format == "csv" else write_xlsx
            write(path, _with_heading(kind.columns, counted()))
    return count


def remove_file(job: ExportJob) -> None:
    """Remove the written file, if there is one."""
    if job.file:
        file_of(job).unlink(missing_ok=True)


def _with_heading(columns: Sequence[str], rows: Rows) -> Rows:
    yield columns
    yield from rows


def _write_json(path: Path, columns: Sequence[str], rows: Rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("[")
        for number, row in enumerate(rows):
            file.write(",\n" if number else "\n")
            json.dump(dict(zip(columns, row, strict=True)), file, ensure_ascii=False, default=str)
        file.write("\n]\n")


def file_of(job: ExportJob) -> Path:
    """Where the written file lies: a folder of the organisation, a random name."""
    return Path(settings.MEDIA_ROOT) / job.file


def _stored_actor(actor: Actor) -> dict[str, Any]:
    """Enough of the actor to read the same rows later: what it may see, not more."""
    return {
        "kind": actor.kind,
        "id": str(actor.id) if actor.id else None,
        "grants": [
            {"permissions": sorted(g.permissions), "units": None if g.units is None else sorted(map(str, g.units))}
            for g in actor.grants
        ],
    }


def _restored_actor(stored: dict[str, Any]) -> Actor:
    grants = tuple(
        Grant(
            frozenset(entry["permissions"]),
            None if entry["units"] is None else frozenset(uuid.UUID(unit) for unit in entry["units"]),
        )
        for entry in stored["grants"]
    )
    return Actor(kind=stored["kind"], id=uuid.UUID(stored["id"]) if stored["id"] else None, grants=grants)
