"""A persona edited by two at once, a colleague called upon by keyboard, and every page of it in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.comments.models import CommentMention
from apps.organizations.models import Organization
from apps.personas.models import Persona
from apps.personas.services import publish_persona, update_persona
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, a_person, an_organization
from tests.factories.comments import a_comment
from tests.factories.maps import a_persona

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")
SAVED = "#cx-saved[data-state=saved]"


@pytest.fixture
def place(transactional_db: None) -> tuple[Any, Organization, Persona]:
    owner = a_person("Olga Owner")
    organization = an_organization("Nordwind", owner=owner)
    with tenant(organization):
        persona = a_persona("Lena", needs=["One", "Two"], tagline="young family")
    return owner, organization, persona


def address(organization: Organization, persona: Persona, path: str = "") -> str:
    return f"/o/{organization.slug}/personas/{persona.pk}/{path}"


def now_of(organization: Organization, persona: Persona) -> Persona:
    with tenant(organization):
        return Persona.objects.get(pk=persona.pk)


def test_editor_saves_by_itself_moves_by_keyboard_and_undoes(
    place: tuple[Any, Organization, Persona], page_as: Callable[..., Any]
) -> None:
    owner, organization, persona = place
    watched = page_as(owner)
    watched.open(address(organization, persona, "edit/"))
    page = watched.page
    page.fill("#id_quote", "I want to know what it costs.")
    page.wait_for_selector(SAVED)
    assert now_of(organization, persona).quote == "I want to know what it costs."
    more = page.locator("#n-needs")
    more.fill("Three")
    more.press("Enter")
    page.wait_for_function("document.querySelectorAll('#s-needs [data-line]').length === 3")
    third = page.locator("#s-needs [data-line] input").nth(2)
    third.focus()
    third.press("Alt+ArrowUp")
    page.wait_for_function("document.querySelectorAll('#s-needs [data-line] input')[1].value === 'Three'")
    page.wait_for_selector(SAVED)
    page.locator("#s-needs [data-line]").nth(0).locator("[data-menu]").click()
    with page.expect_response("**/fields/needs/"):
        page.locator("#s-needs [data-line]").nth(0).locator("[data-do=remove]").click()
    page.wait_for_selector(SAVED)
    assert now_of(organization, persona).fields["needs"] == ["Three", "Two"]
    with page.expect_navigation():
        page.click("#cx-undo")
    assert now_of(organization, persona).fields["needs"] == ["One", "Three", "Two"]
    page.fill("#id_name", "")
    page.wait_for_selector("#cx-saved[data-state=refused]")
    assert now_of(organization, persona).name == "Lena"
    watched.complaints[:] = [text for text in watched.complaints if "422" not in text]


def test_second_browser_sees_both_values_and_chooses(
    place: tuple[Any, Organization, Persona], page_as: Callable[..., Any]
) -> None:
    owner, organization, persona = place
    first, second = page_as(owner), page_as(a_member(organization, "manager"))
    for watched in (first, second):
        watched.open(address(organization, persona, "edit/"))
    first.page.fill("#id_quote", "Mine was first")
    first.page.wait_for_selector(SAVED)
    second.page.fill("#id_quote", "Mine was second")
    second.page.wait_for_selector("#cx-conflict[open]")
    shown = second.page.inner_text("#cx-conflict")
    assert "Mine was first" in shown and "Mine was second" in shown
    assert now_of(organization, persona).quote == "Mine was first", "nothing is overwritten"
    second.page.click("#cx-conflict button[value=theirs]")
    assert second.page.input_value("#id_quote") == "Mine was first"
    second.page.fill("#n-needs", "Three")
    second.page.press("#n-needs", "Enter")
    second.page.wait_for_selector(SAVED)
    first.page.fill("#n-needs", "Four")
    first.page.press("#n-needs", "Enter")
    first.page.wait_for_selector("#cx-conflict[open]")
    with first.page.expect_response("**/fields/needs/"):
        first.page.click("#cx-conflict button[value=both]")
    first.page.wait_for_selector(SAVED)
    assert now_of(organization, persona).fields["needs"] == ["One", "Two", "Three", "Four"]
    for watched in (first, second):
        watched.complaints[:] = [text for text in watched.complaints if "412" not in text]


def test_colleague_is_called_upon_by_keyboard(
    place: tuple[Any, Organization, Persona], page_as: Callable[..., Any]
) -> None:
    owner, organization, persona = place
    ada = a_member(organization, "manager", name="Ada Blum")
    watched = page_as(owner)
    watched.open(address(organization, persona))
    page = watched.page
    page.locator("#t-new").press_sequentially("Look, @ad")
    page.wait_for_selector("#cx-people [role=option]")
    page.keyboard.press("Enter")
    assert page.input_value("#t-new") == "Look, @Ada Blum "
    page.keyboard.type("please")
    page.click("#comments form button:has-text('Comment')")
    page.wait_for_selector("mark.cx-at")
    assert page.inner_text("mark.cx-at") == "@Ada Blum"
    with tenant(organization):
        assert CommentMention.objects.get().user == ada
    reader = page_as(ada)
    reader.open(f"/o/{organization.slug}/mentions/")
    reader.page.click("a:has-text('Open: Lena')")
    reader.page.wait_for_selector("mark.cx-at")
    assert "#c-" in reader.page.url


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_pages_have_nothing_for_axe(
    place: tuple[Any, Organization, Persona], page_as: Callable[..., Any], findings: Any, width: int, theme: str
) -> None:
    owner, organization, persona = place
    with tenant(organization):
        update_persona(
            actor=SYSTEM,
            persona=persona,
            owner=str(owner.pk),
            review_date="2026-01-01",
            backing=[{"section": "needs", "line": "One", "text": "12 interviews", "level": "measured"}],
        )
        publish_persona(actor=SYSTEM, persona=persona, purpose="First")
        anti = a_persona("Kevin", kind="anti", reason="Costs more than he brings")
        publish_persona(actor=SYSTEM, persona=anti, purpose="First")
        first = a_comment("Is @Olga still right?", thing=persona)
        a_comment("She is.", thing=persona, parent=first)
    watched = page_as(owner, width=width, theme=theme)
    base = f"/o/{organization.slug}/"
    for path in (
        "personas/",
        f"personas/{persona.pk}/",
        f"personas/{persona.pk}/edit/",
        f"personas/{persona.pk}/evidence/?section=needs&line=One",
        f"personas/{persona.pk}/versions/",
        f"personas/compare/?a={persona.pk}&b={anti.pk}",
        "our-customer/",
        "reviews/",
        "mentions/",
    ):
        assert watched.open(base + path) == 200
        assert findings(watched.page) == [], path
        wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
