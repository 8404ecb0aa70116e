"""What imports and exports keep of a person by value, and how it is removed when the person is erased."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from apps.customers.traces import Traces
from apps.imports.exports import remove_file
from apps.imports.models import ExportJob, ImportChange, ImportJob, RefusedRow
from apps.imports.staging import remove_files

ERASED = "–"
"""Stands for the reason of a row that quoted somebody who was erased."""


def forget_person(traces: Traces) -> int:
    """Remove the person from refused rows, journals and files; how many rows and files that touched.

    - Refused rows with a cell that is one of the person's identifiers: the cells are emptied; line and reason stay, the
      reason without what it quotes.
    - Journals: the entries about the person. Their import can then no longer be undone for them.
    - Written exports may hold anybody: all files of the organisation go. They can be asked for again.
    - Uploaded files that wait for their columns, or were only checked, go with their jobs' right to start.
    """
    touched = _refused_rows(traces)
    touched += ImportChange.objects.filter(subject__in=traces.records).delete()[0]
    for export in ExportJob.objects.exclude(file="").exclude(state=ExportJob.State.RUNNING):
        remove_file(export)
        ExportJob.objects.filter(pk=export.pk).update(file="", keep_until=None)
        touched += 1
    waiting = Q(state=ImportJob.State.DRAFT) | Q(state=ImportJob.State.DONE, dry_run=True)
    for job in ImportJob.objects.filter(waiting).exclude(file=""):
        remove_files(job)
        if job.state == ImportJob.State.DRAFT:
            job.delete()
        else:
            ImportJob.objects.filter(pk=job.pk).update(file="", keep_until=None)
        touched += 1
    return touched


def _refused_rows(traces: Traces) -> int:
    """One query for each identifier: cells are compared whole, in the writing that files may have."""
    wanted = Q()
    for value in {*traces.identifiers, *map(str, traces.records)}:
        wanted |= Q(cells__contains=[value])
    for value in traces.needles:
        wanted |= Q(cells__icontains=value) | Q(reason__icontains=value)
    for name in traces.names:
        wanted |= Q(cells__contains=[name])
    return RefusedRow.objects.filter(wanted).update(cells=[], reason=ERASED) if wanted else 0


def count_old_refused_rows(before: datetime) -> int:
    """Refused rows of imports that were started before this time."""
    return RefusedRow.objects.filter(job__created_at__lt=before).count()


def remove_old_refused_rows(before: datetime, limit: int) -> int:
    """Remove at most so many of them; how many went. Their imports still say how many rows were refused."""
    found = RefusedRow.objects.filter(job__created_at__lt=before).values_list("pk", flat=True)[:limit]
    return RefusedRow.objects.filter(pk__in=list(found)).delete()[0]
