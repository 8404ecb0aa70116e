"""Why somebody was asked or not: on the profile, on a page of its own, by the API; in sentences with figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.dispatch.explaining import RULE_NAMES, decision_sentence, explanation
from apps.dispatch.fatigue import RULES
from apps.dispatch.models import Invitation
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import complete_invitations
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.maps import a_touchpoint
from tests.factories.people import a_unit
from tests.factories.surveys import a_survey

UTC = ZoneInfo("UTC")


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    organization = an_organization("Nordwind")
    with tenant(organization):
        yield organization


@pytest.fixture
def analyst(organization: Organization) -> Client:
    return signed_in(a_member(organization, "analyst"))


def page(organization: Organization, customer: Any) -> str:
    return f"/o/{organization.slug}/customers/{customer.pk}/contact-frequency/"


def api(customer: Any) -> str:
    return f"/api/v1/customers/{customer.pk}/contact-frequency/"


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_name_and_a_sentence(rule: str) -> None:
    assert rule in RULE_NAMES
    assert " " in decision_sentence(rule, {}, UTC)


def test_sentence_of_a_blocked_one_names_rule_and_figures(organization: Organization) -> None:
    survey, customer = a_survey(relationship=True), a_customer_to_ask()
    asked = an_invitation(survey, customer)
    blocked = an_invitation(survey, customer)
    free = timezone.localdate(asked.send_at + timedelta(days=30), UTC)
    assert "at most 1 survey in 30 days" in explanation(blocked, UTC)
    assert f"possible again from {free.strftime('%b')}" in explanation(blocked, UTC).replace("Sept", "Sep")
    assert "0 of 1 surveys of any kind in 30 days" in explanation(asked, UTC)


def test_profile_shows_counters_ledger_and_when_there_is_room_again(
    organization: Organization, analyst: Client
) -> None:
    customer = a_customer_to_ask()
    touchpoint = a_touchpoint(name="Meter visit")
    an_invitation(a_survey(name="After the visit", touchpoint=touchpoint), customer)
    an_invitation(a_survey(name="Every quarter", relationship=True), customer)
    html = analyst.get(f"/o/{organization.slug}/customers/{customer.pk}/").content.decode()
    assert "Surveys: why asked or not" in html
    assert "About “Meter visit”" in html
    assert "After the visit" in html
    assert "Not asked" in html
    assert "May this customer be asked now?" in html


def test_profile_of_somebody_never_asked_says_so(organization: Organization, analyst: Client) -> None:
    html = analyst.get(f"/o/{organization.slug}/customers/{a_customer().pk}/").content.decode()
    assert "Never asked, and never held back." in html
    assert "No survey for customers is live now." in html


def test_page_answers_whether_a_survey_may_be_asked_and_why_not(organization: Organization, analyst: Client) -> None:
    survey, customer = a_survey(name="Every quarter", relationship=True), a_customer_to_ask()
    yes = analyst.get(page(organization, customer), {"survey": str(survey.pk)}).content.decode()
    assert "Yes: “Every quarter” may be sent." in yes
    an_invitation(survey, customer)
    no = analyst.get(page(organization, customer), {"survey": str(survey.pk)}).content.decode()
    assert "No: “Every quarter” would not be sent." in no
    assert "at most 1 survey in 30 days" in no
    by_text = analyst.get(page(organization, customer), {"survey": str(survey.pk), "channel": "sms"}).content.decode()
    assert "no address of this person for this channel" in by_text
    assert Invitation.objects.count() == 1, "asking whether somebody may be asked asks nobody"


@pytest.mark.parametrize("survey", ["x", "\x00", "0193b7f0-0000-7000-8000-000000000001", "'; drop table"])
def test_page_knows_no_other_survey(organization: Organization, analyst: Client, survey: str) -> None:
    assert analyst.get(page(organization, a_customer()), {"survey": survey}).status_code == 404


def test_other_organisations_customer_and_survey_do_not_exist(organization: Organization, analyst: Client) -> None:
    with tenant(an_organization("Other")):
        theirs, survey = a_customer_to_ask(), a_survey(relationship=True)
        an_invitation(survey, theirs)
    assert analyst.get(page(organization, theirs)).status_code == 404
    mine = a_customer_to_ask()
    assert analyst.get(page(organization, mine), {"survey": str(survey.pk)}).status_code == 404
    client = an_api_client(organization)
    assert client.get(api(theirs)).status_code == 404
    assert client.get(api(mine), {"survey": str(survey.pk)}).status_code == 400


def test_branch_sees_its_own_customers_only(organization: Organization) -> None:
    north, south = a_unit(), a_unit()
    member = signed_in(a_member(organization, "manager", unit=north))
    assert member.get(page(organization, a_customer_to_ask(unit=north))).status_code == 200
    assert member.get(page(organization, a_customer_to_ask(unit=south))).status_code == 404


@pytest.mark.parametrize("role", ["employee", "agent"])
def test_other_roles_may_not_look(organization: Organization, role: str) -> None:
    member = signed_in(a_member(organization, role))
    assert member.get(page(organization, a_customer())).status_code == 403


def test_api_gives_counters_ledger_and_decision(organization: Organization) -> None:
    touchpoint, customer = a_touchpoint(key="visit"), a_customer_to_ask()
    survey = a_survey(touchpoint=touchpoint)
    asked = an_invitation(survey, customer)
    body = an_api_client(organization).get(api(customer), {"survey": str(survey.pk)}).json()
    counters = {(row["rule"], row["touchpoint"]): row for row in body["counters"]}
    assert set(counters) == {("global_cap", None), ("relationship_cap", None), ("transactional_cap", "visit")}
    full = counters["global_cap", None]
    assert (full["limit"], full["days"], full["count"]) == (1, 30, 1)
    assert full["free_from"] is not None
    assert counters["relationship_cap", None]["free_from"] is None
    assert [row["invitation"] for row in body["ledger"]] == [str(asked.pk)]
    assert (body["decision"]["eligible"], body["decision"]["rule"]) == (False, "global_cap")
    assert "at most 1 survey" in body["decision"]["sentence"]


@pytest.mark.parametrize(("query", "field"), [({"survey": "x"}, "survey"), ({"channel": "kiosk"}, "channel")])
def test_api_refuses_what_it_does_not_know(organization: Organization, query: dict[str, str], field: str) -> None:
    query = {"survey": str(a_survey(relationship=True).pk), **query}
    answer = an_api_client(organization).get(api(a_customer_to_ask()), query)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_nobody_learns_who_answered_an_anonymous_survey(organization: Organization, analyst: Client) -> None:
    survey, customer = a_survey(relationship=True, anonymous=True), a_customer_to_ask()
    invitation = an_invitation(survey, customer)
    send_due_invitations()
    complete_invitations(invitation_ids=[invitation.pk], keep_time=False)
    assert Invitation.objects.get().state == "completed"
    assert an_api_client(organization).get(api(customer)).json()["ledger"][0]["state"] == "sent"
    for path in (page(organization, customer), f"/o/{organization.slug}/customers/{customer.pk}/"):
        assert "Answered" not in analyst.get(path).content.decode()
    timeline = an_api_client(organization).get(f"/api/v1/customers/{customer.pk}/timeline/").json()["results"]
    assert [item["data"]["state"] for item in timeline if item["kind"] == "invitation"] == ["sent"]


def test_page_costs_the_same_for_one_entry_and_for_three(organization: Organization, analyst: Client) -> None:
    customer = a_customer_to_ask()

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert analyst.get(page(organization, customer)).status_code == 200
        return len(captured)

    an_invitation(a_survey(touchpoint=a_touchpoint()), customer)
    analyst.get(page(organization, customer))
    one = queries()
    for _ in range(2):
        an_invitation(a_survey(touchpoint=a_touchpoint()), customer)
    assert queries() == one
