"""What imports and exports leave behind goes when it has been kept long enough."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils.timezone import now

from apps.imports.exports import remove_file
from apps.imports.models import ExportJob, ImportChange, ImportJob, RefusedRow
from apps.imports.staging import remove_files

CHUNK = 5_000


def forget_import(job_id: uuid.UUID) -> bool:
    """Remove a draft that nobody went on with, and the file and journal of an import; True when there is more to do.

    The refused rows stay with the import. A large journal takes several calls.
    """
    with transaction.atomic():
        job = ImportJob.objects.select_for_update(skip_locked=True, of=("self",)).filter(pk=job_id).first()
        if job is None or job.keep_until is None or job.keep_until > now():
            return False
        journal = ImportChange.objects.filter(job=job)
        found = list(journal.values_list("pk", flat=True)[:CHUNK])
        if found:
            journal.filter(pk__in=found)._raw_delete(journal.db)
        if len(found) == CHUNK:
            return True
        transaction.on_commit(lambda: remove_files(job))
        if job.state == ImportJob.State.DRAFT:
            RefusedRow.objects.filter(job=job).delete()
            job.delete()
        else:
            ImportJob.objects.filter(pk=job.pk).update(keep_until=None)
        return False


@transaction.atomic
def forget_export(job_id: uuid.UUID) -> None:
    """Remove the file of an export; the line in the list stays and says that it is gone."""
    job = ExportJob.objects.select_for_update(skip_locked=True).filter(pk=job_id).first()
    if job is None or job.keep_until is None or job.keep_until > now():
        return
    transaction.on_commit(lambda: remove_file(job))
    ExportJob.objects.filter(pk=job.pk).update(keep_until=None, file="")
