"""The results of a survey, its versions and its teams in a real browser: nothing blocked, nothing for axe to find."""

from __future__ import annotations

import os
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.organizations.models import Organization
from apps.organizations.services import create_unit
from apps.surveys import services
from apps.surveys.models import Survey, SurveyVersion
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_person, an_organization
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer
from tests.metrics.test_results import definition

pytestmark = pytest.mark.browser
SYSTEM = Actor.system("test")


@pytest.fixture
def shop(transactional_db: None) -> tuple[Any, Organization, Survey, Survey]:
    """A survey of every kind of question with a break, and an anonymous one of employees in three teams."""
    owner = a_person("Olga Owner")
    organization = an_organization("Shop", owner=owner)
    with tenant(organization):
        survey = a_survey("csat", name="After the visit", definition=definition())
        for number in range(60):
            an_answer(
                survey,
                answers={
                    "happy": 1 + number % 5,
                    "stars": 1 + number % 9,
                    "way": ("web", "web", "phone", "shop")[number % 4],
                    "used": ["a", "b", "c"][: 1 + number % 3],
                    "grid": {"food": ("bad", "good")[number % 2], "staff": ("bad", "good")[number % 3 > 0]},
                    "order": (["price", "speed", "care"], ["care", "price"])[number % 2],
                    "age": 18 + number,
                    "since": f"2026-0{1 + number % 9}-01",
                    "news": number % 3 == 0,
                    **({"why": f"The queue was long, {number} people"} if number % 5 < 2 else {}),
                },
                channel=("web", "phone")[number % 2],
                occurred_at=now() - timedelta(days=3 * number),
            )
        raw = deepcopy(survey.definition)
        raw["pages"][0]["questions"][0]["title"]["en"] = "How happy were you?"
        services.update_survey(actor=SYSTEM, survey=survey, definition=raw)
        services.publish_survey(actor=SYSTEM, survey=survey)
        SurveyVersion.objects.filter(survey=survey, number=2).update(published_at=now() - timedelta(days=80))
        north = create_unit(actor=SYSTEM, name="North", code="n")
        teams = [create_unit(actor=SYSTEM, name=name, code=name, parent=north) for name in ("Berlin", "Kiel", "Bremen")]
        pulse = a_survey("nps", name="Pulse", anonymous=True, audience="employees")
        for team, n in zip(teams, (40, 7, 3), strict=True):
            for number in range(n):
                an_answer(pulse, (9, 10, 3, 8)[number % 4], f"More time, {number}", unit_id=team.pk)
        desk = a_touchpoint("Service desk", key="desk", owner_unit=teams[0])
        at_desk = a_survey("csat", touchpoint=desk)
        for number in range(35):
            an_answer(at_desk, 1 + number % 5)
        fold_pending()
    return owner, organization, survey, pulse


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light")])
def test_results_versions_and_teams_have_no_findings(
    shop: Any, page_as: Callable[..., Any], findings: Callable[[Any], list[str]], width: int, theme: str
) -> None:
    owner, organization, survey, pulse = shop
    watched = page_as(owner, width=width, theme=theme)
    base = f"/o/{organization.slug}/surveys"
    for name, address in (
        ("results", f"{base}/{survey.pk}/"),
        ("narrowed", f"{base}/{survey.pk}/?channel=web&interval=week"),
        ("anonymous", f"{base}/{pulse.pk}/"),
        ("versions", f"{base}/{survey.pk}/versions/"),
        ("teams", f"{base}/{pulse.pk}/teams/"),
        ("answers", f"/o/{organization.slug}/feedback/?survey={survey.pk}&answer:way=web"),
    ):
        assert watched.open(address) == 200
        if folder := os.environ.get("SCREENSHOTS"):
            watched.page.screenshot(path=f"{folder}/{name}-{theme}-{width}.png", full_page=True)
        watched.page.evaluate("document.querySelectorAll('details.cx-data').forEach(one => one.open = true)")
        assert findings(watched.page) == [], address
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert watched.page.evaluate(overflow) <= 0, address
    assert watched.gather() == []
