"""Real paths of a map, walked through in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from apps.organizations.models import Organization
from apps.paths import queries, services
from apps.paths.models import PathReport
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.paths.by_hand import Event
from tests.paths.conftest import START, a_map, walk

pytestmark = pytest.mark.browser


def at(who: str, *names: str) -> list[Event]:
    return [Event(who, name, START + number * timedelta(hours=1), number) for number, name in enumerate(names)]


@pytest.fixture
def moving(transactional_db: None) -> tuple[Any, Organization, Any]:
    """A map of three touchpoints: two customers walk it, one skips and comes again, one does something else."""
    owner = a_person("Olga Owner")
    organization = an_organization("Mover", owner=owner)
    with tenant(organization):
        journey = a_map(("quote", "visit", "bill"), name="Moving")
        walk([*at("ada", "quote", "visit", "bill"), *at("bo", "quote", "visit", "bill")])
        walk([*at("cy", "quote", "bill", "quote", "quote"), *at("di", "tweet")])
    return owner, organization, journey


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 320)])
def test_ways_lead_from_the_map_to_what_happens_between(
    moving: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], theme: str, width: int
) -> None:
    owner, organization, journey = moving
    watched = page_as(owner, width=width, theme=theme)
    page = watched.page
    base = f"/o/{organization.slug}/journeys/{journey.pk}/"
    watched.open(f"{base}paths/?period=all")
    assert "67\xa0%" in page.inner_text("main")
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="skip 1").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/paths/between/?*source=quote*")
    assert page.input_value("[name=target]") == "bill"
    assert "100\xa0%" in page.inner_text("#answer")
    assert findings(page) == []
    watched.open(f"{base}paths/channels/?period=all")
    assert findings(page) == []
    watched.open(base)
    assert "Follow the map" in page.inner_text("main, body")
    assert findings(page) == []


def test_loose_event_is_added_to_the_library(
    moving: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]]
) -> None:
    owner, organization, journey = moving
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/journeys/{journey.pk}/paths/?period=all")
    page.get_by_role("link", name="Add to library tweet").click()
    page.wait_for_url("**/paths/event/?event=tweet")
    assert findings(page) == []
    page.get_by_role("button", name="Add to library").click()
    page.wait_for_url("**/touchpoints/*-*/")
    assert "tweet" in page.inner_text("main")


def test_large_count_shows_itself_when_it_is_done(
    moving: Any,
    page_as: Callable[..., Any],
    findings: Callable[[Any], list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(queries, "MOST_AT_ONCE", 2)
    owner, organization, journey = moving
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/journeys/{journey.pk}/paths/?period=all")
    page.wait_for_selector("progress")
    assert findings(page) == []
    with tenant(organization):
        services.run_report(PathReport.objects.get().pk)
    page.wait_for_selector("svg.cx-paths", timeout=30_000)
    assert page.query_selector("progress") is None
    assert findings(page) == []
