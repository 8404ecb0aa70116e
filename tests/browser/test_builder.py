"""A survey with branches in three languages, built in the editor: by keyboard, by mouse, by two people at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.models import Survey, SurveyVersion
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, a_person, an_organization
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.browser


@pytest.fixture
def shop(transactional_db: None) -> tuple[Any, Organization]:
    owner = a_person("Olga Owner")
    return owner, an_organization("Shop", owner=owner)


def saved(page: Any) -> None:
    """Wait until nothing waits to be sent."""
    page.wait_for_selector("#state:has-text('All changes saved')")


def sending(page: Any) -> Any:
    """Around what is pressed: until the server has taken it."""
    return page.expect_response(lambda answer: answer.request.method in ("PATCH", "POST") and "/edit/" in answer.url)


def draft(organization: Organization) -> Survey:
    with tenant(organization):
        return Survey.objects.get()


def ids(survey: Survey) -> list[list[str]]:
    return [[question["id"] for question in page["questions"]] for page in survey.definition["pages"]]


def tab_to(page: Any, selector: str) -> None:
    """Press Tab until the focus is on an element, as somebody without a mouse does."""
    for _ in range(120):
        if page.evaluate("selector => document.activeElement?.matches(selector) ?? false", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{selector} cannot be reached by Tab")


def test_branching_survey_in_three_languages_is_built_by_keyboard_alone(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    watched = page_as(owner, width=1440)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/new/")
    tab_to(page, "input[name=template]")
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "ces2"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.value") == "nps_touchpoint"
    for language in ("de", "ar"):
        tab_to(page, f"input[name=languages][value={language}]")
        page.keyboard.press("Space")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_selector("#builder[data-live]")
    assert ids(draft(organization)) == [["score", "reason"], ["issue"]]

    # Two more: a choice for everybody, and a text for those who chose one of its answers.
    tab_to(page, "#o-issue")
    page.keyboard.press("Enter")
    page.wait_for_selector("#builder-main[data-selected=issue]")
    tab_to(page, "#add-kind")
    page.keyboard.type("One choice")
    tab_to(page, "#add")
    page.keyboard.press("Enter")
    page.wait_for_selector("#builder-main[data-selected^=choice_]")
    saved(page)
    choice = page.get_attribute("#builder-main", "data-selected")
    tab_to(page, f"[name='title.{choice}.en']")
    page.keyboard.press("Control+A")
    with sending(page):
        page.keyboard.type("Will you come again?")
    page.wait_for_selector(f"[data-question={choice}] :text('Will you come again?')")
    tab_to(page, "#add-kind")
    page.keyboard.type("Text")
    tab_to(page, "#add")
    page.keyboard.press("Enter")
    page.wait_for_selector("#builder-main[data-selected^=text_]")
    saved(page)
    text = page.get_attribute("#builder-main", "data-selected")
    tab_to(page, "#rule-add")
    page.keyboard.press("Enter")
    page.wait_for_selector("#r0-v")
    saved(page)
    tab_to(page, "#r0-v")
    with sending(page):
        page.keyboard.press("ArrowDown")

    survey = draft(organization)
    assert ids(survey) == [["score", "reason"], ["issue"], [choice], [text]]
    questions = {q["id"]: q for found in survey.definition["pages"] for q in found["questions"]}
    assert questions[choice]["title"]["en"] == "Will you come again?"
    assert set(questions[text]["title"]) == {"en", "de", "ar"}
    assert questions[text]["show_if"] == {"all": [{"question": choice, "op": "=", "value": "option-2"}]}

    # Up past the choice: its condition forbids that, and says so. The choice itself may move.
    tab_to(page, f"#o-{text}")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("text=Moved to page 3, place 2.")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector(".cx-toast-error")
    assert "must be asked before it" in page.inner_text(".cx-toast-error")
    tab_to(page, f"#o-{choice}")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_selector("text=Moved to page 2, place 2.")
    assert page.evaluate("document.activeElement.id") == f"o-{choice}"
    assert ids(draft(organization)) == [["score", "reason"], ["issue", choice], [text]]
    # Both refusals above are answers with status 422, which the browser reports.
    watched.complaints[:] = [found for found in watched.complaints if "422" not in found]


def test_question_is_dragged_deleted_and_brought_back_after_a_reload(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = a_survey(published=False)
    watched = page_as(owner, width=1440)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/edit/")
    page.wait_for_selector("#builder[data-live]")
    start = page.locator("[data-question=reason] .cx-sb-grip").bounding_box()
    target = page.locator("[data-question=score]").bounding_box()
    page.mouse.move(start["x"] + 5, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + 12, steps=8)
    page.mouse.move(target["x"] + 20, target["y"] + 2, steps=4)
    page.mouse.up()
    page.wait_for_selector("text=Moved to page 1, place 1.")
    assert ids(draft(organization)) == [["reason", "score"]]

    page.locator("#b-reason").click()
    page.locator("#m-reason").get_by_role("button", name="Delete").click()
    page.wait_for_selector("text=Deleted.")
    assert ids(draft(organization)) == [["score"]]
    page.locator(".cx-toast", has_text="Deleted.").get_by_role("button", name="Undo").click()
    page.wait_for_selector("[data-question=reason]")
    assert ids(draft(organization)) == [["reason", "score"]]

    page.reload()
    page.wait_for_selector("#builder[data-live]")
    page.locator("#o-score").focus()
    page.keyboard.press("Control+z")
    page.wait_for_selector("text=Undone.")
    assert ids(draft(organization)) == [["score", "reason"]]
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("text=Brought back.")
    assert ids(draft(organization)) == [["reason", "score"]]


def test_two_people_who_change_one_question_see_both_versions(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = a_survey(published=False)
    address = f"/o/{organization.slug}/surveys/{survey.pk}/edit/?q=score"
    first, second = page_as(owner), page_as(a_member(organization, "manager"))
    for watched in (first, second):
        watched.open(address)
        watched.page.wait_for_selector("#builder[data-live]")
    first.page.locator("[name='title.score.en']").fill("First?")
    first.page.wait_for_selector("#state:has-text('All changes saved')")
    first.page.wait_for_selector("[data-question=score] :text('First?')")
    second.page.locator("[name='title.score.en']").fill("Second?")
    second.page.wait_for_selector("#cx-conflict[open]")
    shown = second.page.inner_text("#cx-conflict")
    assert "First?" in shown
    assert "Second?" in shown
    title = draft(organization).definition["pages"][0]["questions"][0]["title"]["en"]
    assert title == "First?"
    second.page.get_by_role("button", name="Keep what is in the draft").click()
    expect(second.page.locator("[name='title.score.en']")).to_have_value("First?")
    second.page.locator("[name='title.score.en']").fill("Third?")
    second.page.wait_for_selector("[data-question=score] :text('Third?')")
    first.page.locator("[name='title.score.en']").fill("Mine?")
    first.page.wait_for_selector("#cx-conflict[open]")
    first.page.get_by_role("button", name="Use mine instead").click()
    first.page.wait_for_selector("[data-question=score] :text('Mine?')")
    assert draft(organization).definition["pages"][0]["questions"][0]["title"]["en"] == "Mine?"
    for watched in (first, second):
        watched.complaints[:] = [found for found in watched.complaints if "412" not in found]


def test_changes_wait_for_the_network_and_then_go(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = a_survey(published=False)
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/edit/?q=reason")
    page.wait_for_selector("#builder[data-live]")
    page.context.set_offline(True)
    page.locator("[name='title.reason.en']").fill("Why?")
    page.wait_for_selector("#state:has-text('Offline, will retry')")
    page.context.set_offline(False)
    page.wait_for_selector("[data-question=reason] :text('Why?')")
    assert draft(organization).definition["pages"][0]["questions"][1]["title"]["en"] == "Why?"
    watched.complaints[:] = [found for found in watched.complaints if "ERR_INTERNET_DISCONNECTED" not in found]


def test_what_was_just_typed_is_part_of_what_is_published(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = a_survey(published=False)
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/edit/?q=reason")
    page.wait_for_selector("#builder[data-live]")
    page.locator("[name='title.reason.en']").fill("Why, in a word?")
    page.get_by_role("button", name="Publish").click()
    page.wait_for_selector("text=Version 1 is live.")
    with tenant(organization):
        published = SurveyVersion.objects.get().definition
    assert published["pages"][0]["questions"][1]["title"]["en"] == "Why, in a word?"


def test_phone_follows_branches_languages_and_the_dark(shop: Any, page_as: Callable[..., Any]) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = services.create_from_template(
            actor=Actor.system("test"), template="nps_touchpoint", languages=["en", "de", "ar"]
        )
    watched = page_as(owner, width=1440)
    page = watched.page
    watched.open(f"/o/{organization.slug}/surveys/{survey.pk}/edit/")
    page.wait_for_selector("#builder[data-live]")
    phone = page.frame_locator("#preview")
    page.locator("[data-language=ar]").click()
    phone.locator("html[dir=rtl]").wait_for()
    page.locator("[data-language=de]").click()
    phone.get_by_text("Wie wahrscheinlich ist es").wait_for()
    page.locator("[data-language=en]").click()
    phone.locator("html[lang=en]").wait_for()
    page.get_by_role("link", name="Walk through").click()
    phone.locator("html[lang=en]").wait_for()
    phone.locator("input[value='9']").check(force=True)
    page.wait_for_selector("[data-question=issue][data-skipped]")
    phone.locator("input[value='3']").check(force=True)
    page.wait_for_selector("[data-question=issue]:not([data-skipped])")
    phone.get_by_role("button", name="Send").click()
    phone.get_by_text("Where did it go wrong?").wait_for()
    phone.get_by_role("button", name="Send").click()
    phone.get_by_text("Thank you. Your answer has arrived.").wait_for()
    page.locator("#o-issue").click()
    phone.get_by_text("Where did it go wrong?").wait_for()
    expect(phone.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    page.get_by_role("link", name="Dark").click()
    expect(phone.locator("body")).not_to_have_css("background-color", "rgb(255, 255, 255)")


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1280, "dark"), (390, "light"), (320, "dark")])
def test_builder_pages_have_no_accessibility_findings(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    owner, organization = shop
    with tenant(organization):
        survey = services.create_from_template(
            actor=Actor.system("test"), template="closing_case", languages=["en", "ar"]
        )
    watched = page_as(owner, width=width, theme=theme)
    page = watched.page
    base = f"/o/{organization.slug}/surveys/"
    for path in (
        "new/",
        f"{survey.pk}/edit/",
        f"{survey.pk}/edit/?q=still_open",
        f"{survey.pk}/edit/?q=solved",
        f"{survey.pk}/edit/?q=~thanks",
        f"{survey.pk}/edit/?q=~hidden",
        f"{survey.pk}/settings/",
        f"{survey.pk}/import/",
    ):
        assert watched.open(base + path) == 200
        assert findings(page) == [], path
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(overflow) <= 0, path
    assert watched.gather() == []
