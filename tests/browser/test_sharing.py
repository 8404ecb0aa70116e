"""Shared pages, and the pages where maps are shared, exported, imported and begun: accessible and fitting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.journeys.services import publish_journey
from apps.journeys.starting import start_from_template
from apps.personas.services import publish_persona
from apps.sharing.services import create_share_link
from cxm.actor import Actor
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, an_organization
from tests.factories.maps import a_persona

pytestmark = pytest.mark.browser

SYSTEM = Actor.system("test")
PASSWORD = "open sesame 1"


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_pages_of_sharing_are_accessible_and_fit(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    organization = an_organization("Nordwind")
    with tenant(organization):
        journey = start_from_template(actor=SYSTEM, template="saas").journey
        publish_journey(actor=SYSTEM, journey=journey, purpose="For the board")
        persona = a_persona("Paula", quote="What does it cost?")
        publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        shown = {"show_scores": True, "show_quotes": True}
        keys = [
            create_share_link(actor=SYSTEM, kind="journey", object_id=journey.pk, options=shown)[1],
            create_share_link(actor=SYSTEM, kind="persona", object_id=persona.pk, options=shown)[1],
            create_share_link(actor=SYSTEM, kind="journey", object_id=journey.pk, password=PASSWORD)[1],
        ]
    stranger = page_as(None, width=width, theme=theme)
    for key in keys:
        assert stranger.open(f"/share/{key}/") == 200
        assert findings(stranger.page) == []
        assert stranger.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    stranger.page.fill("input[name=password]", PASSWORD)
    stranger.page.click("button")
    stranger.page.get_by_text("For the board").wait_for()
    assert stranger.gather() == []
    member = page_as(a_member(organization), width=width, theme=theme)
    home = f"/o/{organization.slug}/"
    for path in (
        f"share-links/journey/{journey.pk}/",
        f"share-links/persona/{persona.pk}/",
        "settings/share-links/",
        f"journeys/{journey.pk}/export/",
        "journeys/import/",
        "journeys/new/",
        "journeys/new/?template=bank",
    ):
        assert member.open(home + path) == 200
        assert findings(member.page) == []
        assert member.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert member.gather() == []


def test_stickies_come_in_by_pasting_and_undo_takes_them_back(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Nordwind")
    with tenant(organization):
        journey = start_from_template(actor=SYSTEM, template="saas", name="Ours").journey
    watched = page_as(a_member(organization))
    watched.open(f"/o/{organization.slug}/journeys/import/?journey={journey.pk}")
    watched.page.fill("textarea[name=text]", "# Try\nPains: A brand-new sticky")
    watched.page.get_by_role("button", name="Look at it").click()
    watched.page.get_by_role("button", name="Take it in").click()
    watched.page.get_by_text("A brand-new sticky").wait_for()
    watched.page.get_by_role("button", name="Undo").first.click()
    watched.page.get_by_text("A brand-new sticky").wait_for(state="detached")
    assert watched.gather() == []
