"""The live layer of a map in a real browser: filters, the popovers of its gaps, the table, the page of curves."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from apps.journeys import services
from apps.journeys.models import Step
from apps.metrics.folding import refold_organization
from apps.surveys.services import publish_survey, update_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, an_organization
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.browser

SYSTEM = Actor.system("test")
OpenPage = Callable[..., Watched]


@pytest.fixture
def scene(transactional_db: None) -> Any:
    """A map with two delusions, a weak step, one that nobody measures, and one of two scales."""
    organization = an_organization("Nordwind")
    manager = a_member(organization, "manager")
    with tenant(organization):
        for key, score, n in (("quote", 2, 35), ("form", 5, 35), ("visit", 1, 8), ("help", 5, 34)):
            survey = a_survey("csat", touchpoint=a_touchpoint(f"The {key}", key=key, target={"csat": 80}))
            for number in range(n):
                an_answer(survey, score if number % 5 else 3, comment="It took an evening" if number < 2 else "")
        wide = a_survey("csat", touchpoint=a_touchpoint("The call", key="call"), published=False)
        question = wide.definition["pages"][0]["questions"][0]
        question["scale"], question["labels"] = 7, {}
        update_survey(actor=SYSTEM, survey=wide, definition=wide.definition)
        publish_survey(actor=SYSTEM, survey=wide)
        for _ in range(31):
            an_answer(wide, 6)
        a_touchpoint("The letter", key="letter")
        steps = [
            ("Compare", 2, ["quote"]),
            ("Sign up", -2, ["form"]),
            ("Get connected", 1, ["visit"]),
            ("Read", 0, ["letter"]),
            ("Ask", -1, ["help", "call"]),
        ]
        stages = [
            {"name": name, "steps": [{"name": name, "belief": belief, "touchpoints": keys}]}
            for name, belief, keys in steps
        ]
        journey = a_journey("Switching", stages=stages, metric="csat")
        Step.objects.filter(name="Sign up").update(moment_of_truth=True)
        services.publish_journey(actor=SYSTEM, journey=journey, purpose="First picture")
        refold_organization()
    return organization, manager, journey


def address(scene: Any, name: str) -> str:
    organization, _manager, journey = scene
    return reverse(f"journeys:{name}", args=[organization.slug, journey.pk])


def test_map_is_filtered_and_tells_its_gaps(scene: Any, page_as: OpenPage) -> None:
    watched = page_as(scene[1], width=1500)
    page = watched.page
    assert watched.open(f"{address(scene, 'detail')}?view=board") == 200
    page.get_by_role("button", name="2 delusions").click()
    popover = page.locator("#cx-delusions")
    popover.wait_for(state="visible")
    assert "Compare" in popover.inner_text()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="not comparable").first.click()
    page.get_by_text("The help is asked on 5 points, The call on 7.").first.wait_for()
    page.keyboard.press("Escape")
    page.locator("summary:has-text('Show as table')").click()
    assert page.locator(".cx-emo table tbody tr").count() == 5
    page.locator("summary:has-text('Filter')").click()
    page.locator("#id_channel").select_option("email")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**channel=email**")
    assert page.locator(".cx-emo > svg .cx-elive").count() == 0
    page.get_by_role("link", name="Remove filter Channel").click()
    page.locator(".cx-emo > svg .cx-elive").first.wait_for()
    page.get_by_role("link", name="Belief against measurement").first.click()
    page.get_by_role("heading", name="Biggest delusions").wait_for()
    assert "It took an evening" in page.locator("main").inner_text()


@pytest.mark.parametrize(
    ("width", "theme", "direction"),
    [(1500, "light", "ltr"), (1280, "dark", "ltr"), (390, "light", "ltr"), (1280, "light", "rtl")],
)
def test_live_pages_have_no_findings(
    scene: Any,
    page_as: OpenPage,
    findings: Callable[[Any], list[str]],
    width: int,
    theme: str,
    direction: str,
) -> None:
    watched = page_as(scene[1], width=width, theme=theme)
    for path in (
        f"{address(scene, 'detail')}?view=board",
        f"{address(scene, 'detail')}?view=table",
        address(scene, "curves"),
    ):
        assert watched.open(path) == 200
        watched.page.evaluate("direction => { document.documentElement.dir = direction }", direction)
        if "detail" not in path and path.endswith("delusions/"):
            watched.page.locator("details.cx-data summary").first.click()
        assert findings(watched.page) == [], path
        if folder := os.environ.get("SCREENSHOTS"):
            name = path.rstrip("/").rsplit("/", 1)[-1].replace("?", "").replace("=", "-")[-12:]
            watched.page.screenshot(path=f"{folder}/{name}-{width}-{theme}-{direction}.png", full_page=width < 760)
        wide = watched.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0 or "board" in path, path
