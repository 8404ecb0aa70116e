"""The kiosk on a tablet: offline, by touch, in every type of question, back to the start by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from apps.collectors.addresses import collector_token
from apps.collectors.models import Collector, RefusedAnswer
from apps.collectors.services import revoke_collector
from apps.organizations.models import Organization
from apps.surveys.models import Response
from apps.surveys.services import close_survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import an_organization
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


def title(text: str) -> dict[str, str]:
    return {"en": text, "ar": f"عربي {text}"}


def choices(*ids: str) -> list[dict[str, Any]]:
    return [{"id": one, "label": title(one.upper())} for one in ids]


BRANCHES = {
    "languages": ["en", "ar"],
    "pages": [
        {"id": "p1", "questions": [{"id": "score", "type": "nps", "required": True, "title": title("Recommend?")}]},
        {
            "id": "p2",
            "questions": [
                {
                    "id": "why",
                    "type": "choice",
                    "required": True,
                    "title": title("You gave {{ answers.score }}. What went wrong?"),
                    "choices": choices("price", "service"),
                    "show_if": {"all": [{"question": "score", "op": "<", "value": 7}]},
                }
            ],
        },
    ],
}
EVERY_TYPE = {
    "languages": ["en"],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {"id": "nps", "type": "nps", "required": True, "title": {"en": "NPS"}},
                {"id": "csat", "type": "csat", "title": {"en": "CSAT"}},
                {"id": "note", "type": "statement", "title": {"en": "A statement"}},
                {"id": "one", "type": "choice", "title": {"en": "One"}, "choices": choices("a", "b")},
                {"id": "some", "type": "multi_choice", "title": {"en": "Some"}, "choices": choices("a", "b", "c")},
                {"id": "grid", "type": "matrix", "title": {"en": "Grid"}, "choices": choices("y", "n"),
                 "rows": choices("r", "s")},
                {"id": "order", "type": "ranking", "title": {"en": "Order"}, "choices": choices("a", "b")},
                {"id": "text", "type": "text", "title": {"en": "Never asked here"}},
                {"id": "number", "type": "number", "title": {"en": "Number"}},
                {"id": "day", "type": "date", "title": {"en": "Day"}},
                {"id": "agree", "type": "consent", "required": True, "title": {"en": "I agree"}},
            ],
        }
    ],
}  # fmt: skip

SMALL = """() => [...document.querySelectorAll('button')]
  .filter(one => one.offsetParent && !one.matches('.quiet, #bar *'))
  .map(one => one.getBoundingClientRect())
  .filter(box => box.width < 96 || box.height < 96).length"""
"""How many things to touch are too small; the staff's button is small on purpose."""


def a_kiosk(organization: Organization, **values: Any) -> Collector:
    with tenant(organization):
        survey = a_survey(**values.pop("of", {"kind": "custom", "definition": BRANCHES}))
        return a_collector(survey, kind="kiosk", **values)


def home(collector: Collector) -> str:
    return f"/k/{collector_token(collector)}/"


def scores(organization: Organization) -> list[int | None]:
    with tenant(organization):
        return list(Response.objects.order_by("occurred_at").values_list("score", flat=True))


def ready(watched: Watched, collector: Collector) -> Any:
    """The kiosk's page, with everything it needs kept on the device."""
    assert watched.open(home(collector)) == 200
    page = watched.page
    page.locator("#q").wait_for()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    kept = "async () => { const cache = await caches.open('cx-kiosk-1'); return (await cache.keys()).length; }"
    for _try in range(200):
        if page.evaluate(kept) >= 6:
            break
    else:
        pytest.fail("the service worker did not keep the page")
    return page


def tap(page: Any, score: int) -> None:
    page.locator(f'#main [data-point="{score}"]').click()


def start_again(page: Any) -> None:
    """Past the thanks, without waiting for them."""
    page.locator("[data-thanks]").wait_for()
    page.locator("#q").wait_for()


def waiting(page: Any) -> int:
    return int(page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('cx-kiosk:')).length"))


def delivered(page: Any) -> None:
    """Until nothing is kept any more."""
    for _try in range(400):
        if waiting(page) == 0:
            return
        page.evaluate("new Promise(resolve => requestAnimationFrame(() => resolve()))")
    pytest.fail("answers were not delivered")


