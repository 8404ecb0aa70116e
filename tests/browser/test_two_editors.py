"""Two people on one map, each in a browser of their own: each sees what the other does, and no keystroke is lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from apps.journeys.drafts import read_draft
from apps.journeys.models import Card, Step
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, an_organization
from tests.factories.maps import a_journey, a_touchpoint

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Watched]
SEEN_WITHIN_MS = 2000


@pytest.fixture
def two(page_as: OpenPage) -> Any:
    """Mira's and Jonas's boards of the same map: (Mira's page, Jonas's page, the rest)."""
    organization = an_organization("Nordwind")
    people = [a_member(organization, "manager", name=name) for name in ("Mira Lund", "Jonas Berg")]
    with tenant(organization):
        a_touchpoint("Website quote", key="quote")
        cards = [{"lane": "actions", "text": text} for text in ("Compares tariffs", "Calls a friend", "Reads reviews")]
        journey = a_journey(
            "Switching",
            stages=[
                {"name": "Decide", "steps": [{"name": "Decide", "cards": cards, "belief": 1}]},
                {"name": "Sign up", "steps": [{"name": "Sign up", "touchpoints": ["quote"], "belief": -1}]},
            ],
        )
    boards = [page_as(person, width=1400) for person in people]
    for board in boards:
        board.organization, board.journey = organization, journey  # type: ignore[attr-defined]
        assert board.open(reverse("journeys:detail", args=[organization.slug, journey.pk])) == 200
        board.page.wait_for_selector(".cx-km[role=button]")
    return boards


def cards(page: Any, column: int, lane: str = "actions") -> list[str]:
    """The texts of the cards in a lane of a column."""
    return page.locator(f"ul.cx-jc[data-lane={lane}]").nth(column).locator(".cx-k .cx-kt").all_inner_texts()


def menu(page: Any, text: str) -> Any:
    """The action button of a card."""
    return page.locator(f".cx-k:has-text('{text}') .cx-km")


def saved(page: Any) -> None:
    """Wait until the server has taken everything."""
    page.wait_for_selector("#cx-saved[data-state=saved]:has-text('·')")


def write(page: Any, text: str, new: str) -> None:
    """Reword a card and leave the box."""
    menu(page, text).focus()
    page.keyboard.press("F2")
    page.keyboard.type(new)
    page.keyboard.press("Enter")


def in_database(board: Any, step: str = "Decide") -> list[str]:
    """What the actions lane of a step says in the draft."""
    with tenant(board.organization):
        found = read_draft(board.journey).content["stages"]
    return [card["text"] for stage in found for row in stage["steps"] if row["name"] == step for card in row["cards"]]


def test_each_sees_the_others_changes_in_time_with_the_name(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    write(mira, "Calls a friend", "Calls her sister")
    saved(mira)
    started = time.monotonic()
    jonas.wait_for_selector(".cx-k[data-by='Mira Lund']:has-text('Calls her sister')", timeout=SEEN_WITHIN_MS)
    seen = time.monotonic() - started
    menu(jonas, "Reads reviews").focus()
    jonas.keyboard.press("Alt+ArrowRight")
    saved(jonas)
    mira.wait_for_selector(
        "ul.cx-jc[data-lane=actions]:below(thead) >> .cx-k[data-by='Jonas Berg']:has-text('Reads reviews')",
        timeout=SEEN_WITHIN_MS,
    )
    assert seen < SEEN_WITHIN_MS / 1000
    for page in (mira, jonas):
        assert (cards(page, 0), cards(page, 1)) == (["Compares tariffs", "Calls her sister"], ["Reads reviews"])
    assert "Mira Lund" in jonas.locator("#cx-here").inner_text()
    assert jonas.locator("#cx-news").inner_text().startswith("Mira Lund: Changed")


def test_belief_facts_and_lanes_arrive_as_well(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    jonas.locator("[role=slider]").first.focus()
    jonas.keyboard.press("End")
    mira.wait_for_selector("[role=slider][aria-valuetext='very good, +2']", timeout=SEEN_WITHIN_MS + 1000)
    menu(jonas, "Compares tariffs").click()
    jonas.locator("[data-board-menu=card] [data-value=measured]").click()
    mira.wait_for_selector(".cx-k:has-text('Compares tariffs') [data-part=evidence]:has-text('measured')")
    jonas.locator("[data-lane-form] button:has-text('Backstage')").click()
    mira.wait_for_selector("th[data-kind=lane][data-id=backstage]")
    jonas.locator("th[data-kind=stage] .cx-km").first.focus()
    jonas.keyboard.press("Alt+ArrowRight")
    mira.wait_for_selector("thead tr:first-child th:nth-child(2) h2:has-text('Sign up')")
    assert cards(mira, 1) == ["Compares tariffs", "Calls a friend", "Reads reviews"]


def test_what_somebody_is_writing_stays_while_others_move_cards_and_columns(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    menu(mira, "Calls a friend").focus()
    mira.keyboard.press("F2")
    mira.keyboard.type("Calls her ")
    menu(jonas, "Calls a friend").focus()
    jonas.keyboard.press("Alt+ArrowUp")
    write(jonas, "Compares tariffs", "Compares prices")
    saved(jonas)
    mira.wait_for_selector(".cx-k:has-text('Compares prices')")
    mira.keyboard.type("older ")
    jonas.locator(".cx-jplus .cx-add-i").click()
    jonas.keyboard.type("Leave")
    jonas.keyboard.press("Enter")
    mira.wait_for_selector("h2:has-text('Leave')")
    mira.keyboard.type("sister")
    assert mira.evaluate("document.activeElement.value") == "Calls her older sister"
    mira.keyboard.press("Enter")
    saved(mira)
    assert in_database(two[0]) == ["Calls her older sister", "Compares prices", "Reads reviews"]
    jonas.wait_for_selector(".cx-k:has-text('Calls her older sister')")


def test_a_new_card_is_written_on_while_the_columns_move(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    mira.locator("ul.cx-jc[data-lane=thoughts]").first.hover()
    mira.locator("ul.cx-jc[data-lane=thoughts] .cx-add").first.click()
    mira.keyboard.type("Is this ")
    jonas.locator("th[data-kind=stage] .cx-km").first.focus()
    jonas.keyboard.press("Alt+ArrowRight")
    mira.wait_for_selector("thead tr:first-child th:nth-child(2) h2:has-text('Sign up')")
    mira.keyboard.type("real?")
    mira.keyboard.press("Enter")
    mira.keyboard.press("Escape")
    saved(mira)
    with tenant(two[0].organization):
        assert Card.objects.get(text="Is this real?").step.name == "Decide"


def test_both_texts_of_one_card_are_kept_and_shown(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    menu(mira, "Calls a friend").focus()
    mira.keyboard.press("F2")
    mira.keyboard.type("Calls her sister")
    write(jonas, "Calls a friend", "Calls his brother")
    saved(jonas)
    jonas.wait_for_selector(".cx-k[data-writer*='Mira Lund']")
    mira.keyboard.press("Enter")
    dialog = mira.locator("#cx-conflict[open]")
    dialog.wait_for()
    assert "Calls her sister" in dialog.inner_text()
    assert "Calls his brother" in dialog.inner_text()
    assert in_database(two[0])[1] == "Calls his brother"
    dialog.locator("[value=mine]").click()
    saved(mira)
    jonas.wait_for_selector(".cx-k:has-text('Calls her sister')")
    two[0].complaints[:] = [text for text in two[0].complaints if "412" not in text]


def test_text_on_a_card_that_somebody_deletes_is_given_back(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    menu(mira, "Calls a friend").focus()
    mira.keyboard.press("F2")
    mira.keyboard.type("Calls her sister in Berlin")
    menu(jonas, "Compares tariffs").focus()
    jonas.keyboard.press("Alt+ArrowRight")
    write(jonas, "Reads reviews", "Reads two reviews")
    menu(jonas, "Calls a friend").focus()
    jonas.keyboard.press("Delete")
    saved(jonas)
    mira.wait_for_selector(".cx-k:has-text('Reads two reviews')")
    mira.wait_for_function("document.querySelector('cx-board').revision >= 4")
    assert mira.evaluate("document.activeElement.value") == "Calls her sister in Berlin"
    mira.keyboard.press("Enter")
    dialog = mira.locator("#cx-conflict[open]")
    dialog.wait_for()
    assert "Calls her sister in Berlin" in dialog.inner_text()
    assert "Jonas Berg" in dialog.inner_text()
    dialog.locator("[value=mine]").click()
    saved(mira)
    jonas.wait_for_selector(".cx-k:has-text('Calls her sister in Berlin')")
    assert in_database(two[0]) == ["Reads two reviews", "Calls her sister in Berlin"]


def test_text_in_a_step_that_somebody_deletes_is_given_back(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    mira.locator("ul.cx-jc[data-lane=thoughts]").first.hover()
    mira.locator("ul.cx-jc[data-lane=thoughts] .cx-add").first.click()
    mira.keyboard.type("Too expensive?")
    jonas.locator("th[data-kind=stage] .cx-km").first.focus()
    jonas.keyboard.press("Delete")
    dialog = mira.locator("#cx-conflict[open]")
    dialog.wait_for()
    assert "Too expensive?" in dialog.inner_text()
    dialog.locator("[value=mine]").click()
    saved(mira)
    with tenant(two[0].organization):
        assert Card.objects.get(text="Too expensive?").step.name == "Sign up"
        assert not Step.objects.filter(name="Decide").exists()


def test_many_changes_at_once_leave_both_boards_and_the_map_the_same(two: Any) -> None:
    mira, jonas = (board.page for board in two)
    for number in range(4):
        menu(mira, "Reads reviews").focus()
        mira.keyboard.press("Alt+ArrowUp" if number % 2 == 0 else "Alt+ArrowDown")
        menu(jonas, "Compares tariffs").focus()
        jonas.keyboard.press("Alt+ArrowDown" if number % 2 == 0 else "Alt+ArrowUp")
        for page, who in ((mira, "Mira"), (jonas, "Jonas")):
            page.locator("ul.cx-jc[data-lane=pain_points] .cx-add").first.evaluate("link => link.click()")
            page.keyboard.type(f"{who} {number}")
            page.keyboard.press("Enter")
            page.keyboard.press("Escape")
    for page in (mira, jonas):
        saved(page)
    with tenant(two[0].organization):
        two[0].journey.refresh_from_db()
        found = read_draft(two[0].journey).content["stages"][0]["steps"][0]["cards"]
    expected = {lane: [card["text"] for card in found if card["lane"] == lane] for lane in ("actions", "pain_points")}
    assert len(expected["pain_points"]) == 8
    for page in (mira, jonas):
        page.wait_for_function(
            "revision => document.querySelector('cx-board').revision >= revision", arg=two[0].journey.revision
        )
        assert {lane: cards(page, 0, lane) for lane in expected} == expected
