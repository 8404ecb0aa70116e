"""Asking after an experience: an event is heard, and whoever lived through it is asked once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from apps.dispatch import plans
from apps.dispatch.handlers import ask_after_events
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan
from apps.dispatch.planning import run_due_plans
from apps.dispatch.triggers import is_sampled
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import drain
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey, SurveyVersion
from cxm.ids import uuid7
from tests.factories.interactions import an_interaction

from .conftest import Company

pytestmark = pytest.mark.django_db


def listening(
    company: Company, event: str = "order_delivered", *, survey: Survey | None = None, **fields: Any
) -> SendPlan:
    trigger = {"event": event, "where": fields.pop("where", {})}
    survey = survey or company.survey(kind="csat", relationship=False)
    started_ago = fields.pop("started_ago", timedelta(hours=1))
    begin = now() - started_ago
    plan = plans.create_plan(actor=company.actor, survey=survey, trigger=trigger, **{"starts_at": begin, **fields})
    plans.start_plan(actor=company.actor, plan=plan)
    SendPlan.objects.filter(pk=plan.pk).update(started_at=begin)
    plan.refresh_from_db()
    return plan


def hear() -> None:
    """Hand to the handler what was told of interactions, as the relay does."""
    rows = OutboxEvent.objects.filter(topic="interactions.recorded", handler="dispatch.ask_after_events")
    payloads = list(rows.order_by("id").values_list("payload", flat=True))
    rows.delete()
    ask_after_events(payloads)


def decisions(plan: SendPlan) -> list[tuple[str, str]]:
    return sorted(Invitation.objects.filter(plan=plan).values_list("state", "reason"))


def test_event_leads_to_one_question_after_the_delay(nordwind: Company) -> None:
    plan = listening(nordwind, delay_minutes=90)
    customer = nordwind.customer()
    lived = an_interaction(customer, "order_delivered")
    an_interaction(customer, "page_seen")
    hear()
    invitation = Invitation.objects.get()
    assert (invitation.plan_id, invitation.customer_id, invitation.state) == (plan.pk, customer.pk, "queued")
    assert invitation.interaction_id == lived.pk
    assert invitation.experienced_at == lived.occurred_at
    assert invitation.send_at == lived.occurred_at + timedelta(minutes=90)
    batch = InvitationBatch.objects.get()
    assert (batch.plan_id, batch.eligible) == (plan.pk, 1)


def test_event_heard_again_asks_nobody_again(nordwind: Company) -> None:
    listening(nordwind)
    customer = nordwind.customer()
    an_interaction(customer, "order_delivered")
    payloads = list(OutboxEvent.objects.filter(topic="interactions.recorded").values_list("payload", flat=True))
    for _ in range(3):
        ask_after_events(payloads)
    assert Invitation.objects.count() == 1


def test_relay_hands_events_to_the_plan(transactional_db: None, make_company: Callable[..., Company]) -> None:
    company = make_company("relayed")
    with company.scope():
        listening(company)
        an_interaction(company.customer(), "order_delivered")
        drain()
        assert Invitation.objects.count() == 1


def test_properties_have_to_match(nordwind: Company) -> None:
    plan = listening(nordwind, where={"country": "DE", "express": True})
    for properties in ({"country": "DE", "express": True}, {"country": "FR", "express": True}, {"country": "DE"}):
        an_interaction(nordwind.customer(), "order_delivered", properties=properties)
    hear()
    assert decisions(plan) == [("queued", "")]


def test_answer_inherits_hidden_fields_agent_and_unit_of_the_event(nordwind: Company) -> None:
    from apps.organizations.models import Unit

    survey = nordwind.survey(kind="csat", relationship=False)
    version = SurveyVersion.objects.get(survey=survey)
    definition = {**version.definition, "hidden": [{"id": "order", "label": "Order"}, {"id": "shop"}]}
    survey.versions.all().delete()
    SurveyVersion.objects.create(survey=survey, number=1, definition=definition)
    unit = Unit.objects.create(name="North", code="north")
    listening(nordwind, survey=survey)
    properties = {"order": 4711, "shop": "x" * 300, "agent": "Olga", "secret": "no", "items": [1]}
    an_interaction(nordwind.customer(), "order_delivered", properties=properties, unit_id=unit.pk)
    hear()
    invitation = Invitation.objects.get()
    assert invitation.attributes == {"order": "4711", "shop": "x" * 200, "agent": "Olga"}
    assert invitation.unit_id == unit.pk


def test_nothing_leads_from_an_anonymous_answer_to_the_event(nordwind: Company) -> None:
    listening(nordwind, survey=nordwind.survey(kind="csat", relationship=False, anonymous=True))
    an_interaction(nordwind.customer(), "order_delivered", properties={"agent": "Olga"})
    hear()
    invitation = Invitation.objects.get()
    assert (invitation.attributes, invitation.experienced_at) == ({}, None)


def test_what_happened_before_the_plan_is_not_asked_about(nordwind: Company) -> None:
    plan = listening(nordwind, started_ago=timedelta(days=2))
    an_interaction(nordwind.customer(), "order_delivered", at=now() - timedelta(days=3))
    an_interaction(nordwind.customer(), "order_delivered", at=now() - timedelta(days=1))
    hear()
    assert decisions(plan) == [("queued", "")]


def test_old_experience_that_comes_late_is_kept_as_too_old(nordwind: Company) -> None:
    plan = listening(nordwind, started_ago=timedelta(days=60), delay_minutes=60 * 24)
    for days in (15.5, 14.5):
        an_interaction(nordwind.customer(), "order_delivered", at=now() - timedelta(days=days))
    hear()
    assert decisions(plan) == [("blocked", "too_old"), ("queued", "")]


def test_paused_plan_and_event_of_nobody_ask_nobody(nordwind: Company) -> None:
    plan = listening(nordwind)
    plans.pause_plan(actor=nordwind.actor, plan=plan)
    an_interaction(nordwind.customer(), "order_delivered")
    hear()
    plans.resume_plan(actor=nordwind.actor, plan=plan)
    assert not Invitation.objects.exists()


def test_blocked_decision_is_kept_with_its_figures(nordwind: Company) -> None:
    plan = listening(nordwind)
    customer = nordwind.customer()
    for minutes in (30, 20, 10):
        an_interaction(customer, "order_delivered", at=now() - timedelta(minutes=minutes))
    hear()
    assert decisions(plan) == [("blocked", "global_cap"), ("blocked", "global_cap"), ("queued", "")]
    asked = Invitation.objects.get(state="queued")
    assert asked.experienced_at == min(Invitation.objects.values_list("experienced_at", flat=True))
    assert Invitation.objects.filter(state="blocked")[0].decision["days"] == 30


def test_plan_furthest_below_its_quota_wins_the_customer(nordwind: Company) -> None:
    near = listening(nordwind, "visited", quota=4)
    far = listening(nordwind, "visited", quota=100)
    batch = InvitationBatch.objects.create(survey=near.survey, plan=near)
    for _ in range(2):
        Invitation.objects.create(
            batch=batch, plan=near, survey=near.survey, customer=nordwind.customer(), kind="transactional",
            state="completed", send_at=now(), sent_at=now(), completed_at=now(),
        )  # fmt: skip
    customer = nordwind.customer()
    an_interaction(customer, "visited")
    hear()
    assert dict(Invitation.objects.filter(customer=customer).values_list("plan_id", "reason")) == {
        far.pk: "",
        near.pk: "global_cap",
    }


def test_limits_of_the_day_and_of_the_quota_skip_and_queue_nothing(nordwind: Company) -> None:
    daily = listening(nordwind, "delivered", per_day=2)
    wanted = listening(nordwind, "visited", quota=1)
    for _ in range(7):
        an_interaction(nordwind.customer(), "delivered")
        an_interaction(nordwind.customer(), "visited")
    hear()
    assert decisions(daily) == [("blocked", "day_full")] * 5 + [("queued", "")] * 2
    assert decisions(wanted) == [("blocked", "quota_filled")] * 2 + [("queued", "")] * 5


def test_segment_and_branch_of_a_plan_hold_for_its_events(nordwind: Company) -> None:
    inside, outside = nordwind.customer(), nordwind.customer()
    segment = Segment.objects.create(name="VIP", kind="static", state="ready", size=1)
    SegmentMember.objects.create(segment=segment, customer=inside)
    listening(nordwind, segment_id=segment.pk)
    an_interaction(inside, "order_delivered")
    an_interaction(outside, "order_delivered")
    hear()
    assert list(Invitation.objects.values_list("customer_id", flat=True)) == [inside.pk]


def test_sample_of_experiences_is_stable_and_fair(nordwind: Company) -> None:
    plan_id = uuid7()
    ids = [uuid7() for _ in range(2000)]
    chosen = [pk for pk in ids if is_sampled(plan_id, pk, 0.3)]
    assert chosen == [pk for pk in ids if is_sampled(plan_id, pk, 0.3)]
    assert 500 < len(chosen) < 700
    assert set(chosen) <= {pk for pk in ids if is_sampled(plan_id, pk, 0.5)}


def test_run_of_a_plan_with_an_event_only_looks_after_its_end(nordwind: Company, time_machine: Any) -> None:
    plan = listening(nordwind, ends_at=now() + timedelta(days=3))
    run_due_plans()
    plan.refresh_from_db()
    assert plan.state == "active"
    assert plan.next_run_at is not None
    assert plan.next_run_at > now()
    time_machine.move_to(now() + timedelta(days=3, hours=1))
    run_due_plans()
    plan.refresh_from_db()
    assert (plan.state, plan.reason) == ("finished", "ended")


def test_no_plan_costs_one_query(nordwind: Company, django_assert_num_queries: Any) -> None:
    payloads = [{"customers": [str(uuid7())], "events": ["x"], "from": now().isoformat(), "to": now().isoformat()}]
    with django_assert_num_queries(1):
        ask_after_events(payloads * 100)


def test_queries_do_not_grow_with_the_events(nordwind: Company, django_assert_max_num_queries: Any) -> None:
    listening(nordwind)
    for _ in range(40):
        an_interaction(nordwind.customer(), "order_delivered")
    with django_assert_max_num_queries(25):
        hear()
    assert Invitation.objects.count() == 40


def test_other_organisations_events_are_not_heard(nordwind: Company, make_company: Callable[..., Company]) -> None:
    other = make_company("other")
    with other.scope():
        listening(other)
    an_interaction(nordwind.customer(), "order_delivered")
    hear()
    assert not Invitation.objects.exists()
    with other.scope():
        assert not Invitation.objects.exists()
