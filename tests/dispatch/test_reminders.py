"""Reminders: whoever did not answer hears once or twice more, under the same link."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.dispatch import plans
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.planning import run_due_plans
from apps.dispatch.sending import message_id, send_due_invitations
from apps.dispatch.services import complete_invitations
from apps.dispatch.suppression import suppress
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey

from .conftest import Company
from .smtp_sink import Sink

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.fixture
def clock(time_machine: Any) -> Any:
    time_machine.move_to(START)

    def to(**after: float) -> None:
        time_machine.move_to(START + timedelta(**after))

    return to


def asked(company: Company, number: int = 1, **fields: Any) -> SendPlan:
    """A plan whose people were sent the survey just now."""
    segment = Segment.objects.create(name="Group", kind="static", state="ready", size=number)
    for _ in range(number):
        SegmentMember.objects.create(segment=segment, customer=company.customer())
    plan = plans.create_plan(
        actor=company.actor,
        survey=company.survey(),
        segment_id=segment.pk,
        ends_at=START + timedelta(days=300),
        **{"reminder_days": [3, 7], **fields},
    )
    plans.start_plan(actor=company.actor, plan=plan)
    run_due_plans()
    assert send_due_invitations().sent == number
    plan.refresh_from_db()
    return plan


def links(sink: Sink) -> set[str]:
    found: set[str] = set()
    for _recipient, message in sink.received:
        body = message.get_body(("plain",))
        assert body is not None
        found |= set(re.findall(r"/r/([^/\s]+)/", body.get_content()))
    return found


def test_two_reminders_go_three_and_seven_days_after_under_the_same_link(
    nordwind: Company, smtp: Sink, clock: Any
) -> None:
    asked(nordwind)
    counts = []
    for days in (2.9, 3.01, 3.2, 6.9, 7.02, 20):
        clock(days=days)
        counts.append(send_due_invitations().sent)
    assert counts == [0, 1, 0, 0, 1, 0]
    invitation = Invitation.objects.get()
    assert (invitation.state, invitation.reminders_sent, invitation.remind_at) == ("sent", 2, None)
    tenant_id = nordwind.organization.pk
    assert [m["Message-ID"] for _r, m in smtp.received] == [message_id(tenant_id, invitation.pk, n) for n in range(3)]
    assert len({m["Message-ID"] for _r, m in smtp.received}) == 3
    assert len(links(smtp)) == 1
    assert smtp.received[1][1]["In-Reply-To"] == message_id(tenant_id, invitation.pk)
    assert smtp.received[1][1]["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_reminder_passes_the_caps_and_counts_in_none(nordwind: Company, smtp: Sink, clock: Any) -> None:
    asked(nordwind)
    sent_at = Invitation.objects.get().sent_at
    clock(days=4)
    send_due_invitations()
    assert Invitation.objects.get().sent_at == sent_at, "the ledger knows the invitation alone"


@pytest.mark.parametrize(
    "change",
    [
        lambda company, invitation, plan: complete_invitations(invitation_ids=[invitation.pk]),
        lambda company, invitation, plan: suppress(
            actor=company.actor, email=invitation.customer.email, reason="manual"
        ),
        lambda company, invitation, plan: Survey.objects.update(state="closed"),
        lambda company, invitation, plan: Survey.objects.update(closes_at=START + timedelta(days=1)),
        lambda company, invitation, plan: plans.stop_plan(actor=company.actor, plan=plan),
        lambda company, invitation, plan: type(invitation.customer).objects.update(restricted_at=START),
        lambda company, invitation, plan: SendPlan.objects.update(reminder_days=[]),
    ],
)
def test_nobody_is_reminded_for_whom_it_is_over(nordwind: Company, smtp: Sink, clock: Any, change: Any) -> None:
    plan = asked(nordwind)
    change(nordwind, Invitation.objects.select_related("customer").get(), plan)
    clock(days=4)
    assert send_due_invitations().sent == 0
    assert len(smtp.received) == 1
    clock(days=8)
    assert send_due_invitations().handled == 0


def test_partial_answer_is_reminded(nordwind: Company, smtp: Sink, clock: Any) -> None:
    from apps.surveys.models import Response

    asked(nordwind)
    invitation = Invitation.objects.get()
    Response.objects.create(
        survey=invitation.survey, version=1, customer=invitation.customer, invitation_id=invitation.pk, state="partial",
        occurred_at=START, day=START.date(),
    )  # fmt: skip
    clock(days=4)
    assert send_due_invitations().sent == 1


def test_reminder_of_a_paused_plan_waits_and_keeps_its_distance(nordwind: Company, smtp: Sink, clock: Any) -> None:
    plan = asked(nordwind)
    plans.pause_plan(actor=nordwind.actor, plan=plan)
    clock(days=10)
    assert send_due_invitations().handled == 0
    plans.resume_plan(actor=nordwind.actor, plan=plan)
    assert send_due_invitations().sent == 1
    clock(days=13.9)
    assert send_due_invitations().sent == 0, "four days lie between the third and the seventh"
    clock(days=14.1)
    assert send_due_invitations().sent == 1


def test_address_that_died_bounces_at_the_reminder(nordwind: Company, smtp: Sink, clock: Any) -> None:
    asked(nordwind)
    invitation = Invitation.objects.select_related("customer").get()
    smtp.refusals[invitation.customer.email] = "550 5.1.1 no such user"  # type: ignore[index, union-attr]
    clock(days=4)
    assert send_due_invitations().sent == 0
    invitation.refresh_from_db()
    assert (invitation.state, invitation.remind_at) == ("bounced", None)


def test_refused_reminder_is_tried_again_and_leaves_the_invitation_sent(
    nordwind: Company, smtp: Sink, clock: Any
) -> None:
    asked(nordwind)
    invitation = Invitation.objects.select_related("customer").get()
    smtp.refusals[invitation.customer.email] = "451 4.2.1 busy"  # type: ignore[index, union-attr]
    clock(days=4)
    assert send_due_invitations().sent == 0
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason, invitation.attempts) == ("sent", "", 1)
    smtp.refusals.clear()
    clock(days=4, minutes=1)
    assert send_due_invitations().sent == 1
    invitation.refresh_from_db()
    assert (invitation.reminders_sent, invitation.attempts) == (1, 0)


def test_reminders_keep_business_hours(nordwind: Company, smtp: Sink, clock: Any) -> None:
    organization = nordwind.organization
    organization.business_hours_enabled = True
    organization.business_hours = {"mon": [["09:00", "17:00"]]}
    organization.save()
    asked(nordwind)  # on a Monday
    remind_at = Invitation.objects.get().remind_at
    assert remind_at == datetime(2026, 11, 9, 9, tzinfo=UTC)


def test_own_words_of_the_plan_stand_in_mail_and_reminder(nordwind: Company, smtp: Sink, clock: Any) -> None:
    texts = {"en": {"subject": "{{ customer.first_name }}, how was it?", "reminder_subject": "Still curious"}}
    asked(nordwind, texts=texts)
    clock(days=4)
    send_due_invitations()
    assert [message["Subject"] for _r, message in smtp.received] == ["Lena, how was it?", "Still curious"]
