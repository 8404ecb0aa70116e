"""Whole stories in a real browser: from signing up to the first published map, and from a file to the scores in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.imports.carrying import run_import
from apps.imports.models import ImportJob
from apps.journeys.models import Journey
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import drain
from cxm.scope import tenant
from tests.factories import a_person, an_organization

pytestmark = pytest.mark.browser

TELECOM = Path(__file__).resolve().parents[3] / "shared" / "data" / "telecom_nps_verbatims.csv"


def work_off(organization: Organization) -> None:
    """What a worker does: imports that wait, then events until none is left."""
    with tenant(organization):
        for job in ImportJob.objects.filter(state="queued"):
            run_import(job.pk)
        while OutboxEvent.objects.exists():
            drain(seconds=30)


def test_a_newcomer_signs_up_founds_an_organisation_and_publishes_a_first_map(
    page_as: Callable[..., Any], findings: Callable[[Any], list[str]]
) -> None:
    watched = page_as()
    page = watched.page
    watched.open("/accounts/signup/")
    page.fill("[name=name]", "Nina Newcomer")
    page.fill("[name=email]", "nina@newcomer.example")
    page.fill("[name=password1]", "a sentence nobody guesses")
    page.click("main button[type=submit]")
    page.get_by_role("link", name="Create an organisation").click()
    page.wait_for_url("**/organizations/new/")
    page.fill("[name=name]", "Newcomer Ltd")
    page.click("main form button.cx-btn-p")
    page.wait_for_url("**/o/newcomer-ltd/**")
    assert findings(page) == []
    watched.open("/o/newcomer-ltd/journeys/new/")
    page.get_by_role("link", name="Simple outline").click()
    page.fill("[name=name]", "From offer to first bill")
    page.locator("textarea").first.fill("Offer\nContract\nFirst bill")
    page.click("main form button.cx-btn-p")
    page.wait_for_url(re.compile(r"/journeys/[0-9a-f-]{36}/"))
    organization = Organization.objects.get(slug="newcomer-ltd")
    with tenant(organization):
        journey = Journey.objects.get()
        assert journey.published_version is None
    watched.open(f"/o/newcomer-ltd/journeys/{journey.pk}/publish/")
    page.fill("[name=purpose]", "What we believe today")
    page.click("main form button.cx-btn-p")
    page.wait_for_url(re.compile(rf"/journeys/{journey.pk}/(versions/)?(\?.*)?$"))
    with tenant(organization):
        journey.refresh_from_db()
        assert journey.published_version == 1


def test_the_telecom_file_becomes_the_real_picture_of_that_company(
    page_as: Callable[..., Any], findings: Callable[[Any], list[str]]
) -> None:
    if not TELECOM.exists():
        pytest.skip("the telecom answers are not here: put the shared data folder beside the repository")
    owner = a_person("Tessa Telecom")
    organization = an_organization("Telecom", owner=owner)
    watched = page_as(owner)
    page = watched.page
    watched.open(f"/o/{organization.slug}/imports/new/")
    page.get_by_role("link", name="Answers to a survey").click()
    page.select_option("[name=survey]", "new-nps")
    page.fill("[name=survey_name]", "NPS after each stage")
    page.set_input_files("[name=file]", TELECOM)
    page.click("main form button.cx-btn-p")
    page.wait_for_url(re.compile(r"/imports/[0-9a-f-]{36}/"))
    for target, column in (
        ("occurred_at", "CUSTOMER_RESPONSE_DATE"),
        ("score", "NPS_SCORE"),
        ("comment", "text"),
        ("touchpoint", "SURVEY_SUB_TYPE"),
    ):
        assert page.locator(f"[name='map.{target}']").input_value() == column
    assert findings(page) == []
    page.click("main form button.cx-btn-p")
    page.wait_for_selector("progress")
    work_off(organization)
    page.wait_for_selector("text=/2.?353 rows taken/")
    assert page.locator("text=32 rows refused").count() == 1
    assert findings(page) == []
    watched.open(f"/o/{organization.slug}/?period=all")
    table = page.locator("table.cx-heat")
    for stage, score, answers in (
        ("Order", "−10", "962"),
        ("Equipment Received", "−57", "231"),
        ("First Payment", "−29", "1,130"),
        ("Service in Use", "−77", "30"),
    ):
        row = table.locator("tr", has_text=stage).first.inner_text()
        assert score in row, f"{stage}: {row}"
        assert re.search(r"\(.+ to .+\)", row), f"{stage}: {row}"
        assert re.sub(r"\D", "", answers) in re.sub(r"[\s,\u202f]", "", row), f"{stage}: {row}"
    assert findings(page) == []
