"""The journey board in a real browser: moves by keyboard, menu and pointer, undo, both versions, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from apps.journeys.models import Card, JourneyVersion, Step
from apps.journeys.services import edit_card
from cxm.actor import Actor
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, an_organization
from tests.factories.maps import a_journey, a_touchpoint

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Watched]


@pytest.fixture
def board(page_as: OpenPage) -> Any:
    """A board of two steps, opened by a manager."""
    organization = an_organization("Nordwind")
    manager = a_member(organization, "manager")
    with tenant(organization):
        a_touchpoint("Website quote", key="quote")
        cards = [{"lane": "actions", "text": text} for text in ("Compares tariffs", "Calls a friend")]
        journey = a_journey(
            "Switching",
            stages=[
                {"name": "Decide", "steps": [{"name": "Decide", "cards": cards, "belief": 1}]},
                {"name": "Sign up", "steps": [{"name": "Sign up", "touchpoints": ["quote"], "belief": -1}]},
            ],
        )
    watched = page_as(manager, width=1400)
    watched.organization, watched.journey = organization, journey  # type: ignore[attr-defined]
    watched.url = reverse("journeys:detail", args=[organization.slug, journey.pk])  # type: ignore[attr-defined]
    assert watched.open(watched.url) == 200  # type: ignore[attr-defined]
    watched.page.wait_for_selector(".cx-km[role=button]")
    return watched


def cards(page: Any, column: int, lane: str = "actions") -> list[str]:
    """The texts of the cards in a lane of a column."""
    return page.locator(f"ul.cx-jc[data-lane={lane}]").nth(column).locator(".cx-k .cx-kt").all_inner_texts()


def saved(page: Any) -> None:
    """Wait until the server has taken everything."""
    page.wait_for_selector("#cx-saved[data-state=saved]:has-text('·')")


def menu(page: Any, text: str) -> Any:
    """The action button of a card."""
    return page.locator(f".cx-k:has-text('{text}') .cx-km")


def test_card_moved_by_keyboard_keeps_the_focus_and_is_there_after_a_reload(board: Any) -> None:
    page = board.page
    menu(page, "Calls a friend").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_selector("#cx-board-toast:has-text('Customer actions, Sign up, position 1')")
    assert "Calls a friend" in page.evaluate("document.activeElement.getAttribute('aria-label')")
    saved(page)
    page.reload()
    page.wait_for_selector(".cx-km[role=button]")
    assert (cards(page, 0), cards(page, 1)) == (["Compares tariffs"], ["Calls a friend"])
    page.keyboard.press("Control+z")
    page.wait_for_selector("#cx-board-toast:has-text('Undone')")
    assert cards(page, 0) == ["Calls a friend", "Compares tariffs"]
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("#cx-board-toast:has-text('Done again')")
    assert cards(page, 1) == ["Calls a friend"]


def test_card_is_moved_and_deleted_by_its_menu_and_brought_back(board: Any) -> None:
    page = board.page
    menu(page, "Calls a friend").click()
    page.locator("[data-board-menu=card] [data-do=up]").click()
    saved(page)
    assert cards(page, 0) == ["Calls a friend", "Compares tariffs"]
    menu(page, "Compares tariffs").click()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cx-board-toast:has-text('Deleted')")
    assert cards(page, 0) == ["Calls a friend"]
    page.locator("#cx-board-toast button").click()
    page.wait_for_selector("#cx-board-toast:has-text('Undone')")
    assert cards(page, 0) == ["Calls a friend", "Compares tariffs"]


def test_card_is_dragged_to_the_next_step(board: Any) -> None:
    page = board.page
    start = page.locator(".cx-k:has-text('Calls a friend')").bounding_box()
    end = page.locator("ul.cx-jc[data-lane=actions]").nth(1).bounding_box()
    page.mouse.move(start["x"] + 20, start["y"] + 10)
    page.mouse.down()
    page.mouse.move(start["x"] + 60, start["y"] + 12, steps=5)
    target = page.locator("ul.cx-jc[data-lane=actions]").nth(1)
    for nudge in range(100):
        page.mouse.move(end["x"] + 60 + nudge % 3, end["y"] + 20, steps=4)
        if target.locator(".cx-ghost").count():
            break
    page.mouse.up()
    page.wait_for_selector("#cx-board-toast:has-text('Sign up, position 1')")
    with tenant(board.organization):
        assert Card.objects.get(text="Calls a friend").step.name == "Sign up"


def test_cards_are_written_in_place_one_after_another(board: Any) -> None:
    page = board.page
    page.locator("ul.cx-jc[data-lane=thoughts]").first.hover()
    page.locator("ul.cx-jc[data-lane=thoughts] .cx-add").first.click()
    for text in ("Is this real?", "<b>So much?</b>"):
        page.keyboard.type(text)
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    saved(page)
    menu(page, "Is this real?").focus()
    page.keyboard.press("F2")
    page.keyboard.type("Is this the price?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#cx-board-toast:has-text('Changed')")
    page.reload()
    assert cards(page, 0, "thoughts") == ["Is this the price?", "<b>So much?</b>"]


def test_emotion_is_set_by_keyboard_and_by_pointer_while_the_line_follows(board: Any) -> None:
    page = board.page
    line = page.locator("polyline.cx-eline")
    before = line.get_attribute("points")
    slider = page.locator("[role=slider]").first
    slider.focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("ArrowDown")
    assert slider.get_attribute("aria-valuetext") == "neutral, +0.4"
    page.wait_for_selector("#cx-board-toast:has-text('+0.4')")
    box = page.locator("[role=slider]").nth(1).bounding_box()
    page.mouse.move(box["x"] + 7, box["y"] + 7)
    page.mouse.down()
    page.mouse.move(box["x"] + 7, box["y"] - 90, steps=6)
    assert line.get_attribute("points") != before
    page.mouse.up()
    page.wait_for_selector("#cx-board-toast:has-text('Sign up')")
    saved(page)
    with tenant(board.organization):
        assert Step.objects.get(name="Decide").belief == pytest.approx(0.4)
        assert Step.objects.get(name="Sign up").belief > 0


def test_stage_moves_with_its_column(board: Any) -> None:
    page = board.page
    page.locator("th[data-kind=stage] .cx-km").first.focus()
    page.keyboard.press("Alt+ArrowRight")
    page.wait_for_selector("thead tr:first-child th:nth-child(2) h2:has-text('Sign up')")
    page.wait_for_selector("#cx-board-toast:has-text('position 2')")
    assert cards(page, 1) == ["Compares tariffs", "Calls a friend"]


def test_both_versions_are_shown_and_nothing_is_overwritten(board: Any) -> None:
    page = board.page
    with tenant(board.organization):
        card = Card.objects.get(text="Calls a friend")
        edit_card(actor=Actor.system("Jonas"), journey=board.journey, card_id=card.pk, text="Calls her sister")
    menu(page, "Calls a friend").focus()
    page.keyboard.press("Alt+ArrowRight")
    dialog = page.locator("#cx-conflict[open]")
    dialog.wait_for()
    assert "Calls her sister" in dialog.inner_text()
    dialog.locator("[value=theirs]").click()
    assert cards(page, 0) == ["Compares tariffs", "Calls her sister"]
    with tenant(board.organization):
        assert Card.objects.get(pk=card.pk).step.name == "Decide"
    board.complaints[:] = [text for text in board.complaints if "412" not in text]


def test_changes_wait_while_the_network_is_away(board: Any) -> None:
    page = board.page
    page.context.set_offline(True)
    menu(page, "Calls a friend").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("#cx-saved:has-text('Offline, will retry')")
    page.context.set_offline(False)
    saved(page)
    with tenant(board.organization):
        assert Card.objects.get(text="Calls a friend").position == 0
    board.complaints[:] = [text for text in board.complaints if "ERR_INTERNET_DISCONNECTED" not in text]


def test_map_is_published_from_the_board(board: Any, findings: Callable[[Any], list[str]]) -> None:
    page = board.page
    assert findings(page) == []
    page.locator("a[data-dialog=cx-publish]").click()
    page.locator("#cx-publish textarea").fill("First picture of the team")
    page.locator("#cx-publish button.cx-btn-p").click()
    page.wait_for_selector("text=Version 1 is published.")
    with tenant(board.organization):
        assert JourneyVersion.objects.get().purpose == "First picture of the team"


def test_without_scripts_every_change_is_a_form(page_as: OpenPage) -> None:
    organization = an_organization("Nordwind")
    manager = a_member(organization, "manager")
    watched = page_as(manager, width=390, scripts=False)
    watched.open(reverse("journeys:create", args=[organization.slug]) + "?start=blank")
    page = watched.page
    page.fill("[name=name]", "Moving house")
    page.fill("[name=stages]", "Plan\nMove")
    page.click("main form button.cx-btn-p")
    page.click("a[href*='view=board']")
    page.click("a[aria-label='Add to Customer actions, Plan']")
    page.fill("[name=text]", "Packs boxes")
    page.click("main form button.cx-btn-p")
    page.click("a[aria-label='Actions for Packs boxes']")
    page.click("button[value=later]")
    page.wait_for_selector("text=position 1")
    assert cards(page, 1) == ["Packs boxes"]
    page.click("#cx-undo button")
    assert cards(page, 0) == ["Packs boxes"]