def test_answers_given_offline_are_stored_once_when_the_connection_is_back(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Nordwind")
    collector = a_kiosk(organization)
    watched = page_as(width=1024, height=768)
    page = ready(watched, collector)
    page.context.set_offline(True)
    for score in (9, 8, 10):
        tap(page, score)
        start_again(page)
    assert waiting(page) == 3
    assert scores(organization) == []
    page.reload()  # the whole page comes from the device
    page.locator("#q").wait_for()
    assert waiting(page) == 3
    page.context.set_offline(False)
    delivered(page)
    assert scores(organization) == [9, 8, 10]
    page.reload()
    page.locator("#q").wait_for()
    assert scores(organization) == [9, 8, 10]
    with tenant(organization):
        times = list(Response.objects.order_by("occurred_at").values_list("occurred_at", "recorded_at"))
    assert all(occurred < recorded for occurred, recorded in times)
    watched.complaints.clear()  # the browser's note that it was offline
    assert watched.gather() == []


@pytest.mark.parametrize("lost", ["the answer", "the acknowledgement"])
def test_a_delivery_that_broke_off_is_repeated_and_stored_once(page_as: Callable[..., Watched], lost: str) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    watched = page_as(width=1024, height=768)
    page = ready(watched, collector)
    dropped: list[str] = []

    def drop_first(route: Any) -> None:
        if '"id"' in (route.request.post_data or "") and not dropped:
            if lost == "the acknowledgement":
                route.fetch()
            dropped.append(lost)
            route.abort()
        else:
            route.continue_()

    page.route("**/answers/", drop_first)
    tap(page, 9)
    page.locator("[data-thanks]").wait_for()
    page.evaluate("dispatchEvent(new Event('online'))")
    delivered(page)
    assert dropped == [lost]
    assert scores(organization) == [9]
    watched.complaints.clear()  # the browser's note that a request failed


def test_the_way_branches_and_repeats_what_was_said(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    page = ready(page_as(width=1024, height=768), collector)
    tap(page, 3)
    page.get_by_role("heading", name="You gave 3. What went wrong?").wait_for()
    page.get_by_role("button", name="Back").click()
    tap(page, 4)
    page.get_by_role("button", name="PRICE").click()
    page.locator("[data-thanks]").wait_for()
    delivered(page)
    with tenant(organization):
        assert Response.objects.get().answers == {"score": 4, "why": "price"}


def test_every_type_of_question_is_answered_by_touch(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]]
) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization, of={"kind": "custom", "definition": EVERY_TYPE})
    watched = page_as(width=1024, height=768)
    page = ready(watched, collector)

    def on(name: str) -> None:
        page.get_by_role("heading", name=name).wait_for()
        assert findings(page) == []
        small = page.evaluate(SMALL)
        assert small == 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def go(name: str) -> None:
        page.locator("#foot .go", has_text=name).click()

    on("NPS")
    tap(page, 10)
    on("CSAT")
    go("Skip")
    on("A statement")
    go("Next")
    on("One")
    page.get_by_role("button", name="B", exact=True).click()
    on("Some")
    page.locator('[data-point="c"]').click()
    page.locator('[data-point="a"]').click()
    go("Next")
    on("Grid")
    page.get_by_role("button", name="Y").click()
    page.locator(".sub", has_text="S").wait_for()
    page.get_by_role("button", name="N", exact=True).click()
    on("Order")
    page.locator('[data-point="b"]').click()
    page.locator('[data-point="a"]').click()
    go("Next")
    on("Number")
    page.locator("main input").fill("12.5")
    go("Next")
    on("Day")
    page.locator("main input").fill("2026-11-21")
    go("Next")
    page.locator(".list button", has_text="I agree").wait_for()
    go("Send")
    page.get_by_text("Please answer this question.").wait_for()
    page.locator(".list button").click()
    go("Send")
    page.locator("[data-thanks]").wait_for()
    delivered(page)
    with tenant(organization):
        assert Response.objects.get().answers == {
            "nps": 10, "one": "b", "some": ["a", "c"], "grid": {"r": "y", "s": "n"}, "order": ["b", "a"],
            "number": 12.5, "day": "2026-11-21", "agree": True,
        }  # fmt: skip


