"""Exports: exactly what a filter shows, written to a file by a worker.

The kinds are those that apps registered (:mod:`cxm.exports`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import QueryDict
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.imports.models import ExportJob
from apps.organizations.models import Organization
from cxm.actor import Actor, Grant
from cxm.errors import DomainError
from cxm.exports import Rows, export_kinds
from cxm.scope import current_tenant_id
from cxm.spreadsheets import write_csv, write_xlsx

FORMATS = ("csv", "xlsx", "json")
LEASE = timedelta(minutes=10)
MAX_ATTEMPTS = 8


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


def run_export(job_id: uuid.UUID) -> None:
    """Write the file of a job. Called by the worker; a worker's death leaves the job to the next."""
    with transaction.atomic():
        job = ExportJob.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
        if job is None or job.state not in (ExportJob.State.QUEUED, ExportJob.State.RUNNING):
            return
        if job.leased_until and job.leased_until > now():
            return
        if job.attempts >= MAX_ATTEMPTS:
            job.state, job.error, job.finished_at = (
                ExportJob.State.FAILED,
                _("The export broke off eight times."),
                now(),
            )
            job.save()
            return
        job.state, job.started_at, job.attempts = ExportJob.State.RUNNING, now(), job.attempts + 1
        job.leased_until = now() + LEASE
        job.save()
    try:
        job.rows = _write(job)
        job.state, job.percent = ExportJob.State.DONE, 100
    except DomainError as error:
        job.state, job.error = ExportJob.State.FAILED, error.message
    job.finished_at, job.leased_until = now(), None
    job.save()


def _write(job: ExportJob) -> int:
    kind = export_kinds()[job.kind]
    actor = _restored_actor(job.filters["actor"])
    organization = Organization.objects.get(pk=current_tenant_id())
    job.file = f"{job.tenant_id}/exports/{uuid.uuid4().hex}"
    path = file_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    count = 0

    def counted() -> Rows:
        nonlocal count
        for row in kind.rows(actor, organization, QueryDict(job.filters["query"])):
            count += 1
            yield row

    with transaction.atomic():  # one snapshot of the rows, read by a named cursor
        if job.format == "json":
            _write_json(path, kind.columns, counted())
        else:
            write = write_csv if job.format == "csv" else write_xlsx
            write(path, _with_heading(kind.columns, counted()))
    path.chmod(0o600)
    return count


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
