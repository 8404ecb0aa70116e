"""Imports, as people and programs ask for them: take a file, have its columns chosen, start, stop, undo.

The work is done elsewhere: carrying.py carries rows in, undoing.py takes them back.
"""

from __future__ import annotations

import itertools
import json
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.imports.dates import KNOWN_FORMATS, fitting_formats
from apps.imports.files import Table, UnreadableFile, known_table, open_table
from apps.imports.kinds import KINDS
from apps.imports.mapping import ColumnMapping, check_mapping
from apps.imports.models import ImportJob
from apps.imports.staging import file_of, remove_files
from apps.imports.suggestions import column_types, suggest_mapping
from apps.segments.models import Segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors
from cxm.scope import current_tenant_id

SAMPLE = 200
DRAFT_KEPT = timedelta(days=1)
"""How long an uploaded file waits for its columns to be chosen, or for a checked file to be imported."""
NEEDS_SURVEY = ("responses", "totals")
MEASURED = ("nps", "csat", "ces")


@dataclass(frozen=True, slots=True)
class Preview:
    """What the mapping page shows: columns and what they hold, the first rows, our guess, and fitting date formats."""

    columns: list[str]
    types: list[str]
    rows: list[list[str]]
    suggestion: dict[str, str]
    date_formats: list[str]


# -- taking a file -----------------------------------------------------------------------------------------------


@transaction.atomic
def upload_file(
    *,
    actor: Actor,
    kind: str,
    upload: UploadedFile,
    survey: Survey | None = None,
    segment: Segment | None = None,
    members: str = "",
) -> ImportJob:
    """Keep an uploaded table and open a job for it, whose columns are then chosen.

    Args:
        survey: the one that answers and totals belong to; segment: the static one that members belong to.
        members: ``add`` them (as when it is empty), or ``replace`` those there are.

    Raises:
        DomainError: an unknown kind, no survey for answers, a survey that takes none, no static segment for members.
        UnreadableFile: see :func:`apps.imports.files.open_table`.
    """
    actor.require("imports.run")
    if kind not in KINDS:
        known = ", ".join(KINDS)
        raise DomainError(
            _("Choose what the file holds: %(known)s.") % {"known": known}, field="kind", code="invalid_choice"
        )
    if kind in NEEDS_SURVEY:
        _require_survey(survey, for_totals=kind == "totals")
    if kind == "segment_members":
        _require_list(actor, segment)
    if members not in ("", *ImportJob.Members.values):
        raise DomainError(_("Choose add or replace."), field="members", code="invalid_choice")
    job = ImportJob(
        kind=kind,
        survey=survey if kind in NEEDS_SURVEY else None,
        segment=segment if kind == "segment_members" else None,
        members=members or ImportJob.Members.ADD,
        filename=_safe_name(upload.name),
        state=ImportJob.State.DRAFT,
        keep_until=now() + DRAFT_KEPT,
    )
    job.created_by_id = actor.user_id
    path = _store(job, upload)
    try:
        job.table = open_table(path).as_json()
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
    job = _locked(job)
    if job.state != ImportJob.State.DRAFT:
        raise Conflict(_("This import has been started already."))
    table = table_of(job)
    checked = check_mapping(job.kind, mapping, table.columns)
    job.mapping = _to_store(job.kind, checked, table)
    job.dry_run = dry_run
    job.state, job.keep_until = ImportJob.State.QUEUED, None
    job.save()
    record(actor=actor, action="imports.started", target=job, fields=["mapping", "dry_run"])
    wake(job)
    return job


def _to_store(kind: str, checked: ColumnMapping, table: Table) -> dict[str, Any]:
    """The mapping as the job keeps it, with the format of its dates decided."""
    stored: dict[str, Any] = dict(checked.names)
    if KINDS[kind].makes_touchpoints:
        stored["create_touchpoints"] = checked.create_touchpoints
    dated = KINDS[kind].dated
    if checked.date_format:
        stored["date_format"] = checked.date_format
    elif kind != "totals" and dated in checked.columns:
        stored["date_format"] = _only_date_format(table, checked.columns[dated])
    return stored


def submit_import(
    *,
    actor: Actor,
    kind: str,
    upload: UploadedFile,
    mapping: object,
    survey: Survey | None = None,
    segment: Segment | None = None,
    members: str = "",
    dry_run: bool = False,
) -> ImportJob:
    """Upload and start in one call, as the API does; all or nothing."""
    job = None
    try:
        with transaction.atomic():
            job = upload_file(actor=actor, kind=kind, upload=upload, survey=survey, segment=segment, members=members)
            return start_import(actor=actor, job=job, mapping=mapping, dry_run=dry_run)
    except DomainError:
        if job is not None:
            remove_files(job)
        raise


@transaction.atomic
def import_checked_file(*, actor: Actor, job: ImportJob) -> ImportJob:
    """After a check that wrote nothing: import the same file with the same columns. The new job takes the file over.

    Raises Conflict when the job was no check, has not ended, or its file is gone.
    """
    actor.require("imports.run")
    checked = _locked(job)
    is_over = checked.dry_run and checked.state == ImportJob.State.DONE
    if not is_over or not checked.file or not file_of(checked).exists():
        raise Conflict(_("Only a file that was checked, and is still kept, can be imported this way. Upload it again."))
    started = ImportJob.objects.create(
        kind=checked.kind,
        survey=checked.survey,
        segment=checked.segment,
        members=checked.members,
        filename=checked.filename,
        file=checked.file,
        table=checked.table,
        mapping=checked.mapping,
        rows=checked.rows,
        staged=checked.staged,
        created_by_id=actor.user_id,
    )
    checked.file, checked.staged, checked.keep_until = "", False, None
    checked.save(update_fields=["file", "staged", "keep_until", "updated_at"])
    record(actor=actor, action="imports.started", target=started, fields=["mapping", "dry_run"])
    wake(started)
    return started


