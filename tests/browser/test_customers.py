"""A customer's profile, touches and activities in a browser: filters, keyboard, phone, and what axe finds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from playwright.sync_api import expect

from apps.interactions.touches import add_touch
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization
from tests.factories.customers import a_customer
from tests.factories.interactions import an_activity, an_interaction

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


@pytest.fixture
def scene(transactional_db: None) -> dict[str, Any]:
    """A customer with some of everything, an activity, and somebody who works with them."""
    organization = an_organization("Acme")
    user = a_member(organization, "manager")
    with tenant(organization):
        activity = an_activity(success_event="bought")
        attributes = {f"field {n}": n for n in range(25)}
        customer = a_customer(name="Ada King", account="Engines Ltd", attributes=attributes)
        for days in range(60):
            an_interaction(customer, "order_placed", now() - timedelta(days=days), properties={"amount": days})
        values = {"kind": "call", "outcome": "reached", "text": "Wants a quote", "activity": activity}
        add_touch(actor=SYSTEM, customer=customer, values=values)
    return {
        "user": user,
        "customer": f"/o/acme/customers/{customer.pk}/",
        "activity": f"/o/acme/activities/{activity.pk}/",
    }


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_pages_have_no_findings_and_fit(
    page_as: Callable[..., Any], findings: Callable[[Any], list[str]], scene: dict[str, Any], width: int, theme: str
) -> None:
    watched = page_as(scene["user"], width=width, theme=theme)
    for address in (
        scene["customer"],
        scene["customer"] + "touches/new/?kind=meeting",
        scene["activity"],
        "/o/acme/activities/",
        "/o/acme/activities/new/",
        "/o/acme/customers/?q=ada",
    ):
        watched.open(address)
        assert findings(watched.page) == [], address
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), address


def test_choosing_a_kind_narrows_the_timeline_in_place(page_as: Callable[..., Any], scene: dict[str, Any]) -> None:
    watched = page_as(scene["user"])
    watched.open(scene["customer"])
    page = watched.page
    lines = page.locator("#timeline .cx-tl > li")
    expect(lines).to_have_count(50)
    page.select_option("#tl-kind", "call")
    expect(lines).to_have_count(1)
    assert "kind=call" in page.url
    assert page.locator("#timeline").get_by_text("Wants a quote").is_visible()
    page.select_option("#tl-kind", "")
    expect(lines).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(lines).to_have_count(11)


def test_without_scripts_filters_and_touches_work_as_plain_forms(
    page_as: Callable[..., Any], scene: dict[str, Any]
) -> None:
    watched = page_as(scene["user"], scripts=False)
    watched.open(scene["customer"])
    page = watched.page
    page.select_option("#tl-kind", "call")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#timeline .cx-tl > li")).to_have_count(1)
    page.get_by_role("link", name="Add touch").click()
    page.get_by_role("link", name="Visit", exact=True).click()
    page.fill("textarea[name=text]", "Saw the new shop")
    page.select_option("select[name=outcome]", "met")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saw the new shop")).to_be_visible()
