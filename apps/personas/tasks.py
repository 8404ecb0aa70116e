"""Celery entry points: the rows of `PersonaCheck` say what is to be compared, review days whose owner is told."""

from __future__ import annotations

from uuid import UUID

from apps.organizations.queries import organizations
from apps.personas.binding import check_persona
from apps.personas.reviews import tell_owners
from cxm.db.platform import platform_rows
from cxm.scope import tenant
from cxm.tasks import platform_task, tenant_task

DUE = """
SELECT tenant_id, id FROM personas_personacheck
WHERE state = 'watched' AND due_at <= now()
ORDER BY due_at LIMIT 200
"""


@tenant_task
def compare_persona(check_id: str) -> None:
    """Compare one persona with its people."""
    check_persona(UUID(check_id))


@platform_task(every=3600.0)
def sweep_reviews() -> None:
    """Have owners told of reviews that are due, in every organisation."""
    for organization in organizations():
        with tenant(organization):
            tell_owners()


@platform_task(every=60.0)
def sweep_persona_checks() -> None:
    """Hand out what is due."""
    for tenant_id, check_id in platform_rows(DUE):
        with tenant(tenant_id):
            compare_persona.delay(str(check_id))
