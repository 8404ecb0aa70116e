"""Text messages, providers with limits, and surveys that are shown: one ledger over all channels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.customers.models import ConsentRecord, Customer
from apps.dispatch.ledger import may_ask, record_shown
from apps.dispatch.models import Invitation, Suppression
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import invite_customers
from apps.dispatch.suppression import is_suppressed, suppress
from apps.messaging.models import LocalMessage, Provider
from cxm.errors import NotFound

from .conftest import Company

pytestmark = pytest.mark.django_db


def texts(**limits: int) -> Provider:
    return Provider.objects.create(kind="sms", backend="local", name="Texts", is_active=True, **limits)


def queued(company: Company, number: int = 1, *, channel: str = "sms", **fields: Any) -> list[Customer]:
    people = [company.customer(**{"phone": f"+49151{uuid4().int % 10**8:08}", **fields}) for _ in range(number)]
    invite_customers(
        actor=company.actor, survey=company.survey(), customer_ids=[one.pk for one in people], channel=channel
    )
    return people


def test_text_message_goes_to_the_phone_with_the_link(nordwind: Company) -> None:
    provider = texts()
    [person] = queued(nordwind)
    assert send_due_invitations().sent == 1
    message = LocalMessage.objects.get()
    assert message.to == person.phone
    assert "/r/" in message.text
    invitation = Invitation.objects.get()
    assert (invitation.state, invitation.provider_id) == ("sent", provider.pk)
    assert invitation.provider_message_id == str(message.pk)


def test_mail_and_text_of_one_claim_go_by_their_own_ways(nordwind: Company) -> None:
    texts()
    queued(nordwind, 2)
    queued(nordwind, 3, channel="email")
    assert send_due_invitations().sent == 5
    assert LocalMessage.objects.count() == 2


@pytest.mark.parametrize(
    ("fields", "change", "reason"),
    [
        ({"phone": None}, None, "no_address"),
        ({}, lambda c, p: suppress(actor=c.actor, phone=p.phone, reason="opt_out_word"), "suppressed"),
        ({}, lambda c, p: suppress(actor=c.actor, customer=p, reason="unsubscribed"), "suppressed"),
        (
            {},
            lambda c, p: ConsentRecord.objects.create(customer=p, purpose="surveys", channel="sms", state="withdrawn"),
            "consent_withdrawn",
        ),
        ({}, lambda c, p: suppress(actor=c.actor, email=p.email, reason="bounce"), ""),
        (
            {},
            lambda c, p: ConsentRecord.objects.create(
                customer=p, purpose="surveys", channel="email", state="withdrawn"
            ),
            "",
        ),
    ],
)
@pytest.mark.parametrize("before", [True, False])
def test_what_speaks_against_a_text_message(
    nordwind: Company, fields: dict[str, Any], change: Any, reason: str, before: bool
) -> None:
    texts()
    person = nordwind.customer(**{"phone": "+4915112345678", **fields})
    if before and change:
        change(nordwind, person)
    invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[person.pk], channel="sms")
    if not before and change:
        change(nordwind, person)
    assert send_due_invitations().sent == (reason == "")
    assert Invitation.objects.get().reason == reason


def test_without_a_provider_a_text_message_waits_and_mail_goes(nordwind: Company) -> None:
    queued(nordwind)
    queued(nordwind, channel="email")
    assert send_due_invitations().sent == 1
    waiting = Invitation.objects.get(channel="sms")
    assert (waiting.state, waiting.reason, waiting.attempts) == ("queued", "no_sms_provider", 1)
    texts()
    Invitation.objects.update(leased_until=None)
    assert send_due_invitations().sent == 1


def test_asked_by_text_is_asked_by_mail_too_soon(nordwind: Company) -> None:
    [person] = queued(nordwind)
    counts = invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[person.pk])
    assert counts.blocked == {"global_cap": 1}


def test_provider_takes_so_many_a_second_and_the_rest_is_not_charged(nordwind: Company) -> None:
    texts(per_second=3)
    queued(nordwind, 8)
    assert send_due_invitations().sent == 3
    resting = Invitation.objects.filter(state="queued")
    assert list(resting.values_list("attempts", flat=True)) == [0] * 5
    assert all(at is not None for at in resting.values_list("leased_until", flat=True))
    assert send_due_invitations().handled == 0


def test_provider_takes_so_many_a_day_of_the_organisation(
    make_company: Callable[..., Company], time_machine: Any
) -> None:
    company = make_company("tokyo", timezone="Asia/Tokyo")
    with company.scope():
        time_machine.move_to(datetime(2026, 11, 23, 10, tzinfo=UTC))
        texts(per_day=4)
        queued(company, 10)
        assert send_due_invitations().sent == 4
        assert send_due_invitations().sent == 0
        midnight = datetime(2026, 11, 23, 15, tzinfo=UTC)
        assert set(Invitation.objects.filter(state="queued").values_list("leased_until", flat=True)) == {midnight}
        time_machine.move_to(midnight + timedelta(seconds=1))
        assert send_due_invitations().sent == 4
        assert set(Invitation.objects.values_list("attempts", flat=True)) == {0}


def test_number_on_the_list_is_recognised_and_erased_to_a_digest(nordwind: Company) -> None:
    from apps.customers.traces import traces_of
    from apps.dispatch.holding import keep_silence

    person = nordwind.customer(phone="+4915112345678")
    suppress(actor=nordwind.actor, customer=person, reason="opt_out_word")
    assert is_suppressed("+4915112345678")
    keep_silence(traces_of(person.pk))
    assert set(Suppression.objects.values_list("email", "phone")) == {("", "")}
    assert is_suppressed("+4915112345678")
    assert is_suppressed(person.email or "")
    texts()
    again = nordwind.customer(phone="+4915112345678")
    counts = invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[again.pk], channel="sms")
    assert counts.blocked == {"suppressed": 1}


def test_shown_survey_stands_in_the_ledger_and_its_link_answers(nordwind: Company) -> None:
    customer = nordwind.customer()
    survey = nordwind.survey()
    assert may_ask(survey=survey, customer_id=customer.pk, channel="widget").eligible
    shown = record_shown(survey=survey, customer_id=customer.pk, channel="widget", attributes={"page": "/basket"})
    assert may_ask(survey=survey, customer_id=customer.pk, channel="widget").rule == "global_cap"
    assert invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[customer.pk]).blocked == {
        "global_cap": 1
    }
    invitation = Invitation.objects.get(pk=shown)
    assert (invitation.state, invitation.channel, invitation.attributes) == ("sent", "widget", {"page": "/basket"})
    record_shown(survey=survey, customer_id=nordwind.customer().pk, channel="widget")
    assert Invitation.objects.filter(channel="widget").values("batch").distinct().count() == 1


def test_nobody_who_said_stop_is_shown_a_survey_but_a_bounce_says_nothing(nordwind: Company) -> None:
    survey = nordwind.survey()
    stopped, bounced = nordwind.customer(), nordwind.customer()
    nowhere = nordwind.customer(email=None)
    suppress(actor=nordwind.actor, email=stopped.email or "", reason="unsubscribed")
    suppress(actor=nordwind.actor, email=bounced.email or "", reason="bounce")
    rules = [may_ask(survey=survey, customer_id=one.pk, channel="kiosk").rule for one in (stopped, bounced, nowhere)]
    assert rules == ["suppressed", "", ""]


def test_merged_record_means_its_person_and_a_stranger_is_not_found(
    nordwind: Company, make_company: Callable[..., Company]
) -> None:
    person, merged = nordwind.customer(), nordwind.customer()
    Customer.records.filter(pk=merged.pk).update(merged_into=person)
    shown = record_shown(survey=nordwind.survey(), customer_id=merged.pk, channel="widget", attributes={})
    assert Invitation.objects.get(pk=shown).customer_id == person.pk
    other = make_company("other")
    with other.scope():
        theirs = other.customer()
    with pytest.raises(NotFound):
        may_ask(survey=nordwind.survey(), customer_id=theirs.pk, channel="widget")


def test_survey_that_closes_before_it_would_arrive_is_not_sent(nordwind: Company) -> None:
    survey = nordwind.survey(closes_at=now() + timedelta(days=1))
    counts = invite_customers(
        actor=nordwind.actor,
        survey=survey,
        customer_ids=[nordwind.customer().pk],
        send_at=now() + timedelta(days=2),
    )
    assert counts.blocked == {"survey_not_live": 1}
