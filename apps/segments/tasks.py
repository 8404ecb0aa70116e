"""Entry points of the workers. Which segments are due stands in their rows; these only wake and spread the work."""

from __future__ import annotations

from apps.segments.refresh import refresh_due, wake
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

PORTION = 20
_ORGANIZATIONS_DUE = """
    SELECT tenant_id FROM segments_segment
     WHERE refresh_at <= now() AND (leased_until IS NULL OR leased_until < now())
     GROUP BY tenant_id ORDER BY min(refresh_at)
"""


@tenant_task
def refresh_due_segments() -> None:
    """Refresh what is due in one organisation; with more left, queue up behind the other organisations again."""
    outcome = refresh_due(most=PORTION)
    if outcome.done + outcome.failed == PORTION:
        refresh_due_segments.wake()


@platform_task(every=5.0)
def sweep_due_segments() -> None:
    """Find what nobody was woken for: moving windows, expired leases, a wiped broker."""
    for (organization_id,) in platform_rows(_ORGANIZATIONS_DUE):
        with tenant(organization_id):
            wake()
