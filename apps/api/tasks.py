"""Housekeeping of the API's own table."""

from __future__ import annotations

from apps.api.services import purge_idempotency_records
from apps.organizations.queries import organizations
from cxm.scope import tenant
from cxm.tasks import platform_task


@platform_task(every=3600.0)
def forget_idempotency_keys() -> None:
    """Forget, for every organisation, the answers kept for Idempotency-Keys of more than a day ago."""
    for organization in organizations():
        with tenant(organization):
            purge_idempotency_records()
