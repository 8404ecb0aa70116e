"""Entry points of the workers. Which counts are due stands in their rows; these only wake and spread the work."""

from __future__ import annotations

from uuid import UUID

from apps.paths.services import run_report, wake
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

_DUE = """
    SELECT tenant_id, id FROM paths_pathreport
     WHERE state IN ('queued', 'running') AND (leased_until IS NULL OR leased_until < now())
     ORDER BY requested_at LIMIT 200
"""


@tenant_task
def count_report(report_id: str) -> None:
    """Count one report."""
    run_report(UUID(report_id))


@platform_task(every=5.0)
def sweep_due_reports() -> None:
    """Find what nobody was woken for: expired leases, a wiped broker."""
    for organization_id, report_id in platform_rows(_DUE):
        with tenant(organization_id):
            wake(report_id)
