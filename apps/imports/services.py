"""Imports: take a file, have its columns chosen, and carry it in chunk by chunk, whoever dies on the way.

The job's row is the record: state, position, counts, lease. A chunk is one transaction, so what a killed worker left
is either done and counted or not begun; rows have stable identities, so nothing counts twice.
"""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.imports.dates import KNOWN_FORMATS, fitting_formats
from apps.imports.files import Row, Table, UnreadableFile, open_table
from apps.imports.mapping import ColumnMapping, RowNumbers, check_mapping, suggest_mapping
from apps.imports.models import ImportJob, RefusedRow
from apps.imports.writers import Refusal, RowWriter, writer_for
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors
from cxm.scope import current_tenant_id

CHUNK = 500
LEASE = timedelta(seconds=60)
SLICE_SECONDS = 60.0
"""How long one task works on a job before others get their turn."""
MAX_ATTEMPTS = 8
KINDS = ("responses", "customers")
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Preview:
    """What the mapping page shows: columns, the first rows, our guess, and the date formats that fit it."""

    columns: list[str]
    rows: list[list[str]]
    suggestion: dict[str, str]
    date_formats: list[str]


# -- taking a file -----------------------------------------------------------------------------------------------


@transaction.atomic
def upload_file(*, actor: Actor, kind: str, upload: UploadedFile, survey: Survey | None = None) -> ImportJob:
    """Keep an uploaded table and open a job for it, whose columns are then chosen.

    Raises:
        DomainError: an unknown kind, no survey for answers, a survey that takes none.
        UnreadableFile: see :func:`apps.imports.files.open_table`.
    """
    actor.require("imports.run")
    if kind not in KINDS:
        raise DomainError(_("Choose what the file holds: responses or customers."), field="kind", code="invalid_choice")
    if kind == "responses":
        _require_survey(survey)
    job = ImportJob(kind=kind, survey=survey, filename=_safe_name(upload.name), state=ImportJob.State.DRAFT)
    job.created_by_id = actor.user_id
    path = _store(job, upload)
    try:
        open_table(path)
        job.save()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    record(actor=actor, action="imports.uploaded", target=job, fields=["kind"])
    return job


@transaction.atomic
def start_import(*, actor: Actor, job: ImportJob, mapping: object, dry_run: bool = False) -> ImportJob:
    """Check the mapping against the file and put the job in the queue.

    Raises:
        DomainErrors: columns the file has not, or dates that could be read in several ways.
        Conflict: it has been started before.
    """
    actor.require("imports.run")
    job = ImportJob.objects.select_for_update().get(pk=job.pk)
    if job.state != ImportJob.State.DRAFT:
        raise Conflict(_("This import has been started already."))
    table = open_table(file_of(job))
    checked = check_mapping(job.kind, mapping, table.columns)
    stored = {**checked.names, "create_touchpoints": checked.create_touchpoints}
    if "occurred_at" in checked.columns:
        stored["date_format"] = checked.date_format or _only_date_format(table, checked.columns["occurred_at"])
    job.mapping = stored
    job.dry_run = dry_run
    job.state = ImportJob.State.QUEUED
    job.save()
    record(actor=actor, action="imports.started", target=job, fields=["mapping", "dry_run"])
    _wake(job)
    return job


def submit_import(
    *, actor: Actor, kind: str, upload: UploadedFile, mapping: object, survey: Survey | None, dry_run: bool
) -> ImportJob:
    """Upload and start in one call, as the API does; all or nothing."""
    job = None
    try:
        with transaction.atomic():
            job = upload_file(actor=actor, kind=kind, upload=upload, survey=survey)
            return start_import(actor=actor, job=job, mapping=mapping, dry_run=dry_run)
    except DomainError:
        if job is not None:
            file_of(job).unlink(missing_ok=True)
        raise


def preview_import(job: ImportJob) -> Preview:
    """Columns, the first five rows and our guess of the mapping. Reads the first 200 rows of the file."""
    table = open_table(file_of(job))
    sample = [row.cells for row in itertools.islice(table.rows(), SAMPLE)]
    suggestion = suggest_mapping(job.kind, table.columns, sample)
    dated = suggestion.get("occurred_at")
    formats = _date_formats(table, table.columns.index(dated)) if dated else []
    return Preview(table.columns, sample[:5], suggestion, formats)


