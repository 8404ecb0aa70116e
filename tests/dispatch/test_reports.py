"""What providers report: in any order, twice, about messages of ours and of nobody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import count, permutations
from typing import Any

import pytest
from django.utils.timezone import now

from apps.dispatch import plans
from apps.dispatch.handlers import hear_delivery
from apps.dispatch.models import Invitation, SendPlan, Suppression
from apps.dispatch.planning import run_due_plans
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import complete_invitations, invite_customers, retry_failed
from apps.messaging.models import DeliveryReport, Provider
from apps.segments.models import Segment, SegmentMember

from .conftest import Company

pytestmark = pytest.mark.django_db
_numbers = count(1)


@pytest.fixture
def provider(nordwind: Company) -> Iterator[Provider]:
    yield Provider.objects.create(kind="email", backend="postmark", name="Mail")


def sent(company: Company, provider: Provider, **customer: Any) -> Invitation:
    person = company.customer(**customer)
    invite_customers(actor=company.actor, survey=company.survey(), customer_ids=[person.pk])
    send_due_invitations()
    invitation = Invitation.objects.get(customer=person)
    Invitation.objects.filter(pk=invitation.pk).update(
        provider_id=provider.pk, provider_message_id=f"m-{next(_numbers)}"
    )
    invitation.refresh_from_db()
    return invitation


def report(provider: Provider, invitation: Invitation | None, kind: str, **fields: Any) -> DeliveryReport:
    return DeliveryReport.objects.create(
        **{
            "provider": provider,
            "event_id": f"e-{next(_numbers)}",
            "kind": kind,
            "message_id": invitation.provider_message_id if invitation else "unknown",
            "happened_at": now(),
            **fields,
        }
    )


def hear(*reports: DeliveryReport) -> None:
    hear_delivery([{"report": str(one.pk)} for one in reports])


def outcome(invitation: Invitation) -> tuple[str, bool]:
    invitation.refresh_from_db()
    return invitation.state, invitation.delivered_at is not None


@pytest.mark.parametrize(
    ("kind", "state", "reasons"),
    [
        ("delivered", "sent", []),
        ("deferred", "sent", []),
        ("bounced", "bounced", ["bounce"]),
        ("failed", "failed", []),
        ("complained", "sent", ["complaint"]),
        ("unsubscribed", "sent", ["unsubscribed"]),
    ],
)
def test_each_report_has_its_effect_once(
    nordwind: Company, provider: Provider, kind: str, state: str, reasons: list[str]
) -> None:
    invitation = sent(nordwind, provider)
    first = report(provider, invitation, kind)
    hear(first, first)
    hear(first)
    hear(report(provider, invitation, kind))
    assert outcome(invitation) == (state, kind == "delivered")
    assert list(Suppression.objects.values_list("reason", flat=True)) == reasons
    first.refresh_from_db()
    assert first.handled_at is not None
    assert first.address == ""


def test_order_makes_no_difference(nordwind: Company, provider: Provider) -> None:
    ends = set()
    for kinds in permutations(["delivered", "bounced", "complained"]):
        invitation = sent(nordwind, provider)
        for kind in kinds:
            hear(report(provider, invitation, kind))
        invitation.refresh_from_db()
        ends.add((invitation.state, invitation.delivered_at is not None))
    assert ends == {("bounced", True)}


def test_answer_stays_an_answer_whatever_is_reported_later(nordwind: Company, provider: Provider) -> None:
    invitation = sent(nordwind, provider)
    complete_invitations(invitation_ids=[invitation.pk])
    hear(*(report(provider, invitation, kind) for kind in ("bounced", "failed", "delivered", "complained")))
    assert outcome(invitation) == ("completed", True)


def test_report_about_a_message_of_nobody_is_harmless_and_its_address_obeyed(
    nordwind: Company, provider: Provider
) -> None:
    invitation = sent(nordwind, provider)
    other = Provider.objects.create(kind="email", backend="mailgun", name="Other")
    hear(
        report(provider, None, "bounced"),
        report(provider, None, "complained", address="stranger@example.com"),
        report(other, invitation, "bounced"),
    )
    assert outcome(invitation) == ("sent", False)
    assert list(Suppression.objects.values_list("email", "reason")) == [("stranger@example.com", "complaint")]


def test_reference_finds_the_invitation_before_its_mark_is_written(nordwind: Company, provider: Provider) -> None:
    person = nordwind.customer()
    invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[person.pk])
    invitation = Invitation.objects.get()
    hear(report(provider, None, "bounced", reference=invitation.pk))
    assert outcome(invitation)[0] == "bounced"
    assert Suppression.objects.get().email == person.email


@pytest.mark.parametrize(
    ("text", "suppressed"), [("STOP", True), ("Arrêt", True), ("stop changing the prices", False), ("Thanks!", False)]
)
def test_reply_with_nothing_but_an_opt_out_word_suppresses_every_way(
    nordwind: Company, provider: Provider, text: str, suppressed: bool
) -> None:
    invitation = sent(nordwind, provider, phone="+4930123456")
    hear(report(provider, invitation, "replied", text=text))
    found = set(Suppression.objects.values_list("email", "phone"))
    assert found == ({(invitation.customer.email, ""), ("", "+4930123456")} if suppressed else set())  # type: ignore[union-attr]


def test_stop_from_a_number_we_never_wrote_to_is_obeyed(nordwind: Company) -> None:
    texts = Provider.objects.create(kind="sms", backend="local", name="Texts")
    hear(report(texts, None, "replied", text="stop", address="+4915112345678"))
    assert list(Suppression.objects.values_list("phone", "reason")) == [("+4915112345678", "opt_out_word")]


def test_complaints_stop_the_plan(nordwind: Company, provider: Provider) -> None:
    segment = Segment.objects.create(name="Group", kind="static", state="ready", size=60)
    for _ in range(60):
        SegmentMember.objects.create(segment=segment, customer=nordwind.customer())
    plan = plans.create_plan(
        actor=nordwind.actor, survey=nordwind.survey(), segment_id=segment.pk, per_day=55, stop_complaint_percent=3.0
    )
    plans.start_plan(actor=nordwind.actor, plan=plan)
    run_due_plans()
    send_due_invitations()
    for place, invitation in enumerate(Invitation.objects.filter(state="sent")[:2]):
        hear(report(provider, None, "complained", reference=invitation.pk))
        run_due_plans()
        plan.refresh_from_db()
        assert plan.state == ("active" if place == 0 else "stopped")
    assert SendPlan.objects.get().reason == "complaints"


def test_what_failed_at_the_provider_can_be_sent_again_once(nordwind: Company, provider: Provider) -> None:
    invitation = sent(nordwind, provider)
    hear(report(provider, invitation, "failed", code="blocked", happened_at=now() - timedelta(minutes=1)))
    assert retry_failed(actor=nordwind.actor, survey=invitation.survey) == 1
    assert send_due_invitations().sent == 1
    assert send_due_invitations().handled == 0
    assert outcome(invitation)[0] == "sent"
