"""The catalogue of templates and the limits of a survey, through the API."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.organizations.models import Organization
from apps.surveys.catalogue import TEMPLATES
from apps.surveys.definition import parse_definition
from tests.factories import an_api_client, an_organization

pytestmark = pytest.mark.django_db

URL = "/api/v1/"


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme & Sons")


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


def test_catalogue_lists_every_template_in_the_languages_asked_for(api: APIClient) -> None:
    body = api.get(f"{URL}survey-templates/?languages=de,ar").json()
    assert body["next"] is None
    assert [template["id"] for template in body["results"]] == list(TEMPLATES)
    promised = {"nps_relationship", "nps_touchpoint", "csat", "ces2", "enps", "enablement", "onboarding", "product"}
    assert promised | {"closing_case", "event", "exit", "website"} <= set(TEMPLATES)
    for template in body["results"]:
        assert parse_definition(template["definition"]).languages == ("de", "ar")
        assert template["languages"] == ["en", "de", "es", "fr", "ar"]


def test_standard_wordings_of_the_catalogue_are_those_of_the_rules(api: APIClient) -> None:
    found = {template["id"]: template for template in api.get(f"{URL}survey-templates/?languages=en").json()["results"]}

    def asked(name: str, question: int = 0) -> str:
        text: str = found[name]["definition"]["pages"][0]["questions"][question]["title"]["en"]
        return text

    assert asked("nps_relationship") == "How likely are you to recommend Acme & Sons to a friend or colleague?"
    assert asked("nps_touchpoint", 1) == "What is the main reason for your score?"
    assert asked("csat") == "How satisfied were you with our service?"
    assert asked("ces2") == "Acme & Sons made it easy for me to handle my issue."


def test_survey_is_made_from_a_template_and_published(api: APIClient) -> None:
    body = {"name": "Exit", "template": "exit", "languages": ["en", "fr"]}
    made = api.post(f"{URL}surveys/", body, format="json")
    assert made.status_code == 201, made.content
    assert made.json()["languages"] == ["en", "fr"]
    assert "template" not in made.json()
    assert api.post(f"{URL}surveys/{made.json()['id']}/publish/", {}, format="json").json() == {"version": 1}
    employees = api.post(f"{URL}surveys/", {"name": "eNPS", "template": "enps"}, format="json").json()
    assert (employees["audience"], employees["anonymous"], employees["relationship"]) == ("employees", True, False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"template": "nothing"}, "template"),
        ({"template": ["csat"]}, "template"),
        ({"template": "csat\x00"}, "template"),
        ({"template": "csat", "definition": {"pages": []}}, "definition"),
        ({"template": "csat", "languages": ["?"]}, "languages"),
        ({"closes_at": "tomorrow"}, "closes_at"),
        ({"answer_limit": 0}, "answer_limit"),
        ({"answer_limit": 10**30}, "answer_limit"),
        ({"answer_limit": True}, "answer_limit"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(api: APIClient, body: dict[str, Any], field: str) -> None:
    response = api.post(f"{URL}surveys/", {"name": "X", **body}, format="json")
    assert response.status_code == 400, response.content
    assert response.json()["errors"][0]["field"].partition(".")[0] == field


def test_unknown_language_codes_of_the_catalogue_are_refused(api: APIClient) -> None:
    assert api.get(f"{URL}survey-templates/?languages=en,no language").status_code == 400


def test_end_and_limit_are_set_shown_and_taken_away(api: APIClient) -> None:
    body = {"name": "X", "closes_at": "2027-01-31T18:00:00+01:00", "answer_limit": 500}
    made = api.post(f"{URL}surveys/", body, format="json").json()
    assert (made["closes_at"], made["answer_limit"]) == ("2027-01-31T17:00:00Z", 500)
    changed = api.patch(f"{URL}surveys/{made['id']}/", {"closes_at": None, "answer_limit": None}, format="json").json()
    assert (changed["closes_at"], changed["answer_limit"]) == (None, None)


def test_catalogue_needs_the_right_to_see_surveys(acme: Organization) -> None:
    assert an_api_client(acme, scopes=["customers.view"]).get(f"{URL}survey-templates/").status_code == 403
