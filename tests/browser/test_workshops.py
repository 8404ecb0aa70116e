"""A workshop in real browsers: a host and guests draw and vote at the same time; phones, themes, the end."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.journeys.models import Card, MapChange
from apps.workshops import services
from apps.workshops.models import Workshop, WorkshopGuest
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories.workshops import a_round
from tests.workshops.conftest import Room, a_room

pytestmark = pytest.mark.browser

OpenPage = Callable[..., Watched]
Findings = Callable[[Any], list[str]]


@pytest.fixture
def room(transactional_db: None) -> Room:
    return a_room("Nordwind", title="Moving in, 12 May")


def join(watched: Watched, room: Room, name: str) -> Any:
    """Come in by the code, as people do."""
    page = watched.page
    watched.open("/w/")
    page.get_by_label("Code of the workshop").fill(room.code.upper())
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join").click()
    page.wait_for_url("**/map/**")
    return page


def keep_picture(page: Any, name: str) -> None:
    """A screenshot to look at, where CXM_SCREENSHOTS says so."""
    if folder := os.environ.get("CXM_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_three_people_write_at_the_same_time_and_no_keystroke_is_lost(page_as: OpenPage, room: Room) -> None:
    """Letter by letter in turn, into one lane of one step; then each rewords a card while the others look on."""
    host = page_as(room.host)
    host.open(f"/o/{room.organization.slug}/journeys/{room.journey.pk}/?view=board")
    gina, ben = join(page_as(), room, "Gina"), join(page_as(), room, "Ben")
    for guest in (gina, ben):
        guest.goto(f"{host.base}{room.door}map/?view=board")
    pages = [host.page, gina, ben]
    texts = ["Host: keys, naïve & <b>bold</b>?", "Gina: the letter came too late!", "Ben: 12 calls, “nobody” home…"]
    for page in pages:
        page.locator("ul[data-lane=thoughts] a.cx-add").first.click()
        page.wait_for_selector("ul[data-lane=thoughts] textarea")
    for letters in zip_longest(*texts):
        for page, letter in zip(pages, letters, strict=True):
            if letter:
                page.keyboard.type(letter)
    for page in pages:
        page.keyboard.press("Enter")
    for page in pages:
        for text in texts:
            page.locator("ul[data-lane=thoughts] .cx-kt").get_by_text(text, exact=True).wait_for()
    with tenant(room.organization):
        saved = Card.objects.filter(step__stage__journey=room.journey, lane="thoughts")
        assert sorted(saved.values_list("text", flat=True)) == sorted(texts)
        names = MapChange.objects.filter(journey=room.journey).values_list("actor_name", flat=True)
        assert sorted(names) == ["Ben", "Gina", "Hanna Host"]
    own = ["Prices are hidden", "Nobody answers", "The key is late"]
    for page, text in zip(pages, own, strict=True):
        page.keyboard.press("Escape")
        page.locator(".cx-kt").get_by_text(text, exact=True).dblclick()
        page.keyboard.press("End")
    for letter in " and that hurts":
        for page in pages:
            page.keyboard.type(letter)
    for page in pages:
        page.keyboard.press("Enter")
    for page in pages:
        for text in own:
            page.locator(".cx-kt").get_by_text(f"{text} and that hurts", exact=True).wait_for()
    keep_picture(gina, "three-write")


def test_guests_and_host_vote_in_secret_and_see_the_result_together(page_as: OpenPage, room: Room) -> None:
    host = page_as(room.host)
    gina, ben = join(page_as(width=390), room, "Gina"), join(page_as(), room, "Ben")
    host.open(room.base)
    page = host.page
    page.get_by_label("Question").fill("Which pain first?")
    page.get_by_label("Pain points").check()
    page.get_by_label("Dots per person").fill("3")
    page.get_by_role("button", name="Open the vote").click()
    for guest in (gina, ben):
        guest.get_by_role("link", name="Vote: Which pain first?").click()
        guest.wait_for_selector("#cx-ballot")
    for _dot in range(2):
        gina.get_by_role("button", name="Give a dot to Nobody answers").click()
    gina.wait_for_selector("#cx-left:has-text('1 of 3 dots left')")
    ben.get_by_role("button", name="Give a dot to Nobody answers").press("Enter")
    ben.wait_for_selector("#cx-left:has-text('2 of 3 dots left')")
    ben.get_by_role("button", name="Give a dot to The key is late").click()
    ben.wait_for_selector("#cx-left:has-text('1 of 3 dots left')")
    assert ben.locator("output").all_inner_texts() == ["0", "1", "1"]
    assert gina.locator("output").all_inner_texts() == ["0", "2", "0"]
    keep_picture(gina, "vote-phone")
    page.get_by_role("button", name="Reveal").click()
    page.wait_for_url("**/votes/1/")
    first = page.locator("ol .cx-wthing").first.inner_text().split()
    assert first == ["Place", "1", "Nobody", "answers", "Compare", "3", "dots", "from", "2", "people"]
    gina.wait_for_selector("#cx-left:has-text('This vote is over.')")
    gina.get_by_role("link", name="Result: Which pain first?").click()
    gina.wait_for_selector("text=2 people voted")
    keep_picture(gina, "result-phone")
    ben.goto(f"{host.base}{room.door}map/?view=board")
    ben.get_by_role("img", name="Dots of the last vote: 3").wait_for()
    assert ben.locator(".cx-k", has_text="Nobody answers").locator("[data-cast]").inner_text() == "● 3"
    keep_picture(ben, "dots-on-board")


def test_the_timer_is_the_same_for_all_and_its_end_is_said(page_as: OpenPage, room: Room) -> None:
    host = page_as(room.host)
    gina = join(page_as(), room, "Gina")
    host.open(f"/o/{room.organization.slug}/journeys/{room.journey.pk}/?view=board")
    page = host.page
    page.get_by_label("Minutes", exact=True).fill("2")
    page.get_by_role("button", name="Start the timer").click()
    page.wait_for_selector("#cx-workshop[data-timer=running] [data-left]:has-text('1:5')")
    gina.wait_for_selector("#cx-workshop[data-timer=running] [data-left]:has-text('1:5')")

    def seconds(where: Any) -> int:
        minutes, rest = where.locator("[data-left]").inner_text().split(":")
        return int(minutes) * 60 + int(rest)

    assert abs(seconds(page) - seconds(gina)) <= 1
    page.get_by_role("button", name="Pause the timer").click()
    gina.wait_for_selector("#cx-workshop[data-timer=paused]")
    page.get_by_role("button", name="Go on").click()
    gina.wait_for_selector("#cx-workshop[data-timer=running]")
    with tenant(room.organization):
        Workshop.objects.update(timer_ends_at=timezone.now() + timedelta(seconds=1))
    gina.wait_for_selector("#cx-workshop [role=status]:has-text('Time is up.')", state="attached")
    assert gina.locator("#cx-workshop [data-left]").inner_text() == "time is up"


def test_when_the_host_ends_it_guests_are_told_and_what_they_type_stays(page_as: OpenPage, room: Room) -> None:
    watched = page_as()
    gina = join(watched, room, "Gina")
    gina.goto(f"{watched.base}{room.door}map/?view=board")
    gina.locator("a.cx-add[data-inline=card]").first.click()
    gina.keyboard.type("Half a sentence")
    with tenant(room.organization):
        services.end_workshop(actor=room.actor, workshop=room.workshop)
    gina.wait_for_selector("#cx-toasts :text('The workshop has ended.')")
    assert gina.locator("textarea").input_value() == "Half a sentence"
    gina.locator("textarea").press("Enter")
    gina.wait_for_selector("[data-kept] textarea")
    assert gina.locator("[data-kept] textarea").input_value() == "Half a sentence"
    watched.complaints[:] = [text for text in watched.complaints if "403" not in text]


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_no_page_of_a_workshop_has_a_finding(
    page_as: OpenPage, room: Room, findings: Findings, width: int, theme: str
) -> None:
    with tenant(room.organization):
        services.start_timer(actor=room.actor, workshop=room.workshop, minutes=12)
        a_round(room.workshop, question="Which pain point do we solve first?", lanes=["pain_points", "steps"])
    guest = page_as(width=width, theme=theme)
    host = page_as(room.host, width=width, theme=theme)

    def judge(watched: Watched, path: str, name: str) -> None:
        watched.open(path)
        watched.page.wait_for_load_state("networkidle")
        keep_picture(watched.page, f"{name}-{width}-{theme}")
        assert findings(watched.page) == [], path
        wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide"

    judge(guest, "/w/", "enter")
    judge(guest, room.door, "join")
    join(guest, room, "Gina with a rather long name")
    judge(guest, f"{room.door}map/?view=table", "map-table")
    judge(guest, f"{room.door}map/?view=board", "map-board")
    judge(guest, f"{room.door}map/cards/{room.cards()[0]}/", "card")
    judge(guest, f"{room.door}vote/", "vote")
    judge(host, room.base, "host")
    judge(host, f"{room.base}screen/", "screen")
    with tenant(room.organization):
        services.set_dots(actor=room.actor, round=room.workshop.rounds.get(), thing=room.cards()[0], dots=2)
        services.reveal_round(actor=room.actor, round=room.workshop.rounds.get())
    judge(guest, f"{room.door}votes/1/", "result")
    with tenant(room.organization):
        services.end_workshop(actor=room.actor, workshop=room.workshop)
    judge(host, room.base, "start")
    judge(host, f"{room.base}{room.workshop.pk}/", "past")
    guest.open(f"{room.door}map/")
    keep_picture(guest.page, f"ended-{width}-{theme}")
    assert findings(guest.page) == []
    for watched in (guest, host):  # the pages that were open when it ended asked once more
        watched.complaints[:] = [text for text in watched.complaints if "status of 40" not in text]


def test_a_guest_joins_and_votes_without_scripts(page_as: OpenPage, room: Room) -> None:
    with tenant(room.organization):
        a_round(room.workshop, question="Which first?", lanes=["pain_points"])
        services.start_timer(actor=room.actor, workshop=room.workshop, minutes=12)
    gina = join(page_as(width=390, scripts=False), room, "Gina")
    assert "ends at" in gina.locator("[data-left]").inner_text()
    gina.get_by_role("link", name="Vote: Which first?").click()
    gina.get_by_role("button", name="Give a dot to The key is late").click()
    assert gina.locator("output").all_inner_texts() == ["0", "0", "1"]
    with tenant(room.organization):
        assert WorkshopGuest.objects.get().name == "Gina"
