"""Celery entry points. What is due stands in the rows; these only wake and spread the work."""

from __future__ import annotations

from apps.dispatch.mailbox import forget_old_messages
from apps.dispatch.queries import organizations_with_due_invitations, organizations_with_due_plans
from apps.dispatch.sending import send_due_invitations
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task


@tenant_task
def send_due() -> None:
    """Send what is due in one organisation; with more left, queue up behind the other organisations again."""
    if send_due_invitations().more:
        send_due.wake()


@platform_task(every=2.0)
def sweep_due_invitations() -> None:
    """Find what nobody was woken for: planned sendings, expired leases, a wiped broker."""
    for organization_id in organizations_with_due_invitations():
        with tenant(organization_id):
            send_due.wake()


@tenant_task
def run_plans() -> None:
    """Run the due plans of one organisation."""
    from apps.dispatch.planning import run_due_plans  # planning uses services, which wake this task

    run_due_plans()


@platform_task(every=10.0)
def sweep_due_plans() -> None:
    """Find the organisations whose plans are due."""
    for organization_id in organizations_with_due_plans():
        with tenant(organization_id):
            run_plans.wake()


@platform_task(every=6 * 3600.0)
def forget_kept_mail() -> None:
    """The built-in mailbox is no archive."""
    forget_old_messages()
