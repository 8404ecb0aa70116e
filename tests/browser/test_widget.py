"""The web widget on somebody else's site: another origin, which forbids styles and allows our script and frame."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from apps.collectors.addresses import collector_token, identity_key
from apps.collectors.models import Collector
from apps.dispatch.models import Invitation
from apps.organizations.models import Organization
from apps.surveys.models import Response
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import an_organization
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.browser

HOST = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title>
<meta name="viewport" content="width=device-width,initial-scale=1"></head>
<body><main><h1>A shop</h1><label>Search <input id="search" autofocus></label>
<p id="here">{filling}</p></main>{script}</body></html>"""


@contextmanager
def a_site(ours: str, script: str, filling: str = "Things to buy.") -> Iterator[str]:
    """A site of its own origin under a strict policy; every address of it is the same page."""
    page = HOST.format(script=script, filling=filling).encode()
    policy = f"default-src 'none'; style-src 'none'; script-src {ours}; frame-src {ours}"

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_icon = self.path == "/favicon.ico"
            self.send_response(204 if is_icon else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(b"" if is_icon else page)

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(timeout=10)


def the_line(base: str, collector: Collector, **attributes: Any) -> str:
    """What a site puts into its page."""
    said = {"survey": collector_token(collector), "after": 0, **attributes}
    data = " ".join(f'data-{name.replace("_", "-")}="{value}"' for name, value in said.items())
    return f'<script type="module" src="{base}/e/v1.js" {data}></script>'


@pytest.fixture
def shop(page_as: Callable[..., Watched]) -> Iterator[Callable[..., Any]]:
    """Open a site with the widget: ``shop(organization, width=390, sample=50)`` gives the watched page."""
    with_sites: list[Any] = []

    def open_shop(
        organization: Organization,
        *,
        width: int = 1280,
        height: int = 900,
        theme: str = "light",
        sites: list[str] | None = None,
        of: dict[str, Any] | None = None,
        user: str = "",
        filling: str = "Things to buy.",
        **attributes: Any,
    ) -> tuple[Watched, Collector]:
        watched = page_as(width=width, height=height, theme=theme)
        with tenant(organization):
            collector = a_collector(a_survey(**(of or {"kind": "nps"})), kind="widget")
        if user:
            key = identity_key(collector).encode()
            attributes |= {"user": user, "user_hash": hmac.new(key, user.encode(), "sha256").hexdigest()}
        site = a_site(watched.base, the_line(watched.base, collector, **attributes), filling)
        address = site.__enter__()
        with_sites.append(site)
        with tenant(organization):
            collector.settings["sites"] = [address] if sites is None else sites
            collector.save()
        watched.page.goto(f"{address}/")
        return watched, collector

    yield open_shop
    for site in with_sites:
        site.__exit__(None, None, None)


def frame_of(page: Any) -> Any:
    """The widget's frame, once it is to be seen."""
    page.locator("cx-survey:not([waiting])").wait_for(state="attached")
    return page.frame_locator("cx-survey iframe")


def our_frame(page: Any) -> Any:
    return next(frame for frame in page.frames if "/e/" in urlsplit(frame.url).path)


def violations(page: Any) -> list[str]:
    """What any frame's policy forbade."""
    return [text for frame in page.frames for text in frame.evaluate("window.violations ?? []")]


def answers(organization: Organization) -> list[Response]:
    with tenant(organization):
        return list(Response.objects.all())


@pytest.mark.parametrize(("width", "height", "theme"), [(1280, 900, "light"), (390, 844, "dark"), (320, 568, "light")])
def test_it_works_where_styles_are_forbidden(
    shop: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, height: int, theme: str
) -> None:
    organization = an_organization("Nordwind")
    watched, _collector = shop(organization, width=width, height=height, theme=theme, user="c-1")
    page = watched.page
    frame = frame_of(page)
    assert page.evaluate("document.activeElement.id") == "search"  # the widget took no focus
    assert frame.locator("h1").is_visible()
    assert frame.locator("textarea").is_hidden()
    assert frame.locator("header").count() == 0
    ours = our_frame(page)
    assert findings(ours) == []
    assert page.locator("cx-survey section").get_attribute("aria-label") == "Feedback"
    frame.locator('input[value="9"]').check(force=True)
    frame.locator("textarea").wait_for(state="visible")
    assert findings(ours) == []
    frame.locator("textarea").fill("Quick")
    frame.get_by_role("button", name="Send answer").click()
    frame.get_by_role("heading", name="Thank you").wait_for()
    assert violations(page) == []
    (stored,) = answers(organization)
    assert (stored.score, stored.comment, stored.channel) == (9, "Quick", "widget")
    with tenant(organization):
        assert stored.invitation_id == Invitation.objects.get().pk
    assert page.context.cookies() == []
    page.locator("cx-survey").wait_for(state="detached")  # three seconds of thanks


def test_on_a_phone_it_covers_a_third_at_most_and_its_close_button_overlaps_nothing(shop: Callable[..., Any]) -> None:
    for width, height in ((390, 844), (320, 568), (844, 390)):
        watched, _collector = shop(an_organization(f"Acme {width}"), width=width, height=height)
        page = watched.page
        frame = frame_of(page)
        frame.locator("h1").wait_for()
        box = page.locator("cx-survey").bounding_box()
        assert box["width"] * box["height"] <= width * height / 3 + 1
        close = page.locator("cx-survey button").bounding_box()
        assert close["width"] >= 44
        assert close["height"] >= 44
        inside = page.locator("cx-survey iframe").bounding_box()
        assert close["y"] + close["height"] <= inside["y"] + 1
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("where", ["site", "frame"])
def test_escape_closes_it_and_it_is_not_shown_again(shop: Callable[..., Any], where: str) -> None:
    watched, collector = shop(an_organization("Acme"))
    page = watched.page
    frame = frame_of(page)
    if where == "frame":
        frame.locator('input[value="3"]').focus()
    page.keyboard.press("Escape")
    page.locator("cx-survey").wait_for(state="detached")
    page.reload()
    page.wait_for_load_state("networkidle")
    assert page.locator("cx-survey").count() == 0
    page.evaluate("key => localStorage.setItem(key, Date.now() - 91 * 864e5)", f"cx:{collector_token(collector)}")
    page.reload()
    frame_of(page).locator("h1").wait_for()
    page.locator("cx-survey button").click()
    page.locator("cx-survey").wait_for(state="detached")


def test_the_site_hears_of_an_answer_and_not_of_its_words(shop: Callable[..., Any]) -> None:
    watched, collector = shop(an_organization("Acme"))
    page = watched.page
    heard = "resolve => document.addEventListener('cx:done', event => resolve(event.detail))"
    page.evaluate(f"void (window.heard = new Promise({heard}))")
    frame = frame_of(page)
    frame.locator('input[value="9"]').check(force=True)
    frame.get_by_role("button", name="Send answer").click()
    assert page.evaluate("window.heard") == {"survey": collector_token(collector)}


def test_messages_of_others_move_nothing(shop: Callable[..., Any]) -> None:
    organization = an_organization("Acme")
    watched, _collector = shop(organization)
    page = watched.page
    frame_of(page).locator("h1").wait_for()
    before = page.locator("cx-survey").bounding_box()
    page.evaluate(
        """() => {
          window.done = 0;
          document.addEventListener('cx:done', () => { window.done += 1; });
          const hostile = [{cx: 'height', h: 9999}, {cx: 'done'}, {cx: 'close'}, null, 'x', {cx: {}}, 'last'];
          for (const data of hostile) postMessage(data, '*');
          return new Promise(resolve => addEventListener('message', event => event.data === 'last' && resolve()));
        }"""
    )
    assert page.locator("cx-survey").bounding_box() == before
    assert page.evaluate("window.done") == 0
    page.evaluate("void (window.told = new Promise(resolve => addEventListener('message', resolve, {once: true})))")
    our_frame(page).evaluate("parent.postMessage({cx: 'height', h: 1e12}, '*')")
    page.evaluate("window.told.then(() => true)")
    assert page.locator("cx-survey").bounding_box()["height"] <= 900


def test_hidden_fields_and_the_language_come_from_the_line(shop: Callable[..., Any]) -> None:
    organization = an_organization("Acme")
    definition = {
        "languages": ["en", "de"],
        "hidden": [{"id": "order"}],
        "pages": [
            {
                "id": "p",
                "questions": [
                    {"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?", "de": "Empfehlen?"}}
                ],
            }
        ],
    }
    watched, _collector = shop(
        organization, of={"kind": "custom", "definition": definition}, order="A-17", colour="red", lang="de"
    )
    frame = frame_of(watched.page)
    assert frame.locator("h1").inner_text() == "Empfehlen?"
    frame.locator('input[value="3"]').check(force=True)
    frame.get_by_role("button").first.click()
    watched.page.locator("cx-survey").wait_for(state="detached")
    (stored,) = answers(organization)
    assert (stored.attributes, stored.language) == ({"order": "A-17"}, "de")


