"""The shell in a real browser: every page for an owner, the kit by keyboard and by touch, and life without scripts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.urls import Resolver404, resolve

from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.browser.conftest import Watched
from tests.factories import a_member, a_person, an_organization, make, registered

pytestmark = pytest.mark.browser

MOST_PAGES = 120
FILES = ("/export", ".csv", ".xlsx", ".json", ".svg", ".png", "/logo.png")


def filled_organization() -> tuple[Organization, Any]:
    """An organisation with one row of everything, and its owner."""
    owner = a_person("Olga Owner")
    organization = an_organization("Nordwind", owner=owner)
    with tenant(organization):
        for model in registered():
            make(model)
    return organization, owner


def links_of(page: Any) -> list[str]:
    """Paths the page links to, without fragments."""
    hrefs = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
    return [urlsplit(href).path for href in hrefs if urlsplit(href).netloc == urlsplit(page.url).netloc]


def crawl(watched: Watched, start: str, inside: tuple[str, ...], look: Callable[[str, int], None]) -> list[str]:
    """Visit one page of every kind that can be reached by links, looking at each; the paths visited."""
    waiting, seen, visited = deque([start]), set(), []
    while waiting and len(visited) < MOST_PAGES:
        path = waiting.popleft()
        if not path.startswith(inside) or any(part in path for part in FILES):
            continue
        try:
            kind = resolve(path).view_name
        except Resolver404:
            kind = path
        if kind in seen:
            continue
        seen.add(kind)
        status = watched.open(path)
        if status:
            look(path, status)
            visited.append(path)
        waiting.extend(links_of(watched.page))
    return visited


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_every_page_is_accessible_and_keeps_the_policy(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    """One page of every kind an owner can reach: axe finds nothing, nothing is blocked, nothing overflows."""
    organization, owner = filled_organization()
    watched = page_as(owner, width=width, theme=theme)
    problems: list[str] = []

    def look(path: str, status: int) -> None:
        if status != 200:
            problems.append(f"{path}: answered {status}")
            watched.complaints.clear()
            return
        problems.extend(f"{path}: {finding}" for finding in findings(watched.page))
        heading = watched.page.locator("h1")
        if heading.count() != 1 or not heading.inner_text().strip():
            problems.append(f"{path}: not exactly one heading with words")
        room = watched.page.evaluate("document.documentElement.clientWidth - document.documentElement.scrollWidth")
        if room < 0:
            problems.append(f"{path}: is {-room} px wider than the window")
        problems.extend(f"{path}: {complaint}" for complaint in watched.gather())
        watched.complaints.clear()

    visited = crawl(watched, f"/o/{organization.slug}/help/", (f"/o/{organization.slug}/", "/me/", "/accounts/"), look)
    assert len(visited) > 10
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (320, "dark")])
@pytest.mark.parametrize(
    "path",
    ["/accounts/login/", "/accounts/signup/", "/accounts/password/reset/", "/help/", "/help/scores/", "/no/such/page/"],
)
def test_signed_out_pages_are_accessible(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], path: str, width: int, theme: str
) -> None:
    watched = page_as(width=width, theme=theme)
    watched.open(path)
    assert findings(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    watched.gather()
    watched.complaints[:] = [text for text in watched.complaints if "404" not in text]


@pytest.mark.parametrize(
    ("width", "theme", "direction"), [(1280, "light", "ltr"), (1280, "dark", "rtl"), (320, "light", "rtl")]
)
def test_gallery_is_accessible_in_every_theme_direction_and_width(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]], width: int, theme: str, direction: str
) -> None:
    staff = a_person("Stella Staff")
    staff.is_staff = True
    staff.save()
    watched = page_as(staff, width=width, theme=theme)
    assert watched.open("/ui/") == 200
    watched.page.evaluate("direction => { document.documentElement.dir = direction }", direction)
    assert findings(watched.page) == []
    assert watched.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert watched.gather() == []


def test_palette_finds_and_opens_by_keyboard_alone(
    page_as: Callable[..., Watched], findings: Callable[[Any], list[str]]
) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/help/")
    page = watched.page
    page.keyboard.press("Control+k")
    page.keyboard.type("invite")
    page.locator("#cx-pal-list [role=option][aria-selected=true]", has_text="Invite a colleague").wait_for()
    assert findings(page) == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/settings/members/invite/")
    assert watched.gather() == []


def test_palette_shows_recent_pages_when_empty_and_closes_on_escape(page_as: Callable[..., Watched]) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/help/scores/")
    watched.open(f"/o/{organization.slug}/help/")
    page = watched.page
    page.keyboard.press("Control+k")
    page.locator("#cx-pal-list [role=option]", has_text="How scores are made").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("#cx-palette").is_visible()


def test_single_letters_work_and_can_be_switched_off(page_as: Callable[..., Watched]) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/help/")
    watched.page.keyboard.press("?")
    assert watched.page.locator("#cx-shortcuts").is_visible()
    owner.shortcuts_enabled = False
    owner.save()
    watched.open(f"/o/{organization.slug}/help/")
    watched.page.keyboard.press("?")
    assert not watched.page.locator("#cx-shortcuts").is_visible()


def test_letters_do_nothing_while_somebody_types(page_as: Callable[..., Watched]) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner)
    watched.open(f"/o/{organization.slug}/palette/")
    watched.page.locator("main input[name=q]").click()
    watched.page.keyboard.type("c?x")
    assert watched.page.locator("main input[name=q]").input_value() == "c?x"
    assert not watched.page.locator("#cx-shortcuts").is_visible()


def test_theme_changes_at_once_and_stays(page_as: Callable[..., Watched]) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/help/")
    page.locator("[popovertarget=cx-theme]").click()
    with page.expect_response("**/theme/"):
        page.locator("button[value=dark]").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert watched.gather() == []


@pytest.mark.parametrize("scripts", [True, False])
def test_phone_opens_the_menu_with_and_without_scripts(page_as: Callable[..., Watched], scripts: bool) -> None:
    organization, owner = an_organization_with_owner()
    watched = page_as(owner, width=390, height=844, scripts=scripts)
    watched.open(f"/o/{organization.slug}/help/")
    page = watched.page
    assert not page.locator("#cx-side").is_visible()
    page.locator(".cx-burger").click()
    assert page.locator("#cx-side").is_visible()
    page.locator("#cx-side a", has_text="Settings").click()
    page.wait_for_url("**/settings/**")


def test_targets_on_phones_are_large_enough_to_hit(page_as: Callable[..., Watched]) -> None:
    staff = a_person("Stella Staff")
    staff.is_staff = True
    staff.save()
    watched = page_as(staff, width=390)
    watched.open("/ui/")
    small = watched.page.evaluate(
        """[...document.querySelectorAll('.cx-btn, .cx-nav a, .cx-views a')]
           .map((element) => [element.outerHTML.slice(0, 120), element.getBoundingClientRect().height])
           .filter(([, height]) => height > 0 && height < 44)"""
    )
    assert small == []


def test_chart_reads_its_points_by_arrow_keys(page_as: Callable[..., Watched]) -> None:
    staff = a_person("Stella Staff")
    staff.is_staff = True
    staff.save()
    watched = page_as(staff)
    watched.open("/ui/")
    page = watched.page
    page.locator("cx-trend").focus()
    assert "Week of 2 November" in page.locator(".cx-tip").inner_text()
    page.keyboard.press("ArrowLeft")
    assert "Week of 26 October" in page.locator(".cx-tip").inner_text()
    page.keyboard.press("Home")
    assert "Week of 5 October" in page.locator(".cx-tip").inner_text()
    assert watched.gather() == []


def test_rows_are_selected_with_a_count_and_by_keyboard(page_as: Callable[..., Watched]) -> None:
    staff = a_person("Stella Staff")
    staff.is_staff = True
    staff.save()
    watched = page_as(staff)
    watched.open("/ui/")
    page = watched.page
    assert not page.locator(".cx-bulk").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert "1 selected" in page.locator(".cx-bulk").inner_text()
    page.locator("[data-all]").check()
    assert "5 selected" in page.locator(".cx-bulk").inner_text()
    page.locator("[data-clear]").click()
    assert not page.locator(".cx-bulk").is_visible()


def test_what_cannot_be_undone_waits_for_the_typed_words(page_as: Callable[..., Watched]) -> None:
    staff = a_person("Stella Staff")
    staff.is_staff = True
    staff.save()
    watched = page_as(staff)
    watched.open("/ui/")
    button = watched.page.locator("form:has([data-confirm]) button")
    assert button.is_disabled()
    watched.page.locator("[data-confirm]").fill("Nordwind")
    assert button.is_enabled()


def test_sign_in_and_out_by_hand_without_scripts(page_as: Callable[..., Watched]) -> None:
    organization = an_organization()
    user = a_member(organization, "manager", name="Mira Lind")
    watched = page_as(scripts=False)
    page = watched.page
    watched.open(f"/o/{organization.slug}/help/")
    page.fill("input[name=login]", user.email)
    page.fill("input[name=password]", "correct horse battery")
    page.locator("button", has_text="Sign in").first.click()
    page.wait_for_url(f"**/o/{organization.slug}/help/")
    page.locator("[popovertarget=cx-account]").click()
    page.locator("#cx-account button", has_text="Sign out").click()
    page.wait_for_url("**/accounts/login/")


def an_organization_with_owner() -> tuple[Organization, Any]:
    owner = a_person("Olga Owner")
    return an_organization("Nordwind", owner=owner), owner