def test_it_starts_again_when_somebody_went_away(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    watched = page_as(width=1024, height=768)
    watched.page.clock.install()
    watched.open(home(collector))
    page = watched.page
    tap(page, 2)
    page.clock.run_for(300)
    page.get_by_role("heading", name="What went wrong?").wait_for()
    page.clock.run_for(16_000)
    page.get_by_text("Still there?").wait_for()
    page.get_by_role("button", name="Continue").click()
    page.clock.run_for(14_000)
    assert page.get_by_role("heading", name="What went wrong?").is_visible()
    page.clock.run_for(7_000)
    page.get_by_role("heading", name="Recommend?").wait_for()
    assert page.locator('[aria-pressed="true"]').count() == 0
    assert waiting(page) == 0
    assert scores(organization) == []


def test_the_thanks_make_room_after_three_seconds(page_as: Callable[..., Watched]) -> None:
    collector = a_kiosk(an_organization("Acme"))
    watched = page_as(width=1024, height=768)
    watched.page.clock.install()
    watched.open(home(collector))
    page = watched.page
    tap(page, 9)
    page.clock.run_for(300)
    page.locator("[data-thanks]").wait_for()
    page.clock.run_for(2_500)
    assert page.locator("[data-thanks]").is_visible()
    page.clock.run_for(700)
    page.locator("#q").wait_for()


@pytest.mark.parametrize(("width", "height", "theme"), [(1024, 768, "light"), (768, 1024, "dark"), (390, 844, "light")])
def test_it_speaks_from_the_right_and_goes_back_to_its_own_language(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], width: int, height: int, theme: str
) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    watched = page_as(width=width, height=height, theme=theme)
    page = ready(watched, collector)
    assert findings(page) == []
    page.get_by_role("button", name="العربية").click()
    assert page.evaluate("[document.documentElement.dir, document.documentElement.lang]") == ["rtl", "ar"]
    page.get_by_role("heading", name="عربي Recommend?").wait_for()
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    tap(page, 9)
    start_again(page)
    assert page.evaluate("document.documentElement.dir") == "ltr"
    delivered(page)
    with tenant(organization):
        assert Response.objects.get().language == "ar"
    assert watched.gather() == []


def test_staff_leave_with_their_pin(page_as: Callable[..., Watched], findings: Callable[[Any], list[str]]) -> None:
    collector = a_kiosk(an_organization("Acme"))
    watched = page_as(width=1024, height=768)
    page = ready(watched, collector)
    page.get_by_role("button", name="Staff").click()
    assert findings(page) == []
    page.get_by_label("PIN").fill("0000")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("This is not the PIN.").wait_for()
    page.get_by_label("PIN").fill("4711")
    page.get_by_role("button", name="Enter").click()
    page.get_by_text("Answers kept on this device").wait_for()
    assert findings(page) == []
    page.get_by_role("button", name="Leave the kiosk").click()
    page.get_by_role("heading", name="The kiosk has stopped.").wait_for()
    page.get_by_role("button", name="Start again").click()
    page.locator("#q").wait_for()
    watched.complaints.clear()  # the browser's note that the first PIN was refused


@pytest.mark.parametrize("end", ["closed", "revoked"])
def test_what_can_no_longer_be_taken_is_kept_and_told(page_as: Callable[..., Watched], end: str) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    watched = page_as(width=1024, height=768)
    page = ready(watched, collector)
    page.context.set_offline(True)
    with tenant(organization):
        if end == "closed":
            close_survey(actor=SYSTEM, survey=collector.survey)
        else:
            revoke_collector(actor=SYSTEM, collector=collector)
    tap(page, 9)
    start_again(page)
    page.context.set_offline(False)
    page.get_by_text("This survey is closed" if end == "closed" else "This kiosk was ended").wait_for()
    assert waiting(page) == 1
    assert scores(organization) == []
    with tenant(organization):
        assert RefusedAnswer.objects.count() == (1 if end == "closed" else 0)
    page.reload()
    page.get_by_text("This survey is closed" if end == "closed" else "This kiosk was ended").wait_for()
    assert waiting(page) == 1
    watched.complaints.clear()  # the browser's notes: offline, and 410


def test_without_scripts_there_is_a_plain_form(page_as: Callable[..., Watched]) -> None:
    organization = an_organization("Acme")
    collector = a_kiosk(organization)
    watched = page_as(width=1024, height=768, scripts=False)
    watched.open(home(collector))
    page = watched.page
    page.wait_for_url("**/plain/")
    page.locator('input[value="9"]').check(force=True)
    page.get_by_role("button", name="Next").or_(page.get_by_role("button", name="Send answer")).click()
    page.get_by_role("heading", name="Thank you").or_(page.get_by_role("heading", name="Thanks")).wait_for()
    assert scores(organization) == [9]
