"""The relay's entry points: woken by a commit, and by a sweep that needs no message to have arrived."""

from __future__ import annotations

from apps.outbox.relay import drain
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

SWEEP_SECONDS = 2.0
_ORGANIZATIONS_DUE = """
    SELECT tenant_id FROM outbox_outboxevent WHERE state = 'pending' AND available_at <= now()
    GROUP BY tenant_id ORDER BY min(available_at)
"""


@tenant_task(expires=60)
def drain_organization() -> None:
    """Handle what is due in one organisation; after a few seconds of work, queue up again behind the others."""
    if drain().has_more:
        drain_organization.wake()


@platform_task(every=SWEEP_SECONDS)
def sweep_outbox() -> None:
    """Wake a worker for every organisation with due events, the one that waited longest first."""
    for (organization_id,) in platform_rows(_ORGANIZATIONS_DUE):
        with tenant(organization_id):
            drain_organization.delay()
