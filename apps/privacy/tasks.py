"""What the privacy desk does by itself: retention rules, old copies, and the journal outside the database."""

from __future__ import annotations

from apps.organizations.queries import organizations
from apps.privacy.journal import write_missing
from apps.privacy.retention import apply_retention
from apps.privacy.services import forget_old_copies
from cxm.actor import Actor
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task


@platform_task(every=6 * 3600.0)
def keep_promises() -> None:
    """Hand every organisation its own task, and complete the journal of erasures."""
    for organization in organizations():
        with tenant(organization):
            keep_promises_of_organization.wake()
    write_missing()


@tenant_task
def keep_promises_of_organization() -> None:
    """Apply the retention rules of one organisation and remove the copies it no longer offers."""
    apply_retention(actor=Actor.system("retention"))
    forget_old_copies()
