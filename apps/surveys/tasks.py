"""Celery entry points: what time does to surveys."""

from __future__ import annotations

from apps.organizations.queries import organizations
from apps.surveys.services import close_surveys_that_ended, remove_loose_files
from cxm.scope import tenant
from cxm.tasks import platform_task


@platform_task(every=300.0)
def close_ended_surveys() -> None:
    """Say of surveys whose time has come that they are closed; they have taken no answers since."""
    for organization in organizations():
        with tenant(organization):
            close_surveys_that_ended()


@platform_task(every=3600.0)
def forget_loose_files() -> None:
    """Remove files that respondents chose and never sent off."""
    for organization in organizations():
        with tenant(organization):
            remove_loose_files()
