"""The respondent's pages on a phone: with scripts and without, offline, by keyboard, in every question type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.organizations.models import Organization
from apps.surveys.links import respondent_token
from apps.surveys.models import Response, Survey
from apps.surveys.services import close_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import an_organization
from tests.factories.dispatch import an_invitation
from tests.factories.surveys import a_survey
from tests.surveys.test_respondent_pages import EVERY_TYPE, PAGES

pytestmark = pytest.mark.browser


def invited(organization: Organization, kind: str = "nps", **values: Any) -> str:
    """The address of a personal link."""
    with tenant(organization):
        invitation = an_invitation(a_survey(kind, **values))
    return f"/r/{respondent_token(organization.pk, invitation.pk)}/"


def scores(organization: Organization) -> list[int | None]:
    with tenant(organization):
        return list(Response.objects.values_list("score", flat=True))


def choose(page: Any, score: int) -> None:
    page.locator(f'input[name="q-score"][value="{score}"]').check(force=True)


def overflow(page: Any) -> int:
    """By how many pixels the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390])
def test_every_page_is_accessible_and_fits(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], theme: str, width: int
) -> None:
    organization = an_organization("Nordwind Energy")
    standard = invited(organization, languages=["en", "de", "ar"])
    watched = page_as(width=width, theme=theme)
    every_type = invited(organization, "custom", definition=EVERY_TYPE)
    for path in (
        f"{standard}?s=3",
        f"{standard}?lang=ar",
        every_type,
        invited(organization, "csat"),
        invited(organization, "ces"),
        f"{standard}done/",
        f"{standard}stop/",
        f"{standard}privacy/",
    ):
        assert watched.open(path) == 200
        assert findings(watched.page) == []
        assert overflow(watched.page) <= 0
    watched.open(every_type)
    watched.page.evaluate("document.querySelector('form').submit()")
    watched.page.wait_for_selector(".err")
    assert findings(watched.page) == []
    watched.complaints.clear()  # the browser's note that a page answered 422
    assert watched.gather() == []


@pytest.mark.parametrize(("width", "rows"), [(320, 2), (360, 1), (390, 1), (800, 1)])
def test_the_scale_is_one_row_from_360_pixels(page_as: Callable[..., Watched], width: int, rows: int) -> None:
    watched = page_as(width=width)
    watched.open(invited(an_organization("Acme")))
    boxes = [box.bounding_box() for box in watched.page.locator(".b").all()]
    assert len({round(box["y"]) for box in boxes}) == rows
    assert min(box["width"] for box in boxes) >= 24
    low, high = (watched.page.locator(f".{end}").bounding_box() for end in ("lo", "hi"))
    first, last = boxes[0], boxes[-1]
    assert low["y"] >= first["y"] + first["height"]
    assert high["y"] >= last["y"] + last["height"]
    assert abs(low["x"] - first["x"]) <= 1
    assert abs(high["x"] + high["width"] - last["x"] - last["width"]) <= 1


def test_a_phone_without_scripts_answers(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390, scripts=False)
    watched.open(f"{invited(organization)}?s=9")
    watched.page.get_by_label("What did we do especially well?").fill("Everything")
    watched.page.get_by_role("button", name="Send answer").click()
    watched.page.get_by_role("heading", name="Thank you").wait_for()
    assert scores(organization) == [9]


def test_the_open_question_follows_the_score(page_as: Callable[..., Watched]) -> None:
    watched = page_as(width=390)
    watched.open(invited(an_organization("Acme")))
    page = watched.page
    shown = page.locator(".w:visible")
    assert shown.inner_text() == "What is the main reason for your score?"
    for score, words in (
        (2, "What went wrong, and what should we fix first?"),
        (8, "What would have made it a 9 or 10?"),
        (10, "What did we do especially well?"),
    ):
        choose(page, score)
        assert shown.inner_text() == words


def test_a_draft_survives_a_reload_and_is_gone_once_sent(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    path = invited(organization)
    watched = page_as(width=390)
    watched.open(path)
    page = watched.page
    choose(page, 7)
    page.locator("textarea").fill("Half a thought")
    page.reload()
    assert page.locator("textarea").input_value() == "Half a thought"
    assert page.locator('input[value="7"]').is_checked()
    page.get_by_role("button", name="Send answer").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert page.evaluate("localStorage.length") == 0
    assert scores(organization) == [7]


def test_an_answer_given_offline_is_sent_when_the_connection_is_back(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    watched.open(invited(organization))
    page = watched.page
    choose(page, 4)
    page.context.set_offline(True)
    page.get_by_role("button", name="Send answer").click()
    page.get_by_text("No connection.").wait_for()
    assert scores(organization) == []
    page.context.set_offline(False)
    page.get_by_role("heading", name="Thank you").wait_for()
    assert scores(organization) == [4]
    watched.complaints.clear()  # the browser's note that it was offline


def test_a_refused_answer_shows_why_and_keeps_what_was_written(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    watched.open(invited(organization))
    page = watched.page
    page.locator("textarea").fill("No score yet")
    page.get_by_role("button", name="Send answer").click()
    page.get_by_role("alert").wait_for()
    assert page.locator("textarea").input_value() == "No score yet"
    assert page.evaluate("document.activeElement.name") == "q-score"
    choose(page, 5)
    page.get_by_role("button", name="Send answer").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert scores(organization) == [5]
    watched.complaints.clear()  # the browser's note that a page answered 422


def test_a_survey_that_was_closed_meanwhile_says_so(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    watched.open(invited(organization))
    choose(watched.page, 5)
    with tenant(organization):
        close_survey(actor=Actor.system("test"), survey=Survey.objects.get())
    watched.page.get_by_role("button", name="Send answer").click()
    watched.page.get_by_role("heading", name="This survey is closed").wait_for()
    assert scores(organization) == []
    watched.complaints.clear()  # the browser's note that a page answered 410


def test_pages_lead_on_and_back_by_keyboard(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    watched.open(invited(organization, "custom", definition=PAGES))
    page = watched.page
    page.locator('input[value="0"]').focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.get_by_text("2 of 2").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_text("1 of 2").wait_for()
    assert page.locator('input[value="2"]').is_checked()
    page.get_by_role("button", name="Next").click()
    page.get_by_label("What went wrong?").fill("Late")
    page.get_by_role("button", name="Send answer").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    assert scores(organization) == [2]


def test_a_provisional_score_needs_a_person_and_can_be_taken_back(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    Organization.objects.filter(pk=organization.pk).update(include_provisional=True)
    watched = page_as(width=390)
    watched.open(f"{invited(organization)}?s=9")
    page = watched.page
    page.mouse.click(5, 5)
    page.get_by_text("We noted 9.").wait_for()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("Taken back.").wait_for()
    assert scores(organization) == []
