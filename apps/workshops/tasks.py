"""What workshops do by themselves: those whose time is up are closed, and names of guests are forgotten."""

from __future__ import annotations

from apps.organizations.queries import organizations
from apps.workshops.services import tidy_workshops
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task


@platform_task(every=3600.0)
def tidy() -> None:
    """Hand every organisation its own task."""
    for organization in organizations():
        with tenant(organization):
            tidy_organization.wake()


@tenant_task
def tidy_organization() -> None:
    """Close workshops whose time is up, and forget names of guests when it is time."""
    tidy_workshops()