@transaction.atomic
def stop_import(*, actor: Actor, job: ImportJob) -> ImportJob:
    """Ask a queued or running import to stop; what is in stays in. Raises Conflict when it has ended."""
    actor.require("imports.run")
    job = ImportJob.objects.select_for_update().get(pk=job.pk)
    if job.state in (ImportJob.State.DRAFT, ImportJob.State.QUEUED):
        job.state, job.finished_at = ImportJob.State.STOPPED, now()
    elif job.state == ImportJob.State.RUNNING:
        job.stop_requested = True
    else:
        raise Conflict(_("This import has ended already."))
    job.save()
    record(actor=actor, action="imports.stopped", target=job)
    return job


def _require_survey(survey: Survey | None) -> None:
    if survey is None:
        raise DomainError(_("Say which survey the answers belong to."), field="survey", code="required")
    if survey.current_version is None:
        raise DomainError(
            _("Publish the survey before you import answers to it."), field="survey", code="not_published"
        )


def _date_formats(table: Table, index: int) -> list[str]:
    return fitting_formats(row.cells[index] for row in table.rows())


def _only_date_format(table: Table, index: int) -> str:
    formats = _date_formats(table, index)
    if len(formats) == 1:
        return formats[0]
    if formats:
        choices = ", ".join(formats)
        message = _("These dates can be read in several ways (%(choices)s). Say which in date_format.")
        problem, code = message % {"choices": choices}, "ambiguous_dates"
    else:
        examples = ", ".join(KNOWN_FORMATS[1:4])
        message = _(
            "The column “%(column)s” holds no dates that we know. Say their format in date_format (%(examples)s)."
        )
        problem, code = message % {"column": table.columns[index], "examples": examples}, "unknown_dates"
    raise DomainErrors([{"field": "mapping.date_format", "code": code, "message": problem}], problem)


# -- files -------------------------------------------------------------------------------------------------------


def file_of(job: ImportJob) -> Path:
    """Where the uploaded file lies: a folder of the organisation, a random name."""
    return Path(settings.MEDIA_ROOT) / job.file


def _store(job: ImportJob, upload: UploadedFile) -> Path:
    job.file = f"{current_tenant_id()}/imports/{uuid.uuid4().hex}"
    path = file_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as file:
        path.chmod(0o600)
        for part in upload.chunks():
            file.write(part)
    return path


def _safe_name(name: str | None) -> str:
    cleaned = "".join(c for c in (name or "") if c.isprintable()).replace("/", "_").replace("\\", "_")
    return cleaned[-200:] or "file"


# -- carrying it in ----------------------------------------------------------------------------------------------


def run_import(job_id: uuid.UUID, *, seconds: float = SLICE_SECONDS) -> None:
    """Carry in a job's file until it ends, is stopped, loses its lease, or has had ``seconds``. Called by the worker.

    An unreadable file fails the job with its reason. Any other error leaves the lease to run out; the job is tried
    again from the last whole chunk, eight times at most.
    """
    job = _claim(job_id)
    if job is None:
        return
    organization = Organization.objects.get(pk=current_tenant_id())
    try:
        table = open_table(file_of(job))
        if not job.rows:
            job.rows = sum(1 for _row in table.rows())
        mapping = _stored_mapping(job, table)
        writer = writer_for(job, mapping, ZoneInfo(organization.timezone))
        _carry(job, table, mapping, writer, until=time.monotonic() + seconds)
    except (UnreadableFile, DomainError, FileNotFoundError) as error:
        reason = error.message if isinstance(error, DomainError) else _("The uploaded file is gone. Upload it again.")
        _finish(job, ImportJob.State.FAILED, reason)


