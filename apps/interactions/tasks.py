"""Housekeeping of interactions: partitions for the months to come, and what was refused long ago."""

from __future__ import annotations

import structlog
from django.conf import settings
from django.utils.timezone import now

from apps.interactions.refused import forget_refused_messages
from apps.organizations.queries import organizations
from cxm.partitions import make_all_ahead
from cxm.scope import tenant
from cxm.tasks import platform_task

logger = structlog.get_logger(__name__)


@platform_task(every=24 * 3600.0)
def make_partitions_ahead() -> None:
    """Make the partitions of the coming months, as the owner; `migrate` does so as well, and `doctor` looks."""
    if not settings.OWNER_DATABASE_URL:
        logger.warning("partitions_not_made", reason="DATABASE_OWNER_URL is not set")
        return
    for table, made in make_all_ahead(now=now()).items():
        if made:
            logger.info("partitions_made", table=table, made=made)


@platform_task(every=600.0)
def forget_old_refusals() -> None:
    """Keep the newest refused messages of every organisation and forget the others."""
    for organization in organizations():
        with tenant(organization):
            forget_refused_messages()
