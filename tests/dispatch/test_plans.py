"""Plans: what may be said of them, how they live, and whom they ask when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.dispatch import plans
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan
from apps.dispatch.planning import run_due_plans, run_plan, sample_bound
from apps.dispatch.queries import organizations_with_due_plans
from apps.dispatch.quotas import Standing, period_start, standing_of
from apps.dispatch.sending import send_due_invitations
from apps.dispatch.services import invite_customers
from apps.organizations.models import Unit
from apps.segments.models import Segment, SegmentMember
from cxm.actor import Actor, Grant
from cxm.errors import Conflict, DomainError, NotFound
from cxm.scope import tenant

from .conftest import Company

pytestmark = pytest.mark.django_db


def a_segment(company: Company, number: int = 0, **fields: Any) -> Segment:
    segment = Segment.objects.create(name=f"Group {uuid4()}", kind="static", state="ready", size=number)
    for _ in range(number):
        SegmentMember.objects.create(segment=segment, customer=company.customer(**fields))
    return segment


def a_plan(company: Company, number: int = 0, **fields: Any) -> SendPlan:
    survey = fields.pop("survey", None) or company.survey()
    if "segment_id" not in fields and "trigger" not in fields:
        fields["segment_id"] = a_segment(company, number).pk
    return plans.create_plan(actor=company.actor, survey=survey, **fields)


def started(company: Company, number: int = 0, **fields: Any) -> SendPlan:
    return plans.start_plan(actor=company.actor, plan=a_plan(company, number, **fields))


def states(plan: SendPlan) -> dict[str, int]:
    counted: dict[str, int] = {}
    for state in Invitation.objects.filter(plan=plan).values_list("state", flat=True):
        counted[state] = counted.get(state, 0) + 1
    return counted


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": "\x00"}, "name"),
        ({"channel": "widget"}, "channel"),
        ({"channel": 5}, "channel"),
        ({"segment_id": "no"}, "segment_id"),
        ({"segment_id": str(uuid4())}, "segment_id"),
        ({"segment_id": ["x"]}, "segment_id"),
        ({"trigger": "order"}, "trigger"),
        ({"trigger": {"event": ""}}, "trigger.event"),
        ({"trigger": {"event": "x", "where": {"a": [1]}}}, "trigger.where.a"),
        ({"unit": str(uuid4())}, "unit"),
        ({"starts_at": "tomorrow"}, "starts_at"),
        ({"starts_at": "2026-13-40T00:00:00Z"}, "starts_at"),
        ({"starts_at": datetime(2026, 1, 1)}, "starts_at"),
        ({"ends_at": datetime(2020, 1, 1, tzinfo=UTC)}, "ends_at"),
        ({"per_day": 0}, "per_day"),
        ({"per_day": True}, "per_day"),
        ({"per_day": 10**30}, "per_day"),
        ({"quota": -1}, "quota"),
        ({"quota_period": "year"}, "quota_period"),
        ({"sample_percent": 0}, "sample_percent"),
        ({"sample_percent": float("nan")}, "sample_percent"),
        ({"sample_percent": "half"}, "sample_percent"),
        ({"reminder_days": [3, 7, 14]}, "reminder_days"),
        ({"reminder_days": [7, 3]}, "reminder_days"),
        ({"reminder_days": [0]}, "reminder_days.0"),
        ({"reminder_days": "37"}, "reminder_days"),
        ({"repeat_days": 0}, "repeat_days"),
        ({"delay_minutes": 5}, "delay_minutes"),
        ({"reply_to": "nobody"}, "reply_to"),
        ({"texts": {"en": {"subject": "{{ secret.key }}"}}}, "texts.en.subject"),
        ({"texts": ["x"]}, "texts"),
        ({"state": "active"}, "state"),
    ],
)
def test_wrong_field_is_named(nordwind: Company, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        plans.create_plan(actor=nordwind.actor, survey=nordwind.survey(), **fields)
    assert field in [error["field"] for error in refused.value.errors]
    assert not SendPlan.objects.exists()


def test_plan_needs_somebody_to_ask_before_it_starts(nordwind: Company) -> None:
    plan = plans.create_plan(actor=nordwind.actor, survey=nordwind.survey())
    with pytest.raises(DomainError) as refused:
        plans.start_plan(actor=nordwind.actor, plan=plan)
    assert refused.value.errors[0]["field"] == "segment_id"


def test_survey_for_employees_takes_no_segment_and_no_event(nordwind: Company) -> None:
    survey = nordwind.survey(audience="employees")
    with pytest.raises(DomainError) as refused:
        plans.create_plan(
            actor=nordwind.actor,
            survey=survey,
            segment_id=a_segment(nordwind).pk,
            trigger={"event": "x"},
            channel="sms",
        )
    assert {error["field"] for error in refused.value.errors} == {"segment_id", "trigger", "channel"}


def test_life_of_a_plan_is_audited_and_refuses_what_makes_no_sense(nordwind: Company) -> None:
    actor = nordwind.actor
    plan = a_plan(nordwind, 1)
    for act in (plans.pause_plan, plans.resume_plan, plans.stop_plan):
        with pytest.raises(Conflict):
            act(actor=actor, plan=plan)
    plan = plans.start_plan(actor=actor, plan=plan)
    assert (plan.state, plan.started_at is not None, plan.next_run_at is not None) == ("active", True, True)
    with pytest.raises(Conflict):
        plans.delete_plan(actor=actor, plan=plan)
    plan = plans.pause_plan(actor=actor, plan=plan)
    assert (plan.state, plan.next_run_at) == ("paused", None)
    plan = plans.resume_plan(actor=actor, plan=plan)
    assert plan.state == "active"
    plan = plans.stop_plan(actor=actor, plan=plan)
    assert (plan.state, plan.reason) == ("stopped", "by_hand")
    with pytest.raises(Conflict):
        plans.start_plan(actor=actor, plan=plan)
    with pytest.raises(Conflict):
        plans.update_plan(actor=actor, plan=plan, per_day=5)
    actions = list(AuditEntry.objects.filter(target_id=str(plan.pk)).order_by("at").values_list("action", flat=True))
    assert actions == [f"dispatch.plan_{what}" for what in ("created", "started", "paused", "resumed", "stopped")]


def test_whom_a_started_plan_reaches_is_fixed_and_its_pace_is_not(nordwind: Company) -> None:
    plan = started(nordwind, 1, per_day=5)
    with pytest.raises(DomainError) as refused:
        plans.update_plan(actor=nordwind.actor, plan=plan, segment_id=a_segment(nordwind).pk, channel="sms")
    assert {error["field"] for error in refused.value.errors} == {"segment_id", "channel"}
    assert plans.update_plan(actor=nordwind.actor, plan=plan, per_day=9, name="Faster").per_day == 9


def test_draft_can_be_deleted_and_somebody_elses_is_not_there(
    nordwind: Company, make_company: Callable[..., Company]
) -> None:
    other = make_company("other")
    with other.scope():
        theirs = a_plan(other)
    with pytest.raises(NotFound):
        plans.start_plan(actor=nordwind.actor, plan=theirs)
    mine = a_plan(nordwind)
    plans.delete_plan(actor=nordwind.actor, plan=mine)
    assert not SendPlan.objects.exists()


def test_manager_of_a_branch_sends_to_the_branch_only(nordwind: Company) -> None:
    north, south = (Unit.objects.create(name=name, code=name) for name in ("north", "south"))
    manager = Actor("user", name="Nora", grants=(Grant(frozenset({"surveys.send"}), frozenset({north.pk})),))
    segment = a_segment(nordwind, 2)
    inside = nordwind.customer(unit=north)
    SegmentMember.objects.create(segment=segment, customer=inside)
    for unit in (None, south.pk):
        with pytest.raises(DomainError) as refused:
            plans.create_plan(actor=manager, survey=nordwind.survey(), segment_id=segment.pk, unit=unit)
        assert refused.value.errors[0]["field"] == "unit"
    plan = plans.create_plan(actor=manager, survey=nordwind.survey(), segment_id=segment.pk, unit=north)
    run_plan(plans.start_plan(actor=manager, plan=plan))
    assert list(Invitation.objects.values_list("customer_id", flat=True)) == [inside.pk]
    foreign = a_plan(nordwind)
    with pytest.raises(NotFound):
        plans.pause_plan(actor=manager, plan=foreign)


def test_run_asks_everybody_once_and_finishes(nordwind: Company) -> None:
    plan = started(nordwind, 7)
    silent = nordwind.customer(email=None)
    SegmentMember.objects.create(segment_id=plan.segment_id, customer=silent)
    assert run_due_plans() == 1
    plan.refresh_from_db()
    assert (plan.state, plan.reason) == ("finished", "everybody")
    assert states(plan) == {"queued": 7, "blocked": 1}
    batch = InvitationBatch.objects.get(plan=plan)
    assert (batch.eligible, batch.blocked) == (7, {"no_address": 1})
    assert run_due_plans() == 0


def test_drip_asks_so_many_a_day_in_a_stable_order_of_chance(nordwind: Company, time_machine: Any) -> None:
    time_machine.move_to(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    plan = started(nordwind, 12, per_day=5)
    asked: list[int] = []
    for day in range(4):
        time_machine.move_to(datetime(2026, 11, 23 + day, 9, 31, tzinfo=UTC))
        run_due_plans()
        run_due_plans()
        asked.append(Invitation.objects.filter(plan=plan).count())
    assert asked == [5, 10, 12, 12]
    plan.refresh_from_db()
    assert plan.state == "finished"
    order = list(
        Invitation.objects.filter(plan=plan).order_by("created_at", "pk").values_list("customer_id", flat=True)
    )
    members = list(
        SegmentMember.objects.filter(segment_id=plan.segment_id).order_by("pk").values_list("customer_id", flat=True)
    )
    assert sorted(order) == sorted(members)
    assert order != members, "not in the order in which they joined"


def test_blocked_people_take_nothing_of_the_day(nordwind: Company) -> None:
    plan = started(nordwind, 4, per_day=3)
    for _ in range(30):
        SegmentMember.objects.create(segment_id=plan.segment_id, customer=nordwind.customer(email=None))
    run_plan(plan)
    assert states(plan)["queued"] == 3


def test_drip_spreads_over_the_business_hours_of_each_recipient(
    make_company: Callable[..., Company], time_machine: Any
) -> None:
    time_machine.move_to(datetime(2026, 11, 23, 0, 0, 30, tzinfo=UTC))  # a Monday
    company = make_company(
        "global", business_hours_enabled=True, business_hours={"mon": [["09:00", "17:00"]], "tue": [["09:00", "17:00"]]}
    )
    with company.scope():
        segment = a_segment(company, 10)
        for _ in range(10):
            SegmentMember.objects.create(segment=segment, customer=company.customer(timezone="America/New_York"))
        run_plan(started(company, segment_id=segment.pk, per_day=20))
        hours = {"": [], "America/New_York": []}  # type: ignore[var-annotated]
        for invitation in Invitation.objects.select_related("customer"):
            hours[invitation.customer.timezone].append(invitation.send_at)  # type: ignore[union-attr]
    assert len(hours[""]) == len(hours["America/New_York"]) == 10
    assert all(9 <= at.hour < 17 for at in hours[""])
    assert all(14 <= at.hour < 22 for at in hours["America/New_York"]), "nine to five there"
    assert len({at.hour for at in hours[""]}) >= 5


def test_weekend_does_not_pile_up_on_monday(make_company: Callable[..., Company], time_machine: Any) -> None:
    company = make_company("weekdays", business_hours_enabled=True, business_hours={"mon": [["09:00", "17:00"]]})
    with company.scope():
        time_machine.move_to(datetime(2026, 11, 21, 0, 1, tzinfo=UTC))  # a Saturday
        plan = started(company, 12, per_day=5)
        for day in (21, 22, 23):
            time_machine.move_to(datetime(2026, 11, day, 0, 2, tzinfo=UTC))
            run_due_plans()
        assert Invitation.objects.filter(plan=plan).count() == 5
        assert {at.day for at in Invitation.objects.values_list("send_at", flat=True)} == {23}


def test_sample_is_a_stable_share_and_its_weight_is_kept(nordwind: Company) -> None:
    plan = started(nordwind, 200, sample_percent=25.0)
    run_plan(plan)
    number = Invitation.objects.filter(plan=plan).count()
    assert 25 <= number <= 80
    assert set(Invitation.objects.filter(plan=plan).values_list("probability", flat=True)) == {0.25}
    assert (sample_bound(0.5), sample_bound(1.0)) == (0, 2**63 - 1)


def test_nobody_is_considered_twice_before_the_days_of_repetition(nordwind: Company, time_machine: Any) -> None:
    start = datetime(2026, 1, 5, 12, tzinfo=UTC)
    time_machine.move_to(start)
    plan = started(nordwind, 2, repeat_days=100)
    asked = []
    for day in (0, 1, 60, 99, 101, 150, 202):
        time_machine.move_to(start + timedelta(days=day, minutes=1))
        run_due_plans()
        asked.append(Invitation.objects.filter(plan=plan).count())
    assert asked == [2, 2, 2, 2, 4, 4, 6]


def test_new_member_of_the_segment_is_asked_while_the_plan_runs(nordwind: Company, time_machine: Any) -> None:
    plan = started(nordwind, 1, ends_at=now() + timedelta(days=10))
    run_due_plans()
    SegmentMember.objects.create(segment_id=plan.segment_id, customer=nordwind.customer())
    time_machine.move_to(now() + timedelta(days=2))
    run_due_plans()
    assert states(plan) == {"queued": 2}
    time_machine.move_to(now() + timedelta(days=10))
    run_due_plans()
    plan.refresh_from_db()
    assert (plan.state, plan.reason) == ("finished", "ended")


def answered(plan: SendPlan, number: int) -> None:
    ids = list(Invitation.objects.filter(plan=plan, state="sent").values_list("pk", flat=True)[:number])
    Invitation.objects.filter(pk__in=ids).update(state="completed", completed_at=now())


@pytest.mark.parametrize(
    ("answers", "outstanding", "rate", "room"),
    [(0, 0, 0.2, 50), (5, 0, 0.2, 25), (5, 20, 0.2, 5), (5, 25, 0.2, 0), (10, 0, 0.2, 0), (12, 9, 0.5, 0)],
)
def test_room_under_a_quota_counts_who_may_still_answer(answers: int, outstanding: int, rate: float, room: int) -> None:
    assert Standing(10, answers, outstanding, rate).room == room
    assert Standing(None, answers, outstanding, rate).room is None


def test_quota_stops_asking_when_enough_answers_are_to_be_expected(nordwind: Company, time_machine: Any) -> None:
    time_machine.move_to(datetime(2026, 11, 2, 10, tzinfo=UTC))
    plan = started(nordwind, 60, quota=4)
    run_due_plans()
    assert states(plan) == {"queued": 20}, "a fifth is expected to answer"
    send_due_invitations()
    answered(plan, 3)
    time_machine.move_to(datetime(2026, 11, 20, 10, tzinfo=UTC))
    run_due_plans()
    further = Invitation.objects.filter(plan=plan, state="queued").count()
    assert further == 6, "one answer is missing, and 5 of 30 answer"
    send_due_invitations()
    answered(plan, 1)
    time_machine.move_to(datetime(2026, 11, 21, 10, tzinfo=UTC))
    run_due_plans()
    plan.refresh_from_db()
    assert (plan.state, plan.reason) == ("finished", "quota")


def test_quota_of_a_week_begins_on_monday_of_the_organisation(nordwind: Company) -> None:
    from zoneinfo import ZoneInfo

    plan = SendPlan(quota_period="week")
    tokyo = ZoneInfo("Asia/Tokyo")
    sunday_night = datetime(2026, 11, 22, 16, tzinfo=UTC)  # Monday 01:00 there
    assert period_start(plan, tokyo, sunday_night) == datetime(2026, 11, 23, tzinfo=tokyo)
    plan.quota_period = "month"
    assert period_start(plan, tokyo, sunday_night) == datetime(2026, 11, 1, tzinfo=tokyo)


def test_plan_furthest_below_its_quota_asks_first(nordwind: Company, time_machine: Any) -> None:
    customer = nordwind.customer()
    segment = a_segment(nordwind)
    SegmentMember.objects.create(segment=segment, customer=customer)
    full, none, empty = (
        started(nordwind, segment_id=segment.pk, survey=nordwind.survey(kind="csat", relationship=False), **fields)
        for fields in ({"quota": 10}, {}, {"quota": 1000})
    )
    for number, plan in ((5, full), (5, empty)):
        batch = InvitationBatch.objects.create(survey=plan.survey, plan=plan)
        for _ in range(number):
            Invitation.objects.create(
                batch=batch, plan=plan, survey=plan.survey, customer=nordwind.customer(), kind="transactional",
                state="completed", send_at=now(), sent_at=now(), completed_at=now(),
            )  # fmt: skip
    run_due_plans()
    decisions = dict(Invitation.objects.filter(customer=customer).values_list("plan_id", "reason"))
    assert decisions == {empty.pk: "", full.pk: "global_cap", none.pk: "global_cap"}


def test_too_many_bounces_stop_the_plan_and_cancel_the_rest(nordwind: Company) -> None:
    plan = started(nordwind, 100, per_day=60, stop_bounce_percent=10.0, reminder_days=[3])
    run_plan(plan)
    send_due_invitations()
    sent = list(Invitation.objects.filter(plan=plan, state="sent").values_list("pk", flat=True))
    assert len(sent) == 60
    Invitation.objects.filter(pk__in=sent[:5]).update(state="bounced")
    SendPlan.objects.filter(pk=plan.pk).update(next_run_at=now(), per_day=70)
    run_due_plans()
    assert states(plan)["queued"] == 10, "8.3 % is below the limit"
    Invitation.objects.filter(pk__in=sent[:6]).update(state="bounced")
    SendPlan.objects.filter(pk=plan.pk).update(next_run_at=now())
    run_due_plans()
    plan.refresh_from_db()
    assert (plan.state, plan.reason) == ("stopped", "bounces")
    assert states(plan) == {"sent": 54, "bounced": 6, "cancelled": 10}
    assert not Invitation.objects.filter(remind_at__isnull=False).exists()


def test_few_bounces_of_few_mails_stop_nothing(nordwind: Company) -> None:
    plan = started(nordwind, 60, per_day=49)
    run_plan(plan)
    send_due_invitations()
    Invitation.objects.filter(plan=plan).update(state="bounced")
    SendPlan.objects.filter(pk=plan.pk).update(next_run_at=now())
    run_due_plans()
    plan.refresh_from_db()
    assert plan.state == "active"


def test_paused_plan_sends_nothing_and_resumed_one_sends_on(nordwind: Company) -> None:
    plan = started(nordwind, 3)
    run_due_plans()
    plan.refresh_from_db()
    SendPlan.objects.filter(pk=plan.pk).update(state="active")
    plans.pause_plan(actor=nordwind.actor, plan=plan)
    assert send_due_invitations().handled == 0
    plans.resume_plan(actor=nordwind.actor, plan=plan)
    assert send_due_invitations().sent == 3


def test_overdue_mails_of_a_resumed_plan_wait_for_business_hours(
    make_company: Callable[..., Company], time_machine: Any
) -> None:
    company = make_company("daytime", business_hours_enabled=True, business_hours={"mon": [["09:00", "17:00"]]})
    with company.scope():
        time_machine.move_to(datetime(2026, 11, 23, 10, tzinfo=UTC))
        plan = started(company, 2, ends_at=now() + timedelta(days=30))
        run_due_plans()
        plans.pause_plan(actor=company.actor, plan=plan)
        time_machine.move_to(datetime(2026, 11, 24, 3, tzinfo=UTC))
        plans.resume_plan(actor=company.actor, plan=plan)
        assert send_due_invitations().sent == 0
        times = set(Invitation.objects.values_list("send_at", flat=True))
        assert times == {datetime(2026, 11, 30, 9, tzinfo=UTC)}


def test_closed_survey_and_lost_segment_end_the_plan(nordwind: Company) -> None:
    closed = started(nordwind, 1)
    closed.survey.state = "closed"
    closed.survey.save()
    lost = started(nordwind, 1)
    Segment.objects.filter(pk=lost.segment_id).delete()
    run_due_plans()
    for plan, wanted in ((closed, ("finished", "survey_closed")), (lost, ("stopped", "no_segment"))):
        plan.refresh_from_db()
        assert (plan.state, plan.reason) == wanted
    assert not Invitation.objects.exists()


def test_plan_waits_for_its_start_and_its_segment(nordwind: Company) -> None:
    later = started(nordwind, 1, starts_at=now() + timedelta(days=1))
    fresh = a_segment(nordwind, 1)
    Segment.objects.filter(pk=fresh.pk).update(size=None)
    computing = started(nordwind, segment_id=fresh.pk)
    run_due_plans()
    assert not Invitation.objects.exists()
    computing.refresh_from_db()
    assert computing.state == later.state == "active"
    assert computing.next_run_at is not None
    assert computing.next_run_at > now()


@pytest.mark.django_db(transaction=True)
def test_sweep_finds_due_plans_of_every_organisation(make_company: Callable[..., Company]) -> None:
    due, idle = make_company("due"), make_company("idle")
    with due.scope():
        started(due, 1)
    with idle.scope():
        a_plan(idle, 1)
    assert organizations_with_due_plans() == [due.organization.pk]
    with tenant(due.organization):
        run_due_plans()
    assert organizations_with_due_plans() == []


def test_standing_of_an_anonymous_survey_goes_by_the_time_of_sending(nordwind: Company) -> None:
    from zoneinfo import ZoneInfo

    plan = started(nordwind, 3, quota=5, survey=nordwind.survey(anonymous=True))
    run_due_plans()
    send_due_invitations()
    Invitation.objects.filter(plan=plan).update(state="completed", completed_at=None)
    assert standing_of(plan, ZoneInfo("UTC")).answers == 3


def test_mail_that_comes_late_is_skipped_where_it_would_come_too_soon(nordwind: Company, time_machine: Any) -> None:
    """It was decided for the day it was planned for; a pause of weeks moves it next to another one."""
    customer = nordwind.customer()
    segment = a_segment(nordwind)
    SegmentMember.objects.create(segment=segment, customer=customer)
    plan = started(nordwind, segment_id=segment.pk, survey=nordwind.survey(kind="csat", relationship=False))
    run_plan(plan)
    SendPlan.objects.filter(pk=plan.pk).update(state="active", ended_at=None)
    plan.refresh_from_db()
    plans.pause_plan(actor=nordwind.actor, plan=plan)
    later = now() + timedelta(days=35)
    counts = invite_customers(actor=nordwind.actor, survey=nordwind.survey(), customer_ids=[customer.pk], send_at=later)
    assert counts.eligible == 1
    time_machine.move_to(now() + timedelta(days=20))
    plans.resume_plan(actor=nordwind.actor, plan=plan)
    assert send_due_invitations().sent == 0
    skipped = Invitation.objects.get(plan=plan)
    assert (skipped.state, skipped.reason, skipped.decision["days"]) == ("blocked", "global_cap", 30)
