"""A segment built by clicking, a persona bound to it, and its size and scores: in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.interactions.models import Interaction
from apps.organizations.models import Organization
from apps.personas.models import Persona
from apps.personas.services import create_persona
from apps.segments.models import Segment
from apps.segments.services import create_segment
from cxm.actor import Actor
from cxm.ids import timed_uuid7
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.factories.customers import a_customer
from tests.factories.maps import a_persona, a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.browser


def bought(customer: Customer, *days_ago: int) -> None:
    for position, days in enumerate(days_ago):
        at = (now() - timedelta(days=days)).replace(microsecond=0)
        Interaction.objects.create(
            id=timed_uuid7(at, position),
            customer=customer,
            identity_id=customer.pk,
            event="Purchase",
            occurred_at=at,
            properties={"category": "books"},
        )


@pytest.fixture
def shop(transactional_db: None) -> tuple[Any, Organization]:
    """Ann and Ben bought twice and were unhappy; Cleo was happy, Dora bought once, Emil long ago."""
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        survey = a_survey("nps", touchpoint=a_touchpoint("First Payment", key="first-payment"))
        for name, days, given in (
            ("Ann", (1, 20), 3),
            ("Ben", (5, 6, 89), 6),
            ("Cleo", (2, 3), 7),
            ("Dora", (4,), 0),
            ("Emil", (10, 91), 0),
        ):
            customer = a_customer(name=name)
            bought(customer, *days)
            an_answer(survey, given, customer_id=customer.pk)
        fold_pending()
        a_persona("Lena")
    return owner, organization


def test_segment_is_built_counted_saved_and_bound_to_a_persona(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]]
) -> None:
    owner, organization = shop
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/segments/new/")
    page.get_by_label("Name").fill("Bought twice, unhappy first payment")
    page.get_by_label("Condition", exact=True).select_option(label="Did something")
    page.get_by_label("Event", exact=True).fill("Purchase")
    page.get_by_label("Times").fill("2")
    page.get_by_label("When", exact=True).select_option(label="in the last days")
    page.get_by_label("Days").fill("90")
    page.wait_for_selector("#count [data-count='3']")
    page.get_by_role("button", name="Add condition").click()
    page.wait_for_selector("[id='r-1.kind']:focus")
    page.keyboard.type("Gave")
    page.wait_for_selector("[id='r-1.touchpoint']")
    page.select_option("[id='r-1.touchpoint']", label="First Payment")
    page.select_option("[id='r-1.op']", label="is less than")
    page.wait_for_selector("[id='r-1.op']:focus")
    page.fill("[id='r-1.value']", "7")
    page.wait_for_selector("#count [data-count='2']")
    count = page.inner_text("#count")
    assert "Ann" in count and "Ben" in count and "Cleo" not in count
    assert "“Purchase” happened at least 2 times in the last 90 days" in count
    assert findings(page) == []
    page.get_by_role("button", name="Make the segment").click()
    page.wait_for_url("**/segments/*-*/")
    assert "Ann" in page.inner_text("#members")
    assert findings(page) == []
    with tenant(organization):
        segment = Segment.objects.get()
        persona = Persona.objects.get()
        assert segment.size == 2
    watched.open(f"/o/{organization.slug}/personas/{persona.pk}/")
    page.get_by_role("link", name="Bind to a segment").click()
    page.select_option("[name=segment]", label=segment.name)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/personas/{persona.pk}/")
    people = page.inner_text("[aria-labelledby=people-h]")
    assert "2 customers (40 % of all)" in people.replace("\xa0", " ")
    assert "−100" in people and "n 2" in people
    assert findings(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_builder_fits_a_small_phone(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], theme: str
) -> None:
    owner, organization = shop
    watched = page_as(owner, width=320, theme=theme)
    page = watched.page
    watched.open(f"/o/{organization.slug}/segments/new/")
    page.get_by_label("Condition", exact=True).select_option(label="Did one thing after another")
    page.get_by_role("button", name="Where a property is").first.click()
    page.wait_for_selector("[id='r-0.a-0.property']")
    page.get_by_role("button", name="Add group").click()
    page.wait_for_selector("[id='r-1-0.kind']")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    assert findings(page) == []


def test_segment_is_made_without_scripts(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    page = page_as(owner, scripts=False)
    page.open(f"/o/{organization.slug}/segments/new/")
    form = page.page
    form.fill("[name=name]", "Two purchases")
    form.select_option("[name='r-0.kind']", label="Did something")
    form.get_by_role("button", name="Show the fields of what I chose").click()
    form.fill("[name='r-0.a_event']", "Purchase")
    form.fill("[name='r-0.count']", "2")
    form.get_by_role("button", name="Count now").click()
    form.wait_for_selector("[data-count='4']")
    form.get_by_role("button", name="Make the segment").click()
    form.wait_for_url("**/segments/*-*/")
    with tenant(organization):
        assert Segment.objects.get().size == 4


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (320, "dark")])
def test_every_page_of_segments_and_personas_reads_well(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    owner, organization = shop
    actor = Actor.system("test")
    with tenant(organization):
        live = create_segment(actor=actor, name="Live", rule={"all": [{"event": "Purchase"}]})
        listed = create_segment(actor=actor, name="Listed", kind="static")
        claim = {"field": "name", "op": "starts_with", "value": "A", "at_least": 0.9}
        persona = create_persona(actor=actor, name="Bound", segment=live, claims=[claim])
    watched = page_as(owner, width=width, theme=theme)
    for path in (
        "segments/",
        f"segments/{live.pk}/",
        f"segments/{live.pk}/edit/",
        f"segments/{live.pk}/delete/",
        f"segments/{listed.pk}/",
        f"segments/{listed.pk}/delete/",
        "segments/new/?kind=static",
        f"personas/{persona.pk}/",
        f"personas/{persona.pk}/segment/",
        "personas/",
    ):
        assert watched.open(f"/o/{organization.slug}/{path}") == 200, path
        assert findings(watched.page) == [], path
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width, path
