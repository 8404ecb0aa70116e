"""`surveys/` and `surveys/{id}/responses/` as outsiders use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.organizations.models import Organization
from apps.surveys.models import Response, Survey
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.maps import a_touchpoint
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


def post(api: APIClient, path: str, body: Any, **headers: Any) -> Any:
    return api.post(f"/api/v1/{path}", body, format="json", **headers)


def live(acme: Organization, kind: str = "nps", **values: Any) -> Survey:
    with tenant(acme):
        return a_survey(kind, **values)


def test_from_nothing_to_an_answer(api: APIClient, acme: Organization) -> None:
    made = post(api, "surveys/", {"name": "Welcome", "kind": "nps", "relationship": True})
    assert made.status_code == 201
    assert made.json()["definition"]["version"] == 1
    survey = f"surveys/{made.json()['id']}"
    assert post(api, f"{survey}/responses/", {"answers": {"score": 9}}).status_code == 409
    published = post(api, f"{survey}/publish/", {})
    assert (published.status_code, published.json()) == (200, {"version": 1})
    answered = post(
        api,
        f"{survey}/responses/",
        {"answers": {"score": 9, "reason": "Quick"}, "customer": {"external_id": "C-1"}, "source_id": "r1"},
    )
    assert answered.status_code == 201
    body = answered.json()
    assert body["answers"] == {"score": 9, "reason": "Quick"}
    assert body["customer"]["external_id"] == "C-1"
    assert (body["score"], body["comment"], body["completed"], body["channel"]) == (9, "Quick", True, "api")
    assert answered["ETag"]
    assert api.get(answered["Location"]).json() == body
    assert api.get(f"/api/v1/{survey}/responses/").json() == {"results": [body], "next": None}


def test_a_repeated_source_id_answers_with_the_changed_answer(api: APIClient, acme: Organization) -> None:
    path = f"surveys/{live(acme).pk}/responses/"
    first = post(api, path, {"answers": {"score": 3}, "source_id": "r1"}).json()
    again = post(api, path, {"answers": {"score": 8}, "source_id": "r1"})
    assert again.status_code == 201
    assert (again.json()["id"], again.json()["score"]) == (first["id"], 8)


def test_a_list_is_taken_in_parts(api: APIClient, acme: Organization) -> None:
    answers = [{"answers": {"score": 9}}, {"answers": {"score": 99}}, {"answers": {"score": 1}, "completed": False}]
    outcome = post(api, f"surveys/{live(acme).pk}/responses/", answers)
    assert outcome.status_code == 200
    assert outcome.json()["accepted"] == 2
    [refused] = outcome.json()["refused"]
    assert (refused["index"], refused["errors"][0]["field"]) == (1, "answers.score")


def test_the_touchpoint_is_given_by_key(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        key = a_touchpoint().key
    made = post(api, "surveys/", {"name": "After call", "kind": "csat", "touchpoint": key})
    assert made.json()["touchpoint"] == key
    post(api, f"surveys/{made.json()['id']}/publish/", {})
    path = f"surveys/{made.json()['id']}/responses/"
    assert post(api, path, {"answers": {"score": 5}}).json()["touchpoint"] == key
    refused = post(api, path, {"answers": {"score": 5}, "touchpoint": "nowhere"})
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["touchpoint"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"answers": {"score": 11}}, "answers.score"),
        ({"answers": {"score": 9.5}}, "answers.score"),
        ({"answers": {"score": True}}, "answers.score"),
        ({"answers": {}}, "answers.score"),
        ({}, "answers"),
        ({"answers": []}, "answers"),
        ({"answers": {"score": 1}, "customer": "Bob"}, "customer"),
        ({"answers": {"score": 1}, "customer": {"id": str(uuid4())}}, "customer.id"),
        ({"answers": {"score": 1}, "customer": {"email": "no address"}}, "customer.email"),
        ({"answers": {"score": 1}, "channel": "pigeon"}, "channel"),
        ({"answers": {"score": 1}, "language": "not a language"}, "language"),
        ({"answers": {"score": 1}, "occurred_at": "2999-01-01"}, "occurred_at"),
        ({"answers": {"score": 1}, "source_id": "x" * 201}, "source_id"),
        ({"answers": {"score": 1}, "completed": "yes"}, "completed"),
        ({"answers": {"score": 1}, "attributes": {"a": [1]}}, "attributes"),
    ],
)
def test_a_refused_answer_names_the_field(api: APIClient, acme: Organization, body: Any, field: str) -> None:
    refused = post(api, f"surveys/{live(acme).pk}/responses/", body)
    assert refused.status_code == 400
    assert refused["Content-Type"] == "application/problem+json"
    assert field in [error["field"] for error in refused.json()["errors"]]
    with tenant(acme):
        assert not Response.objects.exists()


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 5000, b'{"answers": {"score": "\\u0000"}}', b'"x"', b"5", b"null"])
def test_bodies_that_are_no_answer_are_refused(api: APIClient, acme: Organization, raw: bytes) -> None:
    path = f"/api/v1/surveys/{live(acme).pk}/responses/"
    assert api.post(path, raw, content_type="application/json").status_code == 400


def test_more_than_a_thousand_answers_are_refused_whole(api: APIClient, acme: Organization) -> None:
    refused = post(api, f"surveys/{live(acme).pk}/responses/", [{"answers": {"score": 1}}] * 1001)
    assert refused.status_code == 400


def test_an_idempotency_key_counts_once(api: APIClient, acme: Organization) -> None:
    path = f"surveys/{live(acme).pk}/responses/"
    answers = [post(api, path, {"answers": {"score": 9}}, HTTP_IDEMPOTENCY_KEY="k1") for _ in range(2)]
    assert answers[0].content == answers[1].content
    assert post(api, path, {"answers": {"score": 1}}, HTTP_IDEMPOTENCY_KEY="k1").status_code == 422
    with tenant(acme):
        assert Response.objects.count() == 1


def test_surveys_of_another_organisation_are_not_there(api: APIClient) -> None:
    other = an_organization("Other")
    foreign = live(other)
    with tenant(other):
        answer = an_answer(foreign)
    nowhere = uuid4()
    calls: list[Callable[[Any], Any]] = [
        lambda pk: api.get(f"/api/v1/surveys/{pk}/"),
        lambda pk: api.patch(f"/api/v1/surveys/{pk}/", {"name": "x"}, format="json"),
        lambda pk: api.delete(f"/api/v1/surveys/{pk}/"),
        lambda pk: api.get(f"/api/v1/surveys/{pk}/definition/"),
        lambda pk: post(api, f"surveys/{pk}/publish/", {}),
        lambda pk: post(api, f"surveys/{pk}/close/", {}),
        lambda pk: api.get(f"/api/v1/surveys/{pk}/responses/"),
        lambda pk: post(api, f"surveys/{pk}/responses/", {"answers": {"score": 9}}),
        lambda pk: post(api, f"surveys/{pk}/responses/", [{"answers": {"score": 9}}]),
        lambda pk: api.get(f"/api/v1/surveys/{pk}/responses/{answer.pk}/"),
    ]
    for call in calls:
        theirs, never = call(foreign.pk), call(nowhere)
        assert theirs.status_code == never.status_code == 404
        assert theirs.content == never.content
    mine = live(Organization.objects.get(name="Acme"))
    assert api.get(f"/api/v1/surveys/{mine.pk}/responses/{answer.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("surveys.view", {"get"}),
        ("surveys.edit", {"post"}),
        ("feedback.view", {"list"}),
        ("feedback.create", {"answer"}),
    ],
)
def test_a_key_does_what_its_scope_says(acme: Organization, scope: str, allowed: set[str]) -> None:
    survey, api = live(acme), an_api_client(acme, [scope])
    calls = {
        "get": lambda: api.get("/api/v1/surveys/"),
        "post": lambda: post(api, "surveys/", {"name": "x"}),
        "publish": lambda: post(api, f"surveys/{survey.pk}/publish/", {}),
        "list": lambda: api.get(f"/api/v1/surveys/{survey.pk}/responses/"),
        "answer": lambda: post(api, f"surveys/{survey.pk}/responses/", {"answers": {"score": 9}}),
    }
    answered = {name for name, call in calls.items() if call().status_code != 403}
    assert answered == allowed


def test_answers_of_an_anonymous_survey_are_listed_all_or_not_at_all(api: APIClient, acme: Organization) -> None:
    survey = live(acme, anonymous=True)
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    for _ in range(7):
        assert post(api, f"surveys/{survey.pk}/responses/", {"answers": {"score": 9}}).status_code == 201
    assert api.get(path).json()["results"] == []
    post(api, f"surveys/{survey.pk}/responses/", {"answers": {"score": 9}, "customer": {"external_id": "C-1"}})
    rows = api.get(path).json()["results"]
    assert len(rows) == 8
    assert {row["customer"] for row in rows} == {None}
    assert api.get(f"{path}?score=9").status_code == 400


def test_filters_choose_answers(api: APIClient, acme: Organization) -> None:
    survey = live(acme)
    path = f"surveys/{survey.pk}/responses/"
    for score, channel, at in ((1, "phone", "2026-01-01T10:00:00Z"), (9, "web", "2026-01-02T10:00:00Z")):
        post(api, path, {"answers": {"score": score}, "channel": channel, "occurred_at": at})

    def scores(query: str) -> list[int]:
        return [row["score"] for row in api.get(f"/api/v1/{path}?{query}").json()["results"]]

    assert scores("channel=phone") == [1]
    assert scores("score=9") == [9]
    assert scores("from=2026-01-01&to=2026-01-01") == [1]
    assert scores("from=2026-01-01T10:00:00Z&to=2026-01-02T10:00:00Z") == [1]
    assert scores("ordering=occurred_at") == [1, 9]
    assert api.get(f"/api/v1/{path}?from=soon").status_code == 400


def test_pages_follow_each_other_without_gap(api: APIClient, acme: Organization) -> None:
    path = f"surveys/{live(acme).pk}/responses/"
    post(api, path, [{"answers": {"score": n}, "occurred_at": "2026-01-01T00:00:00Z"} for n in range(7)])
    found, url = [], f"/api/v1/{path}?limit=3"
    while url:
        page = api.get(url).json()
        found += [row["id"] for row in page["results"]]
        url = page["next"]
    assert len(found) == len(set(found)) == 7


@pytest.mark.parametrize("address", ["surveys/", "surveys/{id}/responses/"])
def test_lists_cost_the_same_for_one_and_three(api: APIClient, acme: Organization, address: str) -> None:
    survey = live(acme)
    with tenant(acme):
        touchpoint = a_touchpoint()
    path = f"/api/v1/{address.format(id=survey.pk)}"
    counts = []
    for rows in (1, 2):
        for _ in range(rows):
            live(acme, touchpoint=touchpoint)
            post(
                api,
                f"surveys/{survey.pk}/responses/",
                {"answers": {"score": 9}, "touchpoint": touchpoint.key, "customer": {"external_id": str(uuid4())}},
            )
        with CaptureQueriesContext(connection) as counted:
            assert api.get(path).status_code == 200
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_definition_is_the_published_one_unless_asked(api: APIClient, acme: Organization) -> None:
    survey = live(acme)
    published = api.get(f"/api/v1/surveys/{survey.pk}/definition/").json()
    draft = {**published, "thank_you": {"title": {"en": "Ta"}}}
    assert api.patch(f"/api/v1/surveys/{survey.pk}/", {"definition": draft}, format="json").status_code == 200
    assert api.get(f"/api/v1/surveys/{survey.pk}/definition/").json() == published
    assert api.get(f"/api/v1/surveys/{survey.pk}/definition/?version=draft").json() == draft
    assert api.get(f"/api/v1/surveys/{survey.pk}/definition/?version=1").json() == published
    assert api.get(f"/api/v1/surveys/{survey.pk}/definition/?version=2").status_code == 404
    assert api.get(f"/api/v1/surveys/{survey.pk}/definition/?version=x").status_code == 400


def test_a_definition_is_refused_by_the_path_of_its_field(api: APIClient) -> None:
    definition = {"languages": ["en"], "pages": [{"id": "p", "questions": [{"id": "q", "type": "stars"}]}]}
    refused = post(api, "surveys/", {"name": "x", "kind": "custom", "definition": definition})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"] == "definition.pages.0.questions.0.type"


def test_a_stale_change_is_refused(api: APIClient, acme: Organization) -> None:
    path = f"/api/v1/surveys/{live(acme).pk}/"
    etag = api.get(path)["ETag"]
    assert api.patch(path, {"name": "One"}, format="json", HTTP_IF_MATCH=etag).status_code == 200
    assert api.patch(path, {"name": "Two"}, format="json", HTTP_IF_MATCH=etag).status_code == 412


def test_an_answer_can_be_removed(api: APIClient, acme: Organization) -> None:
    path = f"surveys/{live(acme).pk}/responses/"
    address = post(api, path, {"answers": {"score": 9}})["Location"]
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404
