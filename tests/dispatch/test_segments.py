"""Sending to the people of a segment, by the API and by the page."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch import services
from apps.dispatch.audiences import members_of
from apps.dispatch.models import Invitation
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.suppression import suppress
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.dispatch import a_customer_to_ask
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


@pytest.fixture
def survey(acme: Any) -> Any:
    with tenant(acme):
        yield a_survey(relationship=True)


def a_group(*customers: Customer, name: str = "Group", size: int | None = 0) -> Segment:
    segment = Segment.objects.create(name=name, kind="static", state="ready", size=size)
    for customer in customers:
        SegmentMember.objects.create(segment=segment, customer=customer)
    return segment


def test_members_are_asked_and_the_others_counted_by_rule(acme: Any, survey: Survey) -> None:
    asked, silent, restricted, nowhere = (a_customer_to_ask() for _ in range(4))
    a_customer_to_ask()  # belongs to nothing
    suppress(actor=SYSTEM, email=silent.email or "", reason="manual")
    Customer.objects.filter(pk=restricted.pk).update(restricted_at=now())
    Customer.objects.filter(pk=nowhere.pk).update(email=None)
    segment = a_group(asked, silent, restricted, nowhere)
    answer = an_api_client(acme).post(
        f"/api/v1/surveys/{survey.pk}/invitations/", {"segment": str(segment.pk)}, format="json"
    )
    assert answer.status_code == 202
    body = answer.json()
    assert (body["eligible"], body["left_out"]) == (1, 0)
    assert body["blocked"] == {"no_address": 1, "restricted": 1, "suppressed": 1}
    (queued,) = Invitation.objects.filter(batch_id=body["batch"], state="queued")
    assert queued.customer_id == asked.pk


@pytest.mark.parametrize("code", ["not_found", "computing", "nobody", "both"])
def test_segment_that_cannot_be_asked_is_named(acme: Any, survey: Survey, code: str) -> None:
    wish: dict[str, Any] = {"segment": str(uuid4())}
    if code == "computing":
        wish["segment"] = str(a_group(a_customer_to_ask(), size=None).pk)
    elif code == "nobody":
        wish["segment"] = str(a_group().pk)
    elif code == "both":
        wish["customers"] = [str(a_customer_to_ask().pk)]
    answer = an_api_client(acme).post(f"/api/v1/surveys/{survey.pk}/invitations/", wish, format="json")
    assert answer.status_code == 400
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [("segment", code)]
    assert not Invitation.objects.exists()


def test_segment_of_another_organisation_does_not_exist(acme: Any, survey: Survey) -> None:
    with tenant(an_organization("Other")):
        theirs = a_group(a_customer_to_ask())
    answer = an_api_client(acme).post(
        f"/api/v1/surveys/{survey.pk}/invitations/", {"segment": str(theirs.pk)}, format="json"
    )
    assert answer.json()["errors"][0]["code"] == "not_found"
    page = signed_in(a_member(acme, "manager")).get(f"/o/{acme.slug}/surveys/{survey.pk}/send/once/").content.decode()
    assert "The people of a segment" not in page


def test_many_members_go_in_steps_of_one_batch(acme: Any, survey: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_CUSTOMERS", 2)
    customers = [a_customer_to_ask() for _ in range(5)]
    counts = services.invite_customers(
        actor=SYSTEM, survey=survey, customer_ids=[one.pk for one in customers], most=services.MOST_MEMBERS
    )
    assert counts.eligible == 5
    assert Invitation.objects.filter(batch_id=counts.batch_id, state="queued").count() == 5


def test_who_was_never_invited_goes_first(acme: Any, survey: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.dispatch.audiences.MOST_MEMBERS", 1)
    first, second = a_customer_to_ask(), a_customer_to_ask()
    segment = a_group(first, second)
    services.invite_customers(actor=SYSTEM, survey=survey, customer_ids=[first.pk])
    audience = members_of(SYSTEM, survey, segment.pk)
    assert (audience.customer_ids, audience.left_out) == ([second.pk], 1)


def test_page_shows_the_counts_then_sends_exactly_them(acme: Any, survey: Survey) -> None:
    segment = a_group(a_customer_to_ask(), a_customer_to_ask(known_days=1), name="First bill")
    client = signed_in(a_member(acme, "manager"))
    path = f"/o/{acme.slug}/surveys/{survey.pk}/send/once/"
    opened = client.get(f"{path}?segment={segment.pk}").content.decode()
    assert re.search(r'value="segment"[^>]*checked', opened)
    wish = {"who": "segment", "segment": str(segment.pk), "when": "now", "stage": "customer"}
    seen = client.post(path, wish).content.decode()
    assert "Send 1 mail" in seen and "New customer" in seen
    fingerprint = re.search(r'name="seen" value="(\w+)"', seen)
    assert fingerprint
    sent = client.post(path, {**wish, "seen": fingerprint[1], "expected": "1"})
    assert sent.status_code == 302
    assert Invitation.objects.filter(state="queued").count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_asks_not_to_be_worked_on_after_the_decision_gets_no_mail(acme: Any) -> None:
    with tenant(acme):
        survey, customer = a_survey(relationship=True), a_customer_to_ask()
        services.invite_customers(actor=SYSTEM, survey=survey, customer_ids=[customer.pk])
        Customer.objects.filter(pk=customer.pk).update(restricted_at=now())
        assert send_due_invitations().sent == 0
        only = Invitation.objects.get()
        assert (only.state, only.reason) == ("blocked", "restricted")
