"""Carrying a file in, chunk by chunk, whoever dies on the way; and handing an import that is undone to undoing.py.

The job's row is the record: state, position, counts, lease. A chunk is one transaction that holds the row, so what a
killed worker left is either done and counted or not begun, and nobody else can take the job up while a slow chunk
outlasts its lease. Rows have stable identities, so nothing counts twice.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.identity import with_identities
from apps.imports.files import known_table
from apps.imports.journal import UNDO_FOR, write_changes
from apps.imports.kinds import KINDS
from apps.imports.mapping import check_mapping
from apps.imports.models import ImportJob, RefusedRow
from apps.imports.services import DRAFT_KEPT, wake
from apps.imports.staging import StagedRow, StagedRows, file_of, remove_files, stage_rows
from apps.imports.undoing import take_back
from apps.imports.writers import writer_for
from apps.imports.writers.base import Refusal, RowWriter, Taken
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import current_tenant_id

LEASE = timedelta(seconds=60)
SLICE_SECONDS = 20.0
"""How long one task works on a job before others get their turn. Taking a job up again costs a few queries."""
REPORT_SECONDS = 2.0
MAX_ATTEMPTS = 8


class _Stopped(Exception):
    """Somebody asked the import to stop."""


class _Lost(Exception):
    """Another worker has the job."""


def run_import(job_id: uuid.UUID, *, seconds: float = SLICE_SECONDS) -> None:
    """Carry in a job's file, or take it back, until that ends, is stopped, loses its lease, or has had ``seconds``.

    Called by the worker. An unreadable file fails the job with its reason. Any other error leaves the lease to run
    out; the job is tried again from the last whole chunk, eight times at most.
    """
    job = _claim(job_id)
    if job is None:
        return
    until = time.monotonic() + seconds
    try:
        if job.state == ImportJob.State.UNDOING:
            its_turn_is_over = take_back(job, lease=LEASE, until=until)
        else:
            its_turn_is_over = _carry(job, until)
    except _Stopped:
        _end(job, ImportJob.State.STOPPED)
    except _Lost:
        return
    except (DomainError, FileNotFoundError) as error:
        reason = error.message if isinstance(error, DomainError) else _("The uploaded file is gone. Upload it again.")
        _end(job, ImportJob.State.FAILED, reason)
    else:
        if its_turn_is_over:
            wake(job)


@transaction.atomic
def _claim(job_id: uuid.UUID) -> ImportJob | None:
    job = ImportJob.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=job_id).first()
    if job is None or job.state not in WORKED_ON:
        return None
    if job.leased_until and job.leased_until > now():
        return None
    if job.attempts >= MAX_ATTEMPTS:
        _give_up(job)
        return None
    if job.state == ImportJob.State.QUEUED:
        job.state = ImportJob.State.RUNNING
    job.attempts += 1
    job.started_at = job.started_at or now()
    job.leased_until = now() + LEASE
    job.save()
    return job


WORKED_ON = (ImportJob.State.QUEUED, ImportJob.State.RUNNING, ImportJob.State.UNDOING)


def _give_up(job: ImportJob) -> None:
    if job.state == ImportJob.State.UNDOING:
        job.error = _("Undoing broke off eight times. Try again; ask your operator to look at the log.")
        job.keep_until = (job.finished_at or now()) + UNDO_FOR
        job.state = ImportJob.State.FAILED
        job.save()
        return
    error = _("The import broke off eight times. What is in stays in; ask your operator to look at the log.")
    _end(job, ImportJob.State.FAILED, error)


def _carry(job: ImportJob, until: float) -> bool:
    """Carry in what is left; True when there is more, but others are to have their turn."""
    organization = Organization.objects.get(pk=current_tenant_id())
    table = known_table(file_of(job), job.table)
    mapping = check_mapping(job.kind, job.mapping, table.columns)
    if not job.staged:
        job.rows = stage_rows(job, table, mapping, _reporter(job))
        job.staged = True
        job.save(update_fields=["rows", "staged", "updated_at"])
    writer = writer_for(job, mapping, ZoneInfo(organization.timezone))
    staged = StagedRows(job, mapping)
    began, first = time.monotonic(), job.position
    for chunk in staged.chunks(KINDS[job.kind].chunk):

        def work(chunk: list[StagedRow] = chunk) -> Progress:
            return _write(job, chunk, writer, staged.offset, is_last_turn=time.monotonic() > until)

        done = with_identities(work)
        if not job.dry_run:
            writer.kept()
        elapsed = time.monotonic() - began
        for name, value in done.fields.items():
            setattr(job, name, value)
        if elapsed > 0:
            job.speed = (job.position - first) / elapsed
        if done.its_turn_is_over:
            return True
    with_identities(lambda: _complete(job, writer))
    return False


def _reporter(job: ImportJob) -> Callable[[int], None]:
    """Tells the job's row now and then how far the reading is; raises when somebody stopped or took the job."""
    reported = time.monotonic()

    def report(rows: int) -> None:
        nonlocal reported
        if time.monotonic() - reported < REPORT_SECONDS:
            return
        reported = time.monotonic()
        lease = now() + LEASE
        ours = ImportJob.objects.filter(pk=job.pk, leased_until=job.leased_until, state=ImportJob.State.RUNNING)
        if ours.filter(stop_requested=True).exists():
            raise _Stopped
        if not ours.update(leased_until=lease, rows=rows):
            raise _Lost
        job.leased_until = lease

    return report


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a chunk left the job."""

    fields: dict[str, object]
    its_turn_is_over: bool


def _ours(job: ImportJob) -> ImportJob:
    """The job's row, held until the transaction ends. Raises _Lost or _Stopped."""
    current = ImportJob.objects.select_for_update(of=("self",)).get(pk=job.pk)
    if current.leased_until != job.leased_until or current.state != ImportJob.State.RUNNING:
        raise _Lost
    if current.stop_requested:
        raise _Stopped
    return current


