"""The versions of a survey: page and API."""

from __future__ import annotations

from copy import deepcopy

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def reword(survey: Survey, text: str, *, publish: bool = True) -> None:
    raw = deepcopy(survey.definition)
    raw["pages"][0]["questions"][0]["title"]["en"] = text
    services.update_survey(actor=SYSTEM, survey=survey, definition=raw)
    if publish:
        services.publish_survey(actor=SYSTEM, survey=survey)
    survey.refresh_from_db()


@pytest.fixture
def survey(acme: Organization) -> Survey:
    """Three versions and a draft: other words, the same words in other case, a draft with others again."""
    with tenant(acme):
        survey = a_survey("nps", name="Loyalty")
        an_answer(survey, 9)
        reword(survey, "Would you send a friend to us?")
        reword(survey, "would you send a FRIEND to us")
        reword(survey, "<b>Draft</b> words", publish=False)
    return survey


def address(acme: Organization, survey: Survey) -> str:
    return f"/o/{acme.slug}/surveys/{survey.pk}/versions/"


def test_page_lists_versions_with_what_each_changed(manager: Client, acme: Organization, survey: Survey) -> None:
    body = manager.get(address(acme, survey)).content.decode()
    assert [body.count(f"Version {n}\n</h2>") for n in (1, 2, 3)] == [1, 1, 1]
    assert body.count("breaks the trend") == 2  # version 2, and the draft when it is published
    assert body.count("cosmetic</span>") == 1
    assert "1 answer<" in body
    assert "&lt;b&gt;Draft&lt;/b&gt; words" in body and "<b>Draft</b>" not in body


def test_any_two_versions_are_compared(manager: Client, acme: Organization, survey: Survey) -> None:
    page = manager.get(f"{address(acme, survey)}?before=1&after=3")
    body = page.content.decode()
    assert '<option value="1" selected>' in body and '<option value="3" selected>' in body
    assert [change.kind for change in page.context["compared"].changes] == ["wording_changed"]
    assert page.context["compared"].changes[0].after == "would you send a FRIEND to us"
    assert manager.get(f"{address(acme, survey)}?before=9").status_code == 422


@pytest.mark.parametrize("value", ["%00", "9" * 500, "draft%ED%A0%80", "-1"])
def test_version_that_is_none_is_refused(manager: Client, acme: Organization, survey: Survey, value: str) -> None:
    assert manager.get(f"{address(acme, survey)}?after={value}").status_code == 422


def test_survey_that_was_never_published_says_so(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey(published=False)
    assert "Nothing is published yet" in manager.get(address(acme, survey)).content.decode()


@pytest.mark.parametrize(("role", "status"), [("analyst", 200), ("employee", 403), ("agent", 403)])
def test_versions_obey_the_role(acme: Organization, survey: Survey, role: str, status: int) -> None:
    assert signed_in(a_member(acme, role)).get(address(acme, survey)).status_code == status


def test_another_organisations_versions_are_not_there(manager: Client, acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign = a_survey()
    assert manager.get(address(acme, foreign)).status_code == 404


def test_page_costs_the_same_for_one_version_and_for_three(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(address(acme, survey)).status_code == 200
        return len(captured)

    queries()
    one = queries()
    with tenant(acme):
        reword(survey, "Would you?")
        reword(survey, "Would you really?")
    assert queries() == one


def test_api_tells_versions_differences_and_breaks(acme: Organization, survey: Survey) -> None:
    api = an_api_client(acme)
    body = api.get(f"/api/v1/surveys/{survey.pk}/versions/").json()
    assert [row["version"] for row in body["results"]] == [None, 3, 2, 1]
    second = body["results"][2]
    assert (second["answers"], second["published_at"][-1]) == (0, "Z")
    assert [(d["kind"], d["question"], d["cosmetic"]) for d in second["differences"]] == [
        ("wording_changed", "score", False)
    ]
    assert second["breaks"] == [{"question": "score", "metric": "nps", "reason": "wording"}]
    assert body["results"][1]["breaks"] == []
    assert (body["compared"]["before"], body["compared"]["after"]) == ("3", "draft")
    compared = api.get(f"/api/v1/surveys/{survey.pk}/versions/?before=1&after=2").json()["compared"]
    assert compared["differences"][0]["after"] == "Would you send a friend to us?"
    assert api.get(f"/api/v1/surveys/{survey.pk}/versions/?before=99").status_code in (400, 422)
