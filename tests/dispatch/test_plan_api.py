"""`send-plans/` and the simulations from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.dispatch import plans
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.planning import run_plan
from apps.dispatch.services import complete_invitations
from apps.organizations.models import Organization
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.dispatch import a_customer_to_ask, a_send_plan, an_invitation
from tests.factories.surveys import a_survey

PLANS = "/api/v1/send-plans/"
SYSTEM = Actor.system("test")


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    organization = an_organization("Nordwind")
    with tenant(organization):
        yield organization


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization)


@pytest.fixture
def survey(organization: Organization) -> Survey:
    return a_survey(relationship=True)


def a_group(*customers: Any) -> Segment:
    segment = Segment.objects.create(name=f"Group {uuid4()}", kind="static", state="ready", size=len(customers))
    for customer in customers:
        SegmentMember.objects.create(segment=segment, customer=customer)
    return segment


def a_wish(survey: Survey, *customers: Any, **fields: Any) -> dict[str, Any]:
    return {"survey": str(survey.pk), "segment": str(a_group(*customers).pk), "name": "Autumn", **fields}


def test_plan_is_made_simulated_started_and_followed(client: Any, survey: Survey) -> None:
    asked, new = a_customer_to_ask(), a_customer_to_ask(known_days=1)
    made = client.post(PLANS, a_wish(survey, asked, new, per_day=20, reminder_days=[3, 7]), format="json")
    assert made.status_code == 201
    plan = made.json()
    assert (plan["state"], plan["per_day"], plan["reminder_days"]) == ("draft", 20, [3, 7])
    path = f"{PLANS}{plan['id']}/"
    tried = client.post(f"{path}simulate/", {}, format="json").json()
    assert (tried["considered"], tried["eligible"], tried["blocked"]) == (2, 1, {"new_customer_wait": 1})
    assert (tried["days"], tried["estimate"], tried["is_done"]) == (1, None, True)
    assert tried["forecast"][:4] == [1, 1, 2, 2]
    assert len(tried["forecast"]) == 31
    assert client.patch(path, {"quota": 10}, format="json").json()["quota"] == 10
    assert client.post(f"{path}start/", {}, format="json").json()["state"] == "active"
    run_plan(SendPlan.objects.get())
    progress = client.get(f"{path}progress/").json()
    assert (progress["considered"], progress["queued"], progress["blocked"]) == (2, 1, {"new_customer_wait": 1})
    assert progress["response_rate"] == {"rate": None, "low": None, "high": None, "n": 0}
    decisions = {row["customer"]: row for row in client.get(f"{path}decisions/").json()["results"]}
    assert decisions[str(asked.pk)]["state"] == "queued"
    assert "the first survey waits 3 days" in decisions[str(new.pk)]["sentence"]
    only = client.get(f"{path}decisions/", {"state": "blocked"}).json()["results"]
    assert [row["customer"] for row in only] == [str(new.pk)]


def test_plan_rests_goes_on_and_ends(client: Any, survey: Survey) -> None:
    path = f"{PLANS}{client.post(PLANS, a_wish(survey, a_customer_to_ask()), format='json').json()['id']}/"
    assert client.post(f"{path}pause/", {}, format="json").status_code == 409
    for act, state in (("start", "active"), ("pause", "paused"), ("resume", "active"), ("stop", "stopped")):
        assert client.post(f"{path}{act}/", {}, format="json").json()["state"] == state
    assert client.get(path).json()["reason"] == "by_hand"
    assert client.delete(path).status_code == 409
    assert client.post(f"{path}start/", {}, format="json").status_code == 409


def test_draft_is_removed(client: Any, survey: Survey) -> None:
    path = f"{PLANS}{client.post(PLANS, a_wish(survey), format='json').json()['id']}/"
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"survey": "x"}, "survey"),
        ({"survey": None}, "survey"),
        ({"survey": str(uuid4())}, "survey"),
        ({"segment": str(uuid4())}, "segment"),
        ({"segment": {"a": 1}}, "segment"),
        ({"unit": str(uuid4())}, "unit"),
        ({"channel": "pigeon"}, "channel"),
        ({"channel": "widget"}, "channel"),
        ({"trigger": "bought"}, "trigger"),
        ({"trigger": {"event": ""}}, "trigger.event"),
        ({"trigger": {"event": "bought", "where": {"a": []}}}, "trigger.where.a"),
        ({"starts_at": "9999-12-31T00:00:00Z"}, "starts_at"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
        ({"per_day": 0}, "per_day"),
        ({"per_day": 10**30}, "per_day"),
        ({"per_day": True}, "per_day"),
        ({"sample_percent": 0}, "sample_percent"),
        ({"sample_percent": "inf"}, "sample_percent"),
        ({"reminder_days": [7, 3]}, "reminder_days"),
        ({"reminder_days": ["x"]}, "reminder_days.0"),
        ({"reminder_days": 3}, "reminder_days"),
        ({"texts": {"en": {"subject": "{{ secrets }}"}}}, "texts.en.subject"),
        ({"texts": []}, "texts"),
        ({"texts": {"en": {"body": "x"}}}, "texts.en"),
        ({"name": ""}, "name"),
        ({"name": "x" * 300}, "name"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"delay_minutes": 5}, "delay_minutes"),
    ],
)
def test_wrong_plan_is_a_problem_that_names_the_field(
    client: Any, survey: Survey, fields: dict[str, Any], field: str
) -> None:
    answer = client.post(PLANS, {**a_wish(survey), **fields}, format="json")
    assert answer.status_code == 400
    assert answer["Content-Type"].startswith("application/problem+json")
    assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.json()["errors"]
    assert not SendPlan.objects.exists()


@pytest.mark.parametrize("channel", ["sms", "chat"])
def test_channel_without_a_provider_is_a_conflict_that_names_it(client: Any, survey: Survey, channel: str) -> None:
    made = client.post(PLANS, a_wish(survey, channel=channel), format="json")
    customers = {"customers": [str(a_customer_to_ask().pk)], "channel": channel}
    invited = client.post(f"/api/v1/surveys/{survey.pk}/invitations/", customers, format="json")
    for answer in (made, invited):
        assert answer.status_code == 409
        (error,) = answer.json()["errors"]
        assert error["field"] == "channel" and f"“{channel}”" in error["message"]
    assert not SendPlan.objects.exists() and not Invitation.objects.exists()


def test_plan_without_anybody_cannot_start_or_be_simulated(client: Any, survey: Survey) -> None:
    made = client.post(PLANS, {"survey": str(survey.pk)}, format="json").json()
    assert made["name"] == survey.name
    for act in ("start", "simulate"):
        answer = client.post(f"{PLANS}{made['id']}/{act}/", {}, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "segment")


def test_invitations_are_simulated_as_they_would_be_made(client: Any, survey: Survey) -> None:
    asked, new = a_customer_to_ask(), a_customer_to_ask(known_days=1)
    body = {"customers": [str(asked.pk), str(new.pk)]}
    path = f"/api/v1/surveys/{survey.pk}/invitations/"
    tried = client.post(f"{path}simulate/", body, format="json")
    assert tried.status_code == 200
    assert tried.json() == {"eligible": 1, "blocked": {"new_customer_wait": 1}, "left_out": 0, "estimate": None}
    assert not Invitation.objects.exists()
    made = client.post(path, body, format="json").json()
    assert (made["eligible"], made["blocked"]) == (1, {"new_customer_wait": 1})
    unknown = client.post(f"{path}simulate/", {"customers": [str(uuid4())]}, format="json")
    assert unknown.json()["errors"][0]["field"] == "customers.0"


def test_other_organisations_plan_survey_and_segment_do_not_exist(client: Any, survey: Survey) -> None:
    with tenant(an_organization("Other")):
        theirs = a_send_plan()
        their_survey, their_segment = str(theirs.survey_id), str(theirs.segment_id)
    for method, tail in (
        ("get", ""),
        ("patch", ""),
        ("delete", ""),
        ("post", "start/"),
        ("post", "simulate/"),
        ("get", "progress/"),
        ("get", "decisions/"),
    ):
        assert getattr(client, method)(f"{PLANS}{theirs.pk}/{tail}").status_code == 404
    for wish in ({**a_wish(survey), "survey": their_survey}, {**a_wish(survey), "segment": their_segment}):
        answer = client.post(PLANS, wish, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "not_found")
    assert client.get(PLANS).json()["results"] == []


def test_reading_and_sending_need_their_scopes(organization: Organization, survey: Survey) -> None:
    plan = a_send_plan()
    reader = an_api_client(organization, ["surveys.view"])
    assert reader.get(f"{PLANS}{plan.pk}/").status_code == 200
    assert reader.get(f"{PLANS}{plan.pk}/progress/").status_code == 200
    assert reader.post(f"{PLANS}{plan.pk}/start/", {}, format="json").status_code == 403
    assert reader.post(f"{PLANS}{plan.pk}/simulate/", {}, format="json").status_code == 403
    assert an_api_client(organization, ["customers.view"]).get(PLANS).status_code == 403


def test_anonymous_survey_never_tells_who_answered(client: Any, organization: Organization) -> None:
    survey = a_survey(relationship=True, anonymous=True)
    plan = plans.create_plan(
        actor=SYSTEM, survey=survey, segment_id=a_group(a_customer_to_ask(), a_customer_to_ask()).pk
    )
    run_plan(plans.start_plan(actor=SYSTEM, plan=plan))
    Invitation.objects.update(state="sent", sent_at=now())
    complete_invitations(invitation_ids=[Invitation.objects.all()[0].pk], keep_time=False)
    rows = client.get(f"{PLANS}{plan.pk}/decisions/").json()["results"]
    assert [row["state"] for row in rows] == ["sent", "sent"]
    assert client.get(f"{PLANS}{plan.pk}/decisions/", {"state": "completed"}).json()["results"] == []
    assert client.get(f"{PLANS}{plan.pk}/progress/").json()["answered"] == 1


def test_lists_cost_the_same_for_one_and_for_three(client: Any, organization: Organization) -> None:
    def queries(path: str) -> int:
        client.get(path)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    plan = a_send_plan()
    Invitation.objects.filter(pk=an_invitation().pk).update(plan=plan)
    one = queries(PLANS), queries(f"{PLANS}{plan.pk}/decisions/")
    for _ in range(2):
        a_send_plan()
        Invitation.objects.filter(pk=an_invitation().pk).update(plan=plan)
    assert (queries(PLANS), queries(f"{PLANS}{plan.pk}/decisions/")) == one
