"""`surveys/{id}/invitations/` from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.dispatch.models import Invitation
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import complete_invitations
from apps.dispatch.suppression import suppress
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey


@pytest.fixture
def organization(db: None) -> Organization:
    return an_organization("Nordwind")


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization)


@pytest.fixture
def survey(organization: Organization) -> Iterator[Survey]:
    with tenant(organization):
        yield a_survey(relationship=True)


def path(survey: Survey) -> str:
    return f"/api/v1/surveys/{survey.pk}/invitations/"


def test_post_answers_202_with_counts_and_queues(client: Any, survey: Survey) -> None:
    asked, new = a_customer_to_ask(), a_customer_to_ask(known_days=1)
    silent = a_customer_to_ask()
    suppress(actor=Actor.system("test"), email=silent.email or "", reason="manual")
    response = client.post(path(survey), {"customers": [str(c.pk) for c in (asked, new, silent)]}, format="json")
    assert response.status_code == 202
    body = response.json()
    assert body["eligible"] == 1
    assert body["blocked"] == {"new_customer_wait": 1, "suppressed": 1}
    assert Invitation.objects.filter(batch_id=body["batch"]).count() == 3


def test_switch_and_time_are_taken(client: Any, survey: Survey) -> None:
    new = a_customer_to_ask(known_days=0)
    body = {
        "customers": [str(new.pk)],
        "ignore_new_customer_wait": True,
        "send_at": "2026-11-30T09:00:00+01:00",
        "something_else": 1,
    }
    assert client.post(path(survey), body, format="json").json()["eligible"] == 1


def test_list_gives_state_and_reason_by_pages(client: Any, survey: Survey) -> None:
    customers = [a_customer_to_ask(), a_customer_to_ask(known_days=1)]
    client.post(path(survey), {"customers": [str(c.pk) for c in customers]}, format="json")
    first = client.get(path(survey), {"limit": 1}).json()
    second = client.get(first["next"]).json()
    assert second["next"] is None
    rows = {row["customer"]["id"]: row for row in first["results"] + second["results"]}
    assert rows[str(customers[0].pk)]["state"] == "queued"
    blocked = rows[str(customers[1].pk)]
    assert (blocked["state"], blocked["reason"], blocked["figures"]["days"]) == ("blocked", "new_customer_wait", 3)
    only = client.get(path(survey), {"state": "blocked", "reason": "new_customer_wait"}).json()["results"]
    assert [row["id"] for row in only] == [blocked["id"]]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "customers"),
        ({"customers": []}, "customers"),
        ({"customers": "all"}, "customers"),
        ({"customers": {"a": 1}}, "customers"),
        ({"customers": ["x"]}, "customers.0"),
        ({"customers": [None]}, "customers.0"),
        ({"customers": [7]}, "customers.0"),
        ({"customers": [str(uuid4())]}, "customers.0"),
        ({"customers": [str(uuid4())] * 10_001}, "customers"),
        ({"segment": str(uuid4())}, "segment"),
        ({"segment": 5}, "segment"),
        ({"customers": [str(uuid4())], "send_at": "tomorrow"}, "send_at"),
        ({"customers": [str(uuid4())], "send_at": "9999-12-31T00:00:00Z"}, "send_at"),
        ({"customers": [str(uuid4())], "channel": "pigeon"}, "channel"),
        ({"customers": [str(uuid4())], "channel": "widget"}, "channel"),
        ({"customers": [str(uuid4())], "ignore_new_customer_wait": "perhaps"}, "ignore_new_customer_wait"),
    ],
)
def test_wrong_wish_is_a_problem_that_names_the_field(
    client: Any, survey: Survey, body: dict[str, Any], field: str
) -> None:
    response = client.post(path(survey), body, format="json")
    assert response.status_code == 400
    assert response["Content-Type"].startswith("application/problem+json")
    assert field in [error["field"] for error in response.json()["errors"]]
    assert not Invitation.objects.exists()


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{", b'{"customers": ["\\ud800"]}', b'{"customers": ["\\u0000"]}'])
def test_hostile_bodies_are_refused(client: Any, survey: Survey, body: bytes) -> None:
    assert client.post(path(survey), body, content_type="application/json").status_code == 400


def test_draft_survey_is_a_conflict(client: Any, survey: Survey) -> None:
    draft = a_survey(published=False)
    response = client.post(path(draft), {"customers": [str(a_customer_to_ask().pk)]}, format="json")
    assert response.status_code == 409


def test_other_organisations_survey_and_customer_do_not_exist(client: Any, survey: Survey) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign, theirs = a_survey(relationship=True), an_invitation()
    assert client.get(path(foreign)).status_code == 404
    body = {"customers": [str(theirs.customer_id)]}
    assert client.post(path(foreign), body, format="json").status_code == 404
    never = client.post(path(survey), {"customers": [str(uuid4())]}, format="json")
    refused = client.post(path(survey), body, format="json")
    assert refused.status_code == never.status_code == 400
    assert refused.json()["errors"][0]["code"] == never.json()["errors"][0]["code"]
    assert client.get(path(survey)).json()["results"] == []


def test_reading_and_sending_need_their_scopes(organization: Organization, survey: Survey) -> None:
    reader = an_api_client(organization, ["surveys.view"])
    assert reader.get(path(survey)).status_code == 200
    assert reader.post(path(survey), {"customers": []}, format="json").status_code == 403
    assert an_api_client(organization, ["customers.view"]).get(path(survey)).status_code == 403


def test_idempotency_key_invites_once(client: Any, survey: Survey) -> None:
    body = {"customers": [str(a_customer_to_ask().pk)]}
    first = client.post(path(survey), body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    again = client.post(path(survey), body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert first.json() == again.json()
    assert Invitation.objects.count() == 1


def test_list_costs_the_same_for_one_and_for_three(client: Any, survey: Survey) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path(survey)).status_code == 200
        return len(captured)

    an_invitation(survey)
    client.get(path(survey))
    one = queries()
    an_invitation(survey)
    an_invitation(survey)
    assert queries() == one


def test_list_of_an_anonymous_survey_does_not_tell_who_answered(client: Any, survey: Survey) -> None:
    anonymous = a_survey(relationship=True, anonymous=True)
    invitations = [an_invitation(anonymous) for _ in range(3)]
    send_due_invitations()
    complete_invitations(invitation_ids=[invitations[0].pk], keep_time=False)
    rows = client.get(path(anonymous)).json()["results"]
    assert [row["state"] for row in rows] == ["sent"] * 3
    assert client.get(path(anonymous), {"state": "completed"}).json()["results"] == []
    assert len(client.get(path(anonymous), {"state": "sent"}).json()["results"]) == 3
