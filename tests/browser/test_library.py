"""The touchpoint library and comparing versions in a real browser: accessible, narrow, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.interactions.store import NewInteraction, record_interactions
from apps.journeys import services
from apps.journeys.drafts import read_draft
from apps.journeys.models import Journey
from apps.organizations.models import Organization
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import update_touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.factories.customers import a_customer
from tests.factories.maps import a_backstage_record, a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


@pytest.fixture
def company(transactional_db: None) -> tuple[Any, Organization, Any, Any, Any, Any]:
    """A map in two versions with its to-be map, and a touchpoint that has everything."""
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        promise = {"text": "Within 2 hours", "kept": {"event": "answered"}, "within_seconds": 7200}
        line = a_touchpoint("Hotline", key="line", event_match={"event": "asked"}, promise=promise)
        update_touchpoint(actor=SYSTEM, touchpoint=line, name="Service line")
        record = a_backstage_record("Telephone system", touchpoints=["line"])
        at = now() - timedelta(hours=9)
        events = [
            NewInteraction(event="asked", customer_id=a_customer(name="Ada").pk, occurred_at=at) for _ in range(2)
        ]
        record_interactions(actor=SYSTEM, rows=events)
        survey = a_survey("csat", touchpoint=line)
        for score in (1, 5, 4):
            an_answer(survey, score)
        cards = [{"lane": "pain_points", "text": "Nobody answers"}]
        steps = [{"name": "Ask", "touchpoints": ["line"], "belief": 1, "cards": cards}, {"name": "Wait"}]
        journey = a_journey("Moving", stages=[{"name": "Use", "steps": steps}])
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="Spring")
        stages = read_draft(journey).content["stages"]
        stages[0]["steps"][0].update(name="Call", belief=-1)
        stages[0]["steps"].pop()
        journey = services.update_journey(actor=SYSTEM, journey=journey, stages=stages)
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="Autumn")
        made = services.make_to_be(actor=SYSTEM, journey=Journey.objects.get(pk=journey.pk))
    return owner, organization, journey, made, line, record


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def test_pages_have_no_accessibility_findings_and_fit(
    company: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    owner, organization, journey, made, line, record = company
    watched = page_as(owner, width=width, theme=theme)
    page = watched.page
    for path in (
        f"journeys/{journey.pk}/versions/",
        f"journeys/{journey.pk}/compare/?a=1&b=2",
        f"journeys/{made.pk}/compare/",
        f"journeys/{journey.pk}/coverage/",
        "journeys/",
        "touchpoints/",
        "touchpoints/?lacks=owner",
        f"touchpoints/{line.pk}/",
        f"touchpoints/{line.pk}/edit/",
        "touchpoints/try/?event=asked",
        "touchpoints/backstage/",
        f"touchpoints/backstage/{record.pk}/",
        f"touchpoints/backstage/{record.pk}/edit/",
    ):
        assert watched.open(f"/o/{organization.slug}/{path}") == 200
        assert findings(page) == [], path
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, path
    assert watched.gather() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_an_event_is_tried_from_the_form(company: Any, page_as: Callable[..., Any], scripts: bool) -> None:
    owner, organization, _journey, _made, line, _record = company
    watched = page_as(owner, scripts=scripts)
    page = watched.page
    watched.open(f"/o/{organization.slug}/touchpoints/{line.pk}/edit/")
    page.get_by_role("button", name="Try the event").click()
    page.get_by_text("2 interactions in 90 days").wait_for()
    assert ("/try/" in page.url) is not scripts
    if scripts:
        page.get_by_label("Event", exact=False).first.fill("nothing_of_that_name")
        page.get_by_role("button", name="Try the event").click()
        page.get_by_text("Matches nothing in 90 days").wait_for()


def test_ticked_touchpoints_are_put_away_together(company: Any, page_as: Callable[..., Any]) -> None:
    owner, organization, _journey, _made, _line, _record = company
    with tenant(organization):
        a_touchpoint("Second")
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/touchpoints/")
    for box in page.locator("input[name=sel]").all():
        box.check()
    page.get_by_role("button", name="Archive").click()
    page.get_by_text("2 touchpoints archived.").wait_for()
    with tenant(organization):
        assert not Touchpoint.objects.filter(archived_at=None).exists()
