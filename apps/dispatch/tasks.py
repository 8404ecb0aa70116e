"""Celery entry points. What is due stands in the rows; these only wake and spread the work."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final
from uuid import UUID

from django.db import transaction
from redis.exceptions import RedisError

from apps.dispatch.mailbox import forget_old_messages
from apps.dispatch.queries import organizations_with_due_invitations, organizations_with_due_plans
from apps.dispatch.sending import send_due_invitations
from cxm.api.throttles import throttle
from cxm.scope import current_tenant_id, tenant
from cxm.tasks import platform_task, tenant_task

WAITING: Final = 30
"""Seconds for which a message to a worker is believed to be on its way."""


@tenant_task
def send_due() -> None:
    """Send what is due in one organisation, for one slice; with more left, queue up behind the other organisations."""
    _forget_message()
    if send_due_invitations().more:
        wake_sending()


def wake_sending() -> None:
    """Have a worker send for the organisation in force, once this is committed.

    One message an organisation waits at the broker, however often this is called: however many rows one has, the others
    are behind one slice of it and no more. Where Valkey does not answer the message is sent anyway.
    """
    transaction.on_commit(partial(_send_message, current_tenant_id()))


def _send_message(organization_id: UUID) -> None:
    try:
        is_first = throttle().client.set(waiting_key(organization_id), "1", nx=True, ex=WAITING)
    except RedisError:
        is_first = True
    if is_first:
        with tenant(organization_id):
            send_due.wake()


def _forget_message() -> None:
    """The message has arrived: the next may be sent."""
    with suppress(RedisError):
        throttle().client.delete(waiting_key(current_tenant_id()))


def waiting_key(organization_id: UUID) -> str:
    """Where Valkey keeps that a message for this organisation is on its way."""
    return f"cxm:dispatch:waiting:{organization_id}"


@platform_task(every=2.0)
def sweep_due_invitations() -> None:
    """Find what nobody was woken for: planned sendings, reminders, expired leases, a wiped broker."""
    for organization_id in organizations_with_due_invitations():
        _send_message(organization_id)


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