def test_a_site_that_is_not_allowed_shows_nothing(shop: Callable[..., Any]) -> None:
    watched, _collector = shop(an_organization("Acme"), sites=["https://shop.example.com"])
    page = watched.page
    page.wait_for_load_state("networkidle")
    assert page.locator("cx-survey:not([waiting])").count() == 0
    assert not page.locator("cx-survey").is_visible()
    watched.complaints.clear()  # the browser's note that our policy forbids this site the frame


def test_who_was_asked_lately_sees_nothing(shop: Callable[..., Any]) -> None:
    organization = an_organization("Acme")
    watched, _collector = shop(organization, user="c-1")
    frame_of(watched.page).locator("h1").wait_for()
    watched.page.wait_for_load_state("networkidle")
    with watched.page.expect_response(lambda response: "/e/" in response.url and response.status == 204):
        watched.page.evaluate("localStorage.clear()")
        watched.page.reload()
    assert watched.page.locator("cx-survey:not([waiting])").count() == 0
    with tenant(organization):
        assert Invitation.objects.count() == 1


@pytest.mark.parametrize("trigger", ["scroll", "exit"])
def test_it_waits_for_its_moment(shop: Callable[..., Any], trigger: str) -> None:
    filling = "<br>".join(f"Line {n}" for n in range(200))
    watched, _collector = shop(
        an_organization("Acme"), trigger=trigger, after={"scroll": 50, "exit": 0}[trigger], filling=filling
    )
    page = watched.page
    page.wait_for_load_state("networkidle")
    assert page.locator("cx-survey").count() == 0
    if trigger == "scroll":
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    else:
        page.evaluate("document.dispatchEvent(new MouseEvent('mouseout', {clientY: -1, bubbles: true}))")
    frame_of(page).locator("h1").wait_for()


def test_a_share_of_visitors_is_drawn_once(shop: Callable[..., Any]) -> None:
    """A draw that was lost is remembered, so that the next pages do not draw again."""
    watched, collector = shop(an_organization("Acme"), sample="0.0000001")
    page = watched.page
    page.wait_for_load_state("networkidle")
    assert page.locator("cx-survey").count() == 0
    assert page.evaluate("key => +localStorage.getItem(key) > 0", f"cx:{collector_token(collector)}")


def test_inline_it_stands_where_the_site_wants_it(shop: Callable[..., Any]) -> None:
    organization = an_organization("Acme")
    watched, _collector = shop(organization, mode="inline", target="#here")
    page = watched.page
    frame = frame_of(page)
    assert page.locator("#here cx-survey").count() == 1
    frame.locator('input[value="7"]').check(force=True)
    frame.get_by_role("button", name="Send answer").click()
    frame.get_by_role("heading", name="Thank you").wait_for()
    assert [stored.score for stored in answers(organization)] == [7]
