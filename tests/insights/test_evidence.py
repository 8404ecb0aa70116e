"""Insights as what the lines of a persona rest on."""

from __future__ import annotations

import pytest

from apps.insights.evidence import offered, resolved
from apps.organizations.models import Organization
from apps.organizations.queries import actor_for
from apps.personas.evidence import resolve_backing
from apps.personas.services import update_persona
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization
from tests.factories.insights import an_insight
from tests.factories.maps import a_persona

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


def reader(organization: Organization, role: str) -> Actor:
    return actor_for(a_member(organization, role), organization, None)


def test_a_line_rests_on_an_insight_that_only_its_readers_see() -> None:
    organization = an_organization("Acme")
    with tenant(organization):
        insight = an_insight(title="Nobody finds the fee", kind="interview", source_date="2026-03-01")
        item = {"section": "needs", "line": "One price", "kind": "insight", "ref": str(insight.pk), "level": "measured"}
        persona = update_persona(actor=SYSTEM, persona=a_persona(), needs=["One price"], backing=[item])
        of_line = ("needs", "One price")
        seen = resolve_backing(reader(organization, "manager"), organization, persona.backing)[of_line][0]
        assert (seen.title, seen.kind_words) == ("Nobody finds the fee", "Insight")
        assert seen.url.endswith(f"/insights/{insight.pk}/") and "Interview" in seen.note
        unseen = resolve_backing(reader(organization, "employee"), organization, persona.backing)[of_line][0]
        assert "Nobody" not in unseen.title and not unseen.url


def test_what_was_said_without_consent_is_offered_to_nobody_but_editors() -> None:
    organization = an_organization("Acme")
    with tenant(organization):
        secret = an_insight(title="Said in confidence", consent="not_given")
        analyst, manager = reader(organization, "analyst"), reader(organization, "manager")
        assert [pk for pk, _title in offered(manager, organization)] == [str(secret.pk)]
        assert offered(analyst, organization) == []
        assert resolved(analyst, organization, [str(secret.pk)]) == {}


def test_another_organisations_insight_is_no_evidence_here() -> None:
    acme, other = an_organization("Acme"), an_organization("Other")
    with tenant(other):
        theirs = an_insight(title="Theirs")
    with tenant(acme):
        assert offered(reader(acme, "manager"), acme) == []
        assert resolved(reader(acme, "manager"), acme, [str(theirs.pk)]) == {}
