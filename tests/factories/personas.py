"""What is remembered of personas beside the draft."""

from __future__ import annotations

from datetime import date

from apps.organizations.models import Organization
from apps.personas.editing import change_field
from apps.personas.models import PersonaChange, ReviewNotice
from cxm.ids import uuid7
from cxm.scope import current_tenant_id
from tests.factories.maps import a_persona
from tests.factories.people import an_actor
from tests.factories.registry import factory


@factory(PersonaChange)
def a_persona_change() -> PersonaChange:
    """A change that its author can take back."""
    actor = an_actor(Organization.objects.get(pk=current_tenant_id()), "manager")
    persona = change_field(actor=actor, persona=a_persona(), field="quote", value="Tell me the price first.")
    return PersonaChange.objects.get(persona=persona)


@factory(ReviewNotice)
def a_review_notice() -> ReviewNotice:
    """That somebody was told."""
    return ReviewNotice.objects.create(kind="persona", object_id=uuid7(), review_date=date(2026, 1, 1))