@transaction.atomic
def _claim(job_id: uuid.UUID) -> ImportJob | None:
    job = ImportJob.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
    if job is None or job.state not in (ImportJob.State.QUEUED, ImportJob.State.RUNNING):
        return None
    if job.leased_until and job.leased_until > now():
        return None
    if job.attempts >= MAX_ATTEMPTS:
        job.state, job.finished_at = ImportJob.State.FAILED, now()
        job.error = _("The import broke off eight times. What is in stays in; ask your operator to look at the log.")
        job.save()
        return None
    job.state = ImportJob.State.RUNNING
    job.attempts += 1
    job.started_at = job.started_at or now()
    job.leased_until = now() + LEASE
    job.save()
    return job


def _stored_mapping(job: ImportJob, table: Table) -> ColumnMapping:
    return check_mapping(job.kind, job.mapping, table.columns)


def _carry(job: ImportJob, table: Table, mapping: ColumnMapping, writer: RowWriter, until: float) -> None:
    numbers = RowNumbers()
    rows = _numbered(table.rows(), mapping, numbers)
    for _done in itertools.islice(rows, job.position):
        pass  # a former worker took these; reading them again keeps the ordinals of equal rows
    while chunk := list(itertools.islice(rows, CHUNK)):
        with transaction.atomic():
            current = ImportJob.objects.select_for_update().get(pk=job.pk)
            if current.leased_until != job.leased_until or current.state != ImportJob.State.RUNNING:
                return  # another worker has it
            if current.stop_requested:
                _finish(job, ImportJob.State.STOPPED)
                return
            refusals = _write(job, chunk, writer)
            job.position += len(chunk)
            job.refused += len(refusals)
            job.accepted += len(chunk) - len(refusals)
            job.percent = min(99, 100 * job.position // max(job.rows, 1))
            job.leased_until = now() + LEASE
            its_turn_is_over = time.monotonic() > until
            if its_turn_is_over:
                job.leased_until, job.attempts = None, 0
            job.save(update_fields=[*_PROGRESS, "updated_at"])
        if its_turn_is_over:
            _wake(job)
            return
    job.percent = 100
    _finish(job, ImportJob.State.DONE)


_PROGRESS = ("position", "refused", "accepted", "percent", "rows", "leased_until", "attempts")


@dataclass(frozen=True, slots=True)
class _Numbered:
    row: Row
    values: dict[str, str]


def _numbered(rows: Iterable[Row], mapping: ColumnMapping, numbers: RowNumbers) -> Iterator[_Numbered]:
    """Rows with their mapped values, each with the identity it keeps when the file comes again."""
    for row in rows:
        values = mapping.values(row.cells)
        if mapping.kind == "responses" and "source_id" not in values:
            values["source_id"] = numbers.source_id(values)
        yield _Numbered(row, values)


def _write(job: ImportJob, chunk: list[_Numbered], writer: RowWriter) -> list[Refusal]:
    """Take the chunk's rows; a dry run takes them and lets go again. The refused ones are kept either way."""
    refusals = [Refusal(i, item.row.problem) for i, item in enumerate(chunk) if item.row.problem]
    broken = {refusal.index for refusal in refusals}
    candidates = [(i, item.values) for i, item in enumerate(chunk) if i not in broken]
    with transaction.atomic():
        refusals += writer.take(candidates)
        if job.dry_run:
            transaction.set_rollback(True)
    RefusedRow.objects.bulk_create(
        [
            RefusedRow(
                job_id=job.pk, line=chunk[r.index].row.line, reason=r.reason[:400], cells=chunk[r.index].row.cells
            )
            for r in refusals
        ],
        ignore_conflicts=True,
    )
    return refusals


def _finish(job: ImportJob, state: str, error: str = "") -> None:
    job.state, job.error, job.finished_at, job.leased_until = state, error, now(), None
    job.save()
    record(actor=Actor.system("import"), action=f"imports.{state}", target=job)


def _wake(job: ImportJob) -> None:
    """Have a worker look at the job once this transaction has committed; the sweep finds it otherwise."""
    from apps.imports.tasks import carry_import

    carry_import.wake(str(job.pk))


def mapping_from_text(text: str) -> object:
    """The mapping that came as JSON text in a form. Raises DomainErrors when it is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        problem = _("The mapping is not valid JSON.")
        raise DomainErrors([{"field": "mapping", "code": "invalid", "message": problem}], problem) from None
