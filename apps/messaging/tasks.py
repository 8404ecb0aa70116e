"""Celery entry points."""

from __future__ import annotations

from apps.messaging.services import forget_old
from apps.organizations.queries import organizations
from cxm.scope import tenant
from cxm.tasks import platform_task


@platform_task(every=6 * 3600.0)
def forget_old_reports() -> None:
    """Reports and messages of the local provider are no archive."""
    for organization in organizations():
        with tenant(organization):
            forget_old()
