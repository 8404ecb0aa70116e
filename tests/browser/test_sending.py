"""A sending planned, simulated, started and followed in a real browser, with scripts and without."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.planning import run_plan
from apps.dispatch.plans import stop_plan
from apps.organizations.models import Organization
from apps.segments.services import create_segment, set_static_members
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.factories.dispatch import a_customer_to_ask
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


@pytest.fixture
def shop(transactional_db: None) -> tuple[Any, Organization, Survey]:
    """Three customers on a list, one of them new, and a live survey."""
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        survey = a_survey("nps", name="Every quarter", relationship=True, languages=["en", "de"])
        people = [a_customer_to_ask(name="Ann"), a_customer_to_ask(name="Ben"), a_customer_to_ask(known_days=1)]
        segment = create_segment(actor=SYSTEM, name="Private", kind="static")
        set_static_members(actor=SYSTEM, segment=segment, customer_ids=[one.pk for one in people])
    return owner, organization, survey


def walk(page: Any, look: Callable[[str], None]) -> None:
    """The five steps, by what is seen on them."""
    page.get_by_label("The people of a segment").check()
    look("whom")
    page.get_by_role("button", name="Next: how").click()
    page.get_by_label("Name of this sending").fill("Autumn")
    page.get_by_label("Subject", exact=False).first.fill("Hello {{ customer.first_name }}")
    look("how")
    page.get_by_role("button", name="Next: when").click()
    page.get_by_label("At most so many a day").fill("20")
    look("when")
    page.get_by_role("button", name="Next: reminders and limits").click()
    page.get_by_label("First reminder").fill("3")
    look("limits")
    page.get_by_role("button", name="Next: check").click()
    page.get_by_text("may be asked.").first.wait_for()
    look("check")


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def test_every_step_and_the_page_are_accessible_and_fit(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    owner, organization, survey = shop
    watched = page_as(owner, width=width, theme=theme)
    page = watched.page
    found: dict[str, Any] = {}

    def look(name: str) -> None:
        found[name] = findings(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            found[name].append(f"{wider} pixels wider than the window")
        if folder := os.environ.get("SCREENSHOTS"):
            page.screenshot(path=str(Path(folder) / f"sending-{name}-{width}-{theme}.png"), full_page=True)

    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/send/")
    walk(page, look)
    page.get_by_role("button", name="Start: ask 2 people").click()
    page.get_by_role("heading", name="How far it is").wait_for()
    with tenant(organization):
        plan = SendPlan.objects.get()
        assert plan.texts == {"en": {"subject": "Hello {{ customer.first_name }}"}}
        run_plan(plan)
        customer = Invitation.objects.filter(state="blocked").get().customer_id
    watched.open(f"/o/{organization.slug}/sendings/{plan.pk}/")
    page.get_by_text("3 decisions so far.").wait_for()
    look("plan")
    watched.open(f"/o/{organization.slug}/sendings/")
    look("list")
    watched.open(f"/o/{organization.slug}/customers/{customer}/contact-frequency/?survey={survey.pk}")
    page.get_by_text("would not be sent").wait_for()
    look("frequency")
    watched.open(f"/o/{organization.slug}/customers/{customer}/")
    look("profile")
    with tenant(organization):
        if SendPlan.objects.get().state == "active":
            stop_plan(actor=SYSTEM, plan=plan)
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_sending_is_planned_and_started_without_scripts(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization, survey = shop
    watched = page_as(owner, scripts=False)
    page = watched.page
    watched.page.goto(f"{watched.base}/o/{organization.slug}/surveys/{survey.pk}/send/")
    walk(page, lambda name: None)
    page.get_by_role("button", name="Start: ask 2 people").click()
    page.get_by_text("Nobody was considered yet.").wait_for()
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Resume").wait_for()
    with tenant(organization):
        assert SendPlan.objects.get().state == "paused"
    watched.complaints.clear()


def test_message_follows_what_is_typed_and_other_choices_fold_away(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization, survey = shop
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/send/")
    page.get_by_label("The people of a segment").check()
    assert not page.get_by_label("Event", exact=True).is_visible()
    page.get_by_label("Whoever lives through an event").check()
    assert page.get_by_label("Event", exact=False).last.is_visible()
    assert not page.get_by_label("Segment", exact=True).is_visible()
    page.get_by_label("The people of a segment").check()
    page.get_by_role("button", name="Next: how").click()
    page.get_by_label("First sentence", exact=False).first.fill("Only one thing, {{ customer.first_name }}.")
    page.frame_locator("iframe[name=message]").get_by_text("Only one thing, Lena.").wait_for()
    page.get_by_role("button", name="Plain text").click()
    page.frame_locator("iframe[name=message]").get_by_text("Only one thing, Lena.").wait_for()


def test_profile_answers_whether_somebody_may_be_asked_without_leaving(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization, _survey = shop
    with tenant(organization):
        customer = a_customer_to_ask(name="Cleo")
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/customers/{customer.pk}/")
    watched.page.get_by_role("button", name="Check").click()
    watched.page.get_by_text("Yes: “Every quarter” may be sent.").wait_for()
    assert watched.page.url.endswith(f"/customers/{customer.pk}/")
