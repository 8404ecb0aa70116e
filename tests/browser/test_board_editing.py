"""The journey board's further tools in a real browser: details, touchpoints from the library, lanes, undo, views."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.journeys.models import Card, Step, StepTouchpoint
from apps.journeys.services.edits import shown_lanes
from apps.touchpoints.models import Touchpoint
from cxm.scope import tenant
from tests.browser.test_board import OpenPage, board, cards, menu, saved
from tests.factories import a_member
from tests.factories.maps import a_touchpoint

pytestmark = pytest.mark.browser

__all__ = ["board"]


def test_details_are_saved_without_leaving_the_board(board: Any) -> None:
    page = board.page
    menu(page, "Calls a friend").click()
    page.locator("[data-board-menu=card] [data-do=details]").click()
    page.locator("#cx-item [name=text]").fill("Calls her sister")
    page.locator("#cx-item [name=evidence]").select_option("measured")
    page.locator("#cx-item [name=owner]").select_option(label="Manager")
    page.locator("#cx-item button[value=save]").click()
    card = page.locator(".cx-k:has-text('Calls her sister')")
    card.locator("[data-part=owner]").wait_for()
    assert card.locator("[data-part=evidence]").inner_text() == "measured"
    with tenant(board.organization):
        assert Card.objects.get(text="Calls her sister").owner is not None


def test_facts_of_a_step_are_set_by_its_menu(board: Any) -> None:
    page = board.page
    page.locator("th[data-kind=stage] .cx-km").first.click()
    page.locator("[data-board-menu=stage] [data-do=step-details]").click()
    page.locator("#cx-item [name=moment_of_truth][type=checkbox]").check()
    page.locator("#cx-item [name=evidence]").select_option("some")
    page.locator("#cx-item button[value=save]").click()
    page.wait_for_selector("th[data-kind=step] [data-part=mot]")
    saved(page)
    page.locator("th[data-kind=step] .cx-km").first.click()
    item = page.locator("[data-board-menu=step] [data-do=moment]")
    assert item.get_attribute("aria-checked") == "true"
    item.click()
    page.wait_for_selector("th[data-kind=step] [data-part=mot]", state="detached")
    with tenant(board.organization):
        assert Step.objects.get(name="Decide").evidence == "some"


def test_touchpoints_come_from_the_library_by_button_and_by_pointer(board: Any) -> None:
    with tenant(board.organization):
        for name in ("Hotline", "Branch"):
            a_touchpoint(name)
    page = board.page
    page.locator("ul.cx-jc[data-lane=touchpoints] .cx-add").first.evaluate("link => link.click()")
    page.locator("#cx-library-q").fill("hotl")
    page.wait_for_selector("[data-offers] li:only-child:has-text('Hotline')")
    page.locator("[data-offers] button").click()
    first = page.locator("ul.cx-jc[data-lane=touchpoints]").first
    first.locator(".cx-k:has-text('Hotline')").wait_for()
    page.locator("#cx-library-q").fill("branch")
    offer = page.locator("[data-offers] li:only-child:has-text('Branch')")
    offer.wait_for()
    start, end = offer.bounding_box(), first.bounding_box()
    page.mouse.move(start["x"] + 30, start["y"] + 12)
    page.mouse.down()
    page.mouse.move(start["x"] + 10, start["y"] + 16, steps=5)
    for nudge in range(100):
        page.mouse.move(end["x"] + 60 + nudge % 3, end["y"] + 20, steps=4)
        if first.locator(".cx-ghost").count():
            break
    page.mouse.up()
    first.locator(".cx-k[id]:has-text('Branch')").wait_for()
    with tenant(board.organization):
        assert StepTouchpoint.objects.filter(step__name="Decide").count() == 2


def test_new_touchpoint_is_made_while_it_is_placed(board: Any) -> None:
    page = board.page
    page.locator("ul.cx-jc[data-lane=touchpoints] .cx-add").first.evaluate("link => link.click()")
    page.locator("#cx-library-name").fill("Night desk")
    page.locator("#cx-library-channel").select_option("phone")
    page.locator("#cx-library-new button").click()
    page.locator("ul.cx-jc[data-lane=touchpoints]").first.locator(".cx-k:has-text('Night desk')").wait_for()
    with tenant(board.organization):
        assert Touchpoint.objects.get(name="Night desk").channel == "phone"


def test_lanes_are_added_renamed_and_moved_and_undone_after_a_reload(board: Any) -> None:
    page = board.page
    page.locator("[data-lane-form] button:has-text('Backstage')").click()
    page.wait_for_selector("th[data-kind=lane][data-id=backstage]")
    page.locator("th[data-id=backstage] .cx-km").focus()
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("tr[data-row=backstage] + tr[data-row=opportunities]")
    page.locator("th[data-id=backstage] .cx-km").focus()
    page.keyboard.press("F2")
    page.keyboard.type("Behind the counter")
    page.keyboard.press("Enter")
    page.wait_for_selector("th[data-id=backstage] .cx-kt:has-text('Behind the counter')")
    saved(page)
    page.reload()
    page.wait_for_selector(".cx-km[role=button]")
    for selector in (
        "th[data-id=backstage] .cx-kt:has-text('Backstage')",
        "tr[data-row=opportunities] + tr[data-row=backstage]",
        "tbody:not(:has(th[data-id=backstage]))",
    ):
        page.keyboard.press("Control+z")
        page.wait_for_selector(selector)
    with tenant(board.organization):
        board.journey.refresh_from_db()
        assert [lane["key"] for lane in shown_lanes(board.journey)][-1] == "opportunities"


def test_card_goes_to_another_lane_by_keyboard(board: Any) -> None:
    page = board.page
    menu(page, "Calls a friend").focus()
    page.keyboard.press("Alt+Shift+ArrowDown")
    page.wait_for_selector("#cx-board-toast:has-text('Thoughts')")
    assert cards(page, 0, "thoughts") == ["Calls a friend"]
    assert "cx-k-th" in page.locator(".cx-k:has-text('Calls a friend')").get_attribute("class")
    with tenant(board.organization):
        assert Card.objects.get(text="Calls a friend").lane == "thoughts"


@pytest.mark.parametrize(("width", "theme"), [(1400, "dark"), (390, "light"), (320, "light")])
def test_every_view_is_accessible_and_fits(
    board: Any, page_as: OpenPage, findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    watched = page_as(a_member(board.organization, "manager", name="Ada"), width=width, theme=theme)
    for view in ("board", "table", "matrix"):
        watched.open(f"{board.url}?view={view}")
        assert findings(watched.page) == []
        assert watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    watched.open(f"{board.url}lanes/")
    assert findings(watched.page) == []