def preview_import(job: ImportJob) -> Preview:
    """Columns, the first five rows and our guess of the mapping. Reads the first rows of the file, 5,000 at most."""
    table = table_of(job)
    sample = [row.cells for row in itertools.islice(table.rows(), SAMPLE)]
    suggestion = suggest_mapping(job.kind, table.columns, sample)
    dated = suggestion.get(KINDS[job.kind].dated) if job.kind != "totals" else None
    formats = _date_formats(table, table.columns.index(dated)) if dated else []
    return Preview(table.columns, column_types(table.columns, sample), sample[:5], suggestion, formats)


@transaction.atomic
def stop_import(*, actor: Actor, job: ImportJob) -> ImportJob:
    """Ask a queued or running import to stop; what is in stays in. Raises Conflict when it has ended."""
    actor.require("imports.run")
    job = _locked(job)
    if job.state in (ImportJob.State.DRAFT, ImportJob.State.QUEUED):
        job.state, job.finished_at = ImportJob.State.STOPPED, now()
        transaction.on_commit(lambda: remove_files(job))
        job.keep_until = None
    elif job.state == ImportJob.State.RUNNING:
        job.stop_requested = True
    else:
        raise Conflict(_("This import has ended already."))
    job.save()
    record(actor=actor, action="imports.stopped", target=job)
    return job


@transaction.atomic
def undo_import(*, actor: Actor, job: ImportJob) -> ImportJob:
    """Have everything that an import brought taken out again (undoing.py says what, and what stays).

    Raises Conflict when it is not over, wrote nothing, was undone before, or lies more than seven days back.
    """
    actor.require("imports.run")
    job = _locked(job)
    if not can_be_undone(job):
        raise Conflict(undo_refused(job))
    job.state, job.percent, job.attempts, job.leased_until = ImportJob.State.UNDOING, 0, 0, None
    job.undo = {}
    job.keep_until = None
    job.save()
    record(actor=actor, action="imports.undo_started", target=job)
    wake(job)
    return job


def can_be_undone(job: ImportJob) -> bool:
    """Whether :func:`undo_import` would take it."""
    return (
        job.state in (ImportJob.State.DONE, ImportJob.State.STOPPED, ImportJob.State.FAILED)
        and not job.dry_run
        and job.accepted > 0
        and job.keep_until is not None
        and job.keep_until > now()
    )


def undo_refused(job: ImportJob) -> str:
    """Why it cannot be undone, in a sentence."""
    if job.state in (ImportJob.State.UNDOING, ImportJob.State.UNDONE):
        return _("This import has been undone already.")
    if job.state not in (ImportJob.State.DONE, ImportJob.State.STOPPED, ImportJob.State.FAILED):
        return _("This import has not ended yet. Stop it first.")
    if job.dry_run or not job.accepted:
        return _("This import wrote nothing, so there is nothing to undo.")
    return _("An import can be undone for seven days.")


def table_of(job: ImportJob) -> Table:
    """The job's uploaded table. Raises UnreadableFile when the file is gone."""
    try:
        return known_table(file_of(job), job.table)
    except FileNotFoundError:
        raise UnreadableFile(_("The uploaded file is gone. Upload it again.")) from None


def wake(job: ImportJob) -> None:
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


def _locked(job: ImportJob) -> ImportJob:
    return ImportJob.objects.select_for_update().get(pk=job.pk)


def _require_survey(survey: Survey | None, *, for_totals: bool) -> None:
    if survey is None:
        raise DomainError(_("Say which survey the answers belong to."), field="survey", code="required")
    if survey.current_version is None:
        raise DomainError(
            _("Publish the survey before you import answers to it."), field="survey", code="not_published"
        )
    if for_totals and survey.anonymous:
        message = _(
            "This survey is anonymous: its answers are shown in groups that nothing can be subtracted from, and"
            " totals by month would break them."
        )
        raise DomainError(message, field="survey", code="anonymous")


def _require_list(actor: Actor, segment: Segment | None) -> None:
    actor.require("segments.edit")
    if segment is None:
        raise DomainError(_("Say which segment the customers belong to."), field="segment", code="required")
    if segment.kind != Segment.Kind.STATIC:
        message = _("The members of this segment follow from its rule. Choose a static segment.")
        raise DomainError(message, field="segment", code="not_static")


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


def _store(job: ImportJob, upload: UploadedFile) -> Path:
    job.file = f"{current_tenant_id()}/imports/{uuid.uuid4().hex}"
    path = file_of(job)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("xb") as file:
        path.chmod(0o600)
        for part in upload.chunks(1 << 20):
            file.write(part)
    return path


def _safe_name(name: str | None) -> str:
    cleaned = "".join(c for c in (name or "") if c.isprintable()).replace("/", "_").replace("\\", "_")
    return cleaned[-200:] or "file"
