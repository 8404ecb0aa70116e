"""Entry points of the workers for imports and exports."""

from __future__ import annotations

import uuid

from apps.imports.carrying import run_import
from apps.imports.exports import run_export
from apps.imports.housekeeping import forget_export, forget_import
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

DUE = """
SELECT tenant_id, id FROM {table}
WHERE state IN ('queued', 'running', 'undoing') AND (leased_until IS NULL OR leased_until < now())
ORDER BY created_at LIMIT 200
"""
KEPT_LONG_ENOUGH = """
SELECT tenant_id, id FROM {table}
WHERE keep_until < now() AND state NOT IN ('queued', 'running', 'undoing') ORDER BY keep_until LIMIT 200
"""


@tenant_task
def carry_import(job_id: str) -> None:
    """Carry in (more of) an import, or take (more of) it back."""
    run_import(uuid.UUID(job_id))


@tenant_task
def write_export(job_id: str) -> None:
    """Write an export's file."""
    run_export(uuid.UUID(job_id))


@tenant_task
def forget_old_import(job_id: str) -> None:
    """Remove what an import left; a large journal goes in several rounds."""
    if forget_import(uuid.UUID(job_id)):
        forget_old_import.wake(job_id)


@tenant_task
def forget_old_export(job_id: str) -> None:
    """Remove an export's file."""
    forget_export(uuid.UUID(job_id))


@platform_task(every=5.0)
def sweep_jobs() -> None:
    """Wake a worker for every job that nobody has: its message was lost, or its worker died."""
    _send(DUE, carry_import, write_export)


@platform_task(every=600.0)
def sweep_leavings() -> None:
    """Have the files and journals removed that have been kept long enough."""
    _send(KEPT_LONG_ENOUGH, forget_old_import, forget_old_export)


def _send(sql: str, for_import: object, for_export: object) -> None:
    for table, task in (("imports_importjob", for_import), ("imports_exportjob", for_export)):
        for tenant_id, job_id in platform_rows(sql.format(table=table)):
            with tenant(tenant_id):
                task.delay(str(job_id))  # type: ignore[attr-defined]
