"""Entry points of the workers for imports and exports."""

from __future__ import annotations

import uuid

from apps.imports.exports import run_export
from apps.imports.services import run_import
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

DUE = """
SELECT tenant_id, id FROM {table}
WHERE state IN ('queued', 'running') AND (leased_until IS NULL OR leased_until < now())
ORDER BY created_at LIMIT 200
"""


@tenant_task
def carry_import(job_id: str) -> None:
    """Carry in (more of) an import."""
    run_import(uuid.UUID(job_id))


@tenant_task
def write_export(job_id: str) -> None:
    """Write an export's file."""
    run_export(uuid.UUID(job_id))


@platform_task(every=5.0)
def sweep_jobs() -> None:
    """Wake a worker for every job that nobody has: its message was lost, or its worker died."""
    for table, task in (("imports_importjob", carry_import), ("imports_exportjob", write_export)):
        for tenant_id, job_id in platform_rows(DUE.format(table=table)):
            with tenant(tenant_id):
                task.delay(str(job_id))
