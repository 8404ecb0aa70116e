"""The roadmap by keyboard, menu and mouse, the matrix, and insights: in a real browser, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.journeys.models import Card, Journey
from apps.opportunities.models import Opportunity
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey

pytestmark = pytest.mark.browser


@pytest.fixture
def company(transactional_db: None) -> tuple[Any, Organization]:
    """Three opportunities and an old insight at one card of a map."""
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        journey = a_journey("Moving house")
        card = Card.objects.get(step__stage__journey=journey)
        links = {"cards": [{"journey": journey.pk, "card": card.pk}]}
        insight = an_insight("They wait", score=-2, source_date="2020-01-01", body="Two hours.", **links)
        an_opportunity("Alpha", journey=journey.pk, card=card.pk, customer_value=5, effort=1, insights=[insight.pk])
        an_opportunity("Beta", customer_value=5, effort=1)
        an_opportunity("Gamma")
    return owner, organization


def standing(organization: Organization) -> dict[str, list[str]]:
    """The titles of every status that has any, in order."""
    found: dict[str, list[str]] = {}
    with tenant(organization):
        for title, status in Opportunity.objects.order_by("rank").values_list("title", "status"):
            found.setdefault(status, []).append(title)
    return found


def card(page: Any, title: str) -> Any:
    return page.locator(".cx-road-k", has_text=title)


def saved(page: Any, act: Callable[[], Any]) -> None:
    """Do something that moves a card, and wait until the server has answered."""
    with page.expect_response(lambda response: response.url.endswith("/move/")):
        act()


def test_cards_move_by_keyboard_and_back_by_undo(company: tuple[Any, Organization], page_as: Any) -> None:
    owner, organization = company
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/opportunities/roadmap/")
    page = watched.page
    opener = card(page, "Alpha").locator("[popovertarget]")
    opener.focus()
    saved(page, lambda: page.keyboard.press("Alt+ArrowDown"))
    assert standing(organization) == {"new": ["Beta", "Alpha", "Gamma"]}
    saved(page, lambda: page.keyboard.press("Alt+ArrowRight"))
    assert standing(organization) == {"new": ["Beta", "Gamma"], "exploring": ["Alpha"]}
    assert opener.evaluate("node => node === document.activeElement"), "the focus stays on the card"
    page.get_by_text("Moved “Alpha” to Exploring").wait_for()
    assert page.locator("#col-exploring [data-count]").inner_text() == "1"
    saved(page, lambda: page.locator(".cx-toast", has_text="Exploring").get_by_role("button", name="Undo").click())
    assert standing(organization) == {"new": ["Beta", "Alpha", "Gamma"]}
    assert page.locator("#col-exploring [data-count]").inner_text() == "0"


def test_cards_move_by_menu_and_by_mouse(company: tuple[Any, Organization], page_as: Any) -> None:
    owner, organization = company
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/opportunities/roadmap/")
    page = watched.page
    card(page, "Beta").locator("[popovertarget]").click()
    saved(page, lambda: page.get_by_role("button", name="Move to Planned").locator("visible=true").click())
    assert standing(organization) == {"new": ["Alpha", "Gamma"], "planned": ["Beta"]}
    start = card(page, "Gamma").locator(".cx-road-f").bounding_box()
    goal = page.locator("ul[data-column=in_progress]").bounding_box()

    def drag() -> None:
        page.mouse.move(start["x"] + 5, start["y"] + 5)
        page.mouse.down()
        page.mouse.move(start["x"] + 40, start["y"] + 20, steps=4)
        over = page.locator("ul[data-column=in_progress] .cx-road-k", has_text="Gamma")
        for nudge in range(40):
            page.mouse.move(goal["x"] + 40 + nudge % 3, goal["y"] + 20, steps=4)
            if over.count():
                break
        page.mouse.up()

    saved(page, drag)
    assert standing(organization) == {"new": ["Alpha"], "planned": ["Beta"], "in_progress": ["Gamma"]}


def test_roadmap_works_without_scripts(company: tuple[Any, Organization], page_as: Any) -> None:
    owner, organization = company
    watched = page_as(owner, scripts=False)
    watched.open(f"/o/{organization.slug}/opportunities/roadmap/?by=horizon")
    page = watched.page
    card(page, "Beta").locator("[popovertarget]").click()
    page.get_by_role("button", name="Move to Now").locator("visible=true").click()
    page.get_by_text("Moved “Beta” to Now.").wait_for()
    assert page.locator("[data-column=now] .cx-road-k").count() == 1
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url("**/roadmap/?by=horizon")
    assert page.locator("[data-column=now] .cx-road-k").count() == 0
    with tenant(organization):
        assert list(Opportunity.objects.order_by("rank").values_list("title", flat=True)) == ["Alpha", "Beta", "Gamma"]


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_pages_have_no_findings(
    company: tuple[Any, Organization],
    page_as: Any,
    findings: Callable[[Any], list[str]],
    width: int,
    theme: str,
) -> None:
    owner, organization = company
    with tenant(organization):
        first = Opportunity.objects.get(title="Alpha")
        journey = Journey.objects.get()
        insight = an_insight()
    watched = page_as(owner, width=width, theme=theme)
    root = f"/o/{organization.slug}"
    for path in (
        f"{root}/insights/",
        f"{root}/insights/?journey={journey.pk}&step={first.step_id}",
        f"{root}/insights/new/?journey={journey.pk}&card={first.card_id}",
        f"{root}/insights/{insight.pk}/",
        f"{root}/settings/insights/",
        f"{root}/opportunities/",
        f"{root}/opportunities/roadmap/",
        f"{root}/opportunities/matrix/",
        f"{root}/opportunities/new/",
        f"{root}/opportunities/{first.pk}/",
    ):
        assert watched.open(path) == 200
        assert findings(watched.page) == [], path
        wide = watched.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{path} is wider than the window"
