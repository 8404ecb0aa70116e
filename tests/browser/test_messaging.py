"""The settings of providers in a real browser: no findings of axe, nothing wider than a phone, no script needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.messaging.models import Provider
from apps.messaging.services import activate_provider, add_provider
from apps.messaging.transports import text_transport
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_person, an_organization

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


@pytest.fixture
def shop(transactional_db: None) -> tuple[Any, Organization, Provider, Provider]:
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        mail = add_provider(
            actor=SYSTEM,
            backend="postmark",
            name="Postmark of the shop",
            sender="survey@shop.example",
            credentials={"server_token": "x", "inbound_address": "replies@in.shop.example"},
        )
        local = activate_provider(
            actor=SYSTEM, provider=add_provider(actor=SYSTEM, backend="local", name="To try it out")
        )
        with text_transport(local) as transport:
            transport.send("+15550100", "Shop: How was it? https://shop.example/r/x/ Reply STOP to end")
    return owner, organization, mail, local


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark"), (320, "light")])
def test_pages_have_no_findings(
    page_as: Callable[..., Any], findings: Callable[[Any], list[str]], shop: Any, width: int, theme: str
) -> None:
    owner, organization, mail, local = shop
    watched = page_as(owner, width=width, theme=theme)
    root = f"/o/{organization.slug}/settings/messaging/"
    paths = (
        "", "new/", "new/?backend=mailgun", "new/?backend=twilio", f"{mail.pk}/", f"{mail.pk}/edit/",
        f"{mail.pk}/delete/", f"{local.pk}/", f"{local.pk}/messages/",
    )  # fmt: skip
    for path in paths:
        assert watched.open(root + path) == 200
        assert findings(watched.page) == [], path
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert watched.gather() == []


def test_local_provider_is_tried_end_to_end_without_a_script(page_as: Callable[..., Any], shop: Any) -> None:
    owner, organization, _mail, local = shop
    page = page_as(owner, scripts=False).page
    watched_path = f"/o/{organization.slug}/settings/messaging/{local.pk}/"
    page.goto(f"{_base(page_as, owner)}{watched_path}")
    page.get_by_label("Your number").fill("+49 151 23456789")
    page.get_by_role("button", name="Send a test message").click()
    page.get_by_role("status").filter(has_text="took the message").first.wait_for()
    page.get_by_role("link", name="Messages kept here").click()
    page.get_by_label("Answer as +4915123456789").first.fill("STOP")
    page.get_by_role("button", name="Answer as +4915123456789").first.click()
    page.locator("main").filter(has_text="Answer of +4915123456789").wait_for()


def _base(page_as: Callable[..., Any], owner: Any) -> str:
    base: str = page_as(owner).base
    return base