def _write(job: ImportJob, chunk: list[StagedRow], writer: RowWriter, offset: int, *, is_last_turn: bool) -> Progress:
    """Take one chunk and move the job on; a dry run takes it and lets go again. Refused rows are kept either way."""
    current = _ours(job)
    problems = [Refusal(index, row.problem) for index, row in enumerate(chunk) if row.problem]
    rows = [(index, row) for index, row in enumerate(chunk) if not row.problem]
    with transaction.atomic():
        taken = writer.take(rows)
        if job.dry_run:
            transaction.set_rollback(True)
        else:
            write_changes(job, taken.changes)
    refusals = [*problems, *taken.refusals]
    _keep_refused(job, chunk, refusals)
    position = current.position + len(chunk)
    fields: dict[str, object] = {
        "position": position,
        "offset": offset,
        "refused": current.refused + len(refusals),
        "accepted": current.accepted + len(chunk) - len(refusals),
        "created": current.created + taken.created,
        "updated": current.updated + taken.updated,
        "percent": min(99, 100 * position // max(job.rows, 1)),
        "speed": job.speed,
        "leased_until": None if is_last_turn else now() + LEASE,
        "attempts": 0 if is_last_turn else current.attempts,
    }
    ImportJob.objects.filter(pk=job.pk).update(**fields, updated_at=now())
    return Progress(fields, is_last_turn)


def _keep_refused(job: ImportJob, chunk: Sequence[StagedRow], refusals: Sequence[Refusal]) -> None:
    RefusedRow.objects.bulk_create(
        [
            RefusedRow(job_id=job.pk, line=chunk[r.index].line, reason=r.reason[:400], cells=chunk[r.index].cells)
            for r in refusals
        ],
        ignore_conflicts=True,
    )


def _complete(job: ImportJob, writer: RowWriter) -> None:
    """All rows are in: what the kind does at the end, and the end of the job, in one transaction."""
    _ours(job)
    if not job.dry_run:
        taken: Taken = writer.finish()
        write_changes(job, taken.changes)
        job.updated += taken.updated
    job.percent = 100
    _end(job, ImportJob.State.DONE)


def _end(job: ImportJob, state: str, error: str = "") -> None:
    """Close the job. Its file goes; only one that was checked is kept for a day, to be imported as it is."""
    with transaction.atomic():
        job.state, job.error, job.finished_at, job.leased_until = state, error, now(), None
        if job.dry_run and state == ImportJob.State.DONE:
            job.keep_until = now() + DRAFT_KEPT
        else:
            job.keep_until = now() + UNDO_FOR if job.accepted and not job.dry_run else None
            transaction.on_commit(lambda: remove_files(job))
        job.save()
        record(actor=Actor.system("import"), action=f"imports.{state}", target=job)
