"""Every question type in a browser: by keyboard alone, in every theme and width, with files, and in how many bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from apps.organizations.models import Organization
from apps.surveys.live import tell_processes
from apps.surveys.models import Response, ResponseFile, Survey
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.browser.test_respondents import invited, overflow
from tests.factories import an_organization
from tests.factories.surveys import a_survey
from tests.surveys.test_respondent_pages import EVERY_TYPE

pytestmark = pytest.mark.browser
LONG = "A label of a choice that goes on for so long that it has to be broken on a narrow telephone"


def every_type(language: str = "en") -> dict[str, Any]:
    """All question types on one page, and a second page, in a language; with rows and choices of a matrix that wrap."""
    known = [
        {**question, "title": {language: question["title"]["en"]}} for question in EVERY_TYPE["pages"][0]["questions"]
    ]
    for question in known:
        for part in ("choices", "rows"):
            if part in question:
                question[part] = [{"id": entry["id"], "label": {language: LONG}} for entry in question[part]]
    labels = {str(point): {language: f"Words {point}"} for point in range(1, 6)}
    more = [
        {"id": "csat", "type": "csat", "title": {language: "CSAT"}, "labels": labels},
        {"id": "ces", "type": "ces", "title": {language: "CES"}, "labels": {k: labels[k] for k in ("1",)}},
        {"id": "photo", "type": "file", "title": {language: "Photo"}},
        {"id": "ten", "type": "rating", "scale": 10, "title": {language: "Ten"}},
    ]
    last = [{"id": "end", "type": "text", "title": {language: "{{ answers.nps }} it is. Why?"}}]
    return {"languages": [language], "pages": [{"questions": [*known, *more]}, {"questions": last}]}


def a_photo() -> dict[str, Any]:
    out = BytesIO()
    Image.new("RGB", (20, 20), "teal").save(out, "PNG")
    return {"name": "shelf.png", "mimeType": "image/png", "buffer": out.getvalue()}


def open_address(organization: Organization, definition: dict[str, Any]) -> str:
    with tenant(organization):
        return f"/s/{organization.slug}/{a_survey('custom', definition=definition).slug}/"


@pytest.mark.parametrize("language", ["en", "ar", "he"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_type_is_accessible_and_fits_in_every_direction(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], theme: str, language: str
) -> None:
    organization = an_organization("Nordwind Energy")
    path = open_address(organization, every_type(language))
    for width in (320, 390):
        watched = page_as(width=width, theme=theme)
        watched.open(path)
        page = watched.page
        assert findings(page) == []
        assert overflow(page) <= 0
        page.evaluate("document.querySelector('form').submit()")
        page.wait_for_selector(".err")
        assert findings(page) == []
        page.locator('input[name="q-nps"][value="7"]').check(force=True)
        page.locator("button:not(.back)").first.click()
        page.wait_for_selector("details")
        page.locator("summary").click()
        assert findings(page) == []
        assert overflow(page) <= 0
        watched.complaints.clear()  # the browser's note that a page answered 422


def test_pages_hold_at_double_size_and_in_forced_colours(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]]
) -> None:
    path = open_address(an_organization("Acme"), every_type())
    watched = page_as(width=640)
    page = watched.page
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    watched.open(path)
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow(page) <= 0
    assert findings(page) == []
    chosen, other = (page.locator(f'input[name="q-nps"][value="{n}"] + span') for n in (3, 4))
    page.locator('input[name="q-nps"][value="3"]').check(force=True)
    look = "node => getComputedStyle(node).backgroundColor"
    assert chosen.evaluate(look) != other.evaluate(look)


def test_every_type_is_answered_by_keyboard_alone(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    watched.open(open_address(organization, {**every_type(), "pages": every_type()["pages"][:1]}))
    page = watched.page
    press = page.keyboard.press
    keys = {
        "radio": lambda: press("Space"),
        "checkbox": lambda: press("Space"),
        "textarea": lambda: page.keyboard.type("Typed"),
        "text": lambda: page.keyboard.type("12.5"),
        "date": lambda: page.keyboard.type("01312026"),
        "select-one": lambda: page.keyboard.type("1" if "order.a" in focused() else "2"),
    }

    def focused() -> str:
        return str(page.evaluate("document.activeElement.name ?? ''"))

    page.locator('input[name="q-nps"]').first.focus()
    seen: list[str] = []
    for _ in range(60):
        name, kind = focused(), page.evaluate("document.activeElement.type")
        if name.startswith("q-") and name not in seen:
            if kind in keys:
                keys[kind]()
            seen.append(name)
        if kind == "submit":
            press("Enter")
            break
        press("Tab")
    page.get_by_role("heading", name="Thank you").wait_for()
    with tenant(organization):
        answers = Response.objects.get().answers
    assert {**answers, "nps": answers["nps"]} == {
        "nps": 0,
        "stars": 1,
        "one": "a",
        "some": ["a"],
        "grid": {"r": "y"},
        "order": ["a", "b"],
        "text": "Typed",
        "number": 12.5,
        "day": "2026-01-31",
        "yes": True,
        "csat": 1,
        "ces": 1,
        "ten": 1,
    }


@pytest.mark.parametrize("scripts", [True, False])
def test_a_file_goes_along_with_its_screen(page_as: Callable[..., Watched], scripts: bool) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390, scripts=scripts)
    watched.open(open_address(organization, every_type()))
    page = watched.page
    page.locator('input[type="file"]').set_input_files(a_photo())
    page.get_by_role("button", name="Next").click()
    page.get_by_role("alert").wait_for()
    assert page.get_by_text("shelf.jpg").is_visible()  # need not be chosen again
    page.locator('input[name="q-nps"][value="7"]').check(force=True)
    page.get_by_role("button", name="Next").click()
    page.get_by_role("heading", name="7 it is. Why?").wait_for()
    page.get_by_role("button", name="Back").click()
    page.get_by_text("1 of 2").wait_for()
    assert page.get_by_text("shelf.jpg").is_visible()
    with tenant(organization):
        assert Response.objects.get().answers["photo"] == str(ResponseFile.objects.exclude(response=None).get().pk)
    watched.complaints.clear()  # the browser's note that a page answered 422


def test_a_draft_is_gone_when_the_survey_is(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    watched = page_as(width=390)
    path = invited(organization)
    watched.open(path)
    page = watched.page
    page.locator("textarea").fill("Half a thought")
    assert page.evaluate("localStorage.length") == 1
    page.locator('input[name="q-score"][value="7"]').check(force=True)
    with tenant(organization):
        Survey.objects.update(answer_limit=0)
    tell_processes()
    page.get_by_role("button", name="Send answer").click()
    page.get_by_role("heading", name="This survey is closed").wait_for()
    assert page.evaluate("localStorage.length") == 0
    watched.complaints.clear()  # the browser's note that a page answered 410


@pytest.mark.parametrize("kind", ["the usual question", "every type"])
def test_a_page_is_four_requests_and_under_ten_kilobytes(page_as: Callable[..., Watched], kind: str) -> None:
    organization = an_organization("Acme")
    path = invited(organization) if kind == "the usual question" else open_address(organization, every_type())
    watched = page_as(width=390)
    answers: list[Any] = []
    watched.page.on("response", lambda answer: answers.append(answer))
    watched.open(path)
    watched.page.wait_for_load_state("networkidle")
    weights = {answer.url: len(gzip.compress(answer.body(), 9)) for answer in answers}
    script = sum(weight for url, weight in weights.items() if url.endswith(".js"))
    assert len(weights) <= 4, sorted(weights)
    assert all(url.startswith(watched.base) for url in weights)
    assert script <= 2_000, weights
    assert sum(weights.values()) <= 10_000, weights
