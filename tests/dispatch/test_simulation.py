"""What a simulation says is what sending would decide: on random ledgers, for every kind of audience."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers.digests import digest_of
from apps.customers.models import ConsentRecord, Customer
from apps.dispatch import simulation
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Person, assess
from apps.dispatch.models import Invitation, InvitationBatch, Suppression
from apps.dispatch.plan_queries import trial_of
from apps.dispatch.planning import run_plan
from apps.dispatch.plans import create_plan, start_plan
from apps.dispatch.simulation import (
    Audience,
    Simulation,
    Trial,
    days_needed,
    estimate_answers,
    forecast,
    simulate,
)
from apps.interactions.models import Interaction
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.ids import timed_uuid7

from .conftest import Company

AT = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)  # a Friday evening: business hours move it over a weekend
ZONES = ("", "Europe/Berlin", "America/New_York", "Pacific/Auckland", "Not/AZone")
HOURS = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


def random_people(data: st.DataObject, company: Company, surveys: list[Survey]) -> list[Customer]:
    """Customers with every fact the rules know, and a ledger around the instant, before and after."""
    people = []
    for number in range(data.draw(st.integers(1, 8))):
        email = data.draw(st.sampled_from([None, f"Known{number}@Example.com".lower(), f"back{number}@example.com"]))
        phone = data.draw(st.sampled_from([None, f"4930{number:07}"]))
        person = company.customer(
            email=email,
            phone=phone,
            timezone=data.draw(st.sampled_from(ZONES)),
            restricted_at=data.draw(st.sampled_from([None, None, None, AT])),
        )
        known = AT - timedelta(hours=data.draw(st.sampled_from([-24, 1, 50, 70, 73, 24 * 400])))
        Customer.objects.filter(pk=person.pk).update(created_at=known)
        for channel in data.draw(st.lists(st.sampled_from(["email", "any", "sms"]), max_size=2)):
            state = data.draw(st.sampled_from(["given", "withdrawn"]))
            ConsentRecord.objects.create(customer=person, purpose="surveys", channel=channel, state=state)
        reason = data.draw(st.sampled_from(["manual", "bounce"]))
        match data.draw(st.integers(0, 10)):
            case 0 if email:
                lifted = data.draw(st.sampled_from([None, AT]))
                Suppression.objects.create(email=email, reason=reason, lifted_at=lifted, customer=person)
            case 1:
                Suppression.objects.create(customer=person, reason=reason)
            case 2 if email:
                Suppression.objects.create(digest=digest_of("email", email), reason=reason)
            case 3 if phone:
                Suppression.objects.create(phone=phone, reason=reason)
            case 4 if phone:
                Suppression.objects.create(digest=digest_of("phone", phone), reason=reason)
        for _ in range(data.draw(st.integers(0, 4))):
            survey = data.draw(st.sampled_from(surveys))
            planned = max(known, AT + timedelta(hours=data.draw(st.integers(-24 * 110, 24 * 40))))
            sent = data.draw(st.sampled_from([None, planned + timedelta(minutes=7)]))
            batch = InvitationBatch.objects.create(survey=survey)
            Invitation.objects.create(
                batch=batch,
                survey=survey,
                customer=person,
                touchpoint_id=survey.touchpoint_id,
                kind="relationship" if survey.relationship else "transactional",
                state=data.draw(st.sampled_from(Invitation.State.values)),
                send_at=planned,
                sent_at=sent,
            )
        people.append(person)
    return people


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_simulation_counts_what_assess_decides(
    data: st.DataObject, make_company: Callable[..., Company], db: None
) -> None:
    limits = st.sampled_from([1, 1, 2, 3])
    company = make_company(
        "nordwind",
        business_hours_enabled=data.draw(st.booleans()),
        business_hours=HOURS,
        timezone="Europe/Berlin",
        opt_in_required=data.draw(st.booleans()),
        fatigue={
            "global_limit": data.draw(limits),
            "global_days": data.draw(st.sampled_from([0, 5, 30])),
            "relationship_limit": data.draw(limits),
            "relationship_days": data.draw(st.sampled_from([0, 20, 90])),
            "transactional_limit": data.draw(limits),
            "transactional_days": data.draw(st.sampled_from([0, 14])),
            "new_customer_days": data.draw(st.sampled_from([0, 3])),
        },
    )
    with company.scope():
        surveys = [
            company.survey(),
            company.survey(relationship=False, touchpoint=company.touchpoint("a", "A")),
            company.survey(relationship=False, touchpoint=company.touchpoint("b", "B")),
            company.survey(relationship=False),
        ]
        people = random_people(data, company, surveys)
        survey = data.draw(st.sampled_from(surveys))
        survey.state = data.draw(st.sampled_from(["live", "live", "live", "closed"]))
        survey.closes_at = data.draw(st.sampled_from([None, None, AT, AT + timedelta(days=1)]))
        channel = data.draw(st.sampled_from(["email", "email", "sms", "kiosk"]))
        skip_wait = data.draw(st.booleans())
        rows = Customer.objects.filter(pk__in=[one.pk for one in people]).values_list(*CUSTOMER_COLUMNS)
        assessed = assess(
            organization=company.organization,
            survey=survey,
            people=[Person.from_row(row) for row in rows],
            send_at=AT,
            channel=channel,
            ignore_new_customer_wait=skip_wait,
        )
        trial = Trial(
            company.organization, survey, Audience(customer_ids=tuple(p.pk for p in people)), AT, channel, skip_wait
        )
        found = simulate(trial)
        assert found.rules == Counter(one.decision.rule for one in assessed)
        blocked_for_a_time = [
            one for one in assessed if one.decision.rule.endswith("_cap") or one.decision.rule == "new_customer_wait"
        ]
        assert found.free_after.total() == len(blocked_for_a_time)


SYSTEM = Actor.system("test")


def a_group(*customers: Customer) -> Segment:
    segment = Segment.objects.create(name=f"Group {uuid4()}", kind="static", state="ready", size=len(customers))
    for customer in customers:
        SegmentMember.objects.create(segment=segment, customer=customer)
    return segment


def test_counting_in_slices_and_by_turns_gives_the_same(nordwind: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "SLICE", 2)
    people = [nordwind.customer(known_days=400 if number % 3 else 1) for number in range(7)]
    trial = Trial(nordwind.organization, nordwind.survey(), Audience(segment_id=a_group(*people).pk), now())
    whole = simulate(trial)
    assert whole.rules == Counter({"": 4, "new_customer_wait": 3})
    part, turns = Simulation(), 0
    while not part.is_done:
        part = Simulation.from_text(simulate(trial, part, seconds=0).to_text())
        turns += 1
    assert turns == 4
    assert (part.rules, part.free_after) == (whole.rules, whole.free_after)


def test_other_organisations_members_are_not_counted(nordwind: Company, make_company: Callable[..., Company]) -> None:
    other = make_company("other")
    with other.scope():
        theirs = a_group(other.customer(), other.customer())
    found = simulate(Trial(nordwind.organization, nordwind.survey(), Audience(segment_id=theirs.pk), now()))
    assert found.considered == 0


@pytest.mark.parametrize("percent", [20.0, 60.0])
def test_simulation_of_a_sample_is_of_those_whom_the_plan_draws(nordwind: Company, percent: float) -> None:
    segment = a_group(*[nordwind.customer(known_days=400 if number % 2 else 1) for number in range(30)])
    plan = create_plan(actor=SYSTEM, survey=nordwind.survey(), segment_id=segment.pk, sample_percent=percent)
    found = simulate(trial_of(plan))
    run_plan(start_plan(actor=SYSTEM, plan=plan))
    decided = Counter(Invitation.objects.filter(plan=plan).values_list("reason", flat=True))
    assert 0 < found.considered < 30
    assert found.rules == decided
    assert simulate(trial_of(plan)).considered == 0, "whoever was considered is not considered again"


def test_simulation_of_an_event_is_about_whoever_lived_through_it_lately(nordwind: Company) -> None:
    lately, long_ago, otherwise, new = (nordwind.customer(known_days=days) for days in (400, 400, 400, 1))
    for customer, days, country in ((lately, 3, "DE"), (lately, 5, "DE"), (long_ago, 40, "DE"), (new, 1, "DE")):
        lived_through(customer, days, country)
    lived_through(otherwise, 2, "FR")
    trigger = {"event": "delivered", "where": {"country": "DE"}}
    plan = create_plan(actor=SYSTEM, survey=nordwind.survey(), trigger=trigger)
    assert simulate(trial_of(plan)).rules == Counter({"": 1, "new_customer_wait": 1})
    among = create_plan(actor=SYSTEM, survey=nordwind.survey(), trigger=trigger, segment_id=a_group(lately).pk)
    assert simulate(trial_of(among)).rules == Counter({"": 1})


def lived_through(customer: Customer, days_ago: int, country: str) -> None:
    at = (now() - timedelta(days=days_ago)).replace(microsecond=0)
    Interaction.objects.create(
        id=timed_uuid7(at),
        customer=customer,
        identity_id=customer.pk,
        event="delivered",
        occurred_at=at,
        properties={"country": country, "order": 7},
    )


def test_forecast_tells_when_whoever_was_asked_lately_is_free_again(nordwind: Company) -> None:
    survey = nordwind.survey()
    asked = [nordwind.customer() for _ in range(3)]
    batch = InvitationBatch.objects.create(survey=survey)
    for customer, days in zip(asked, (10, 80, 89), strict=True):
        at = now() - timedelta(days=days)
        Invitation.objects.create(
            batch=batch, survey=survey, customer=customer, kind="relationship", state="sent", send_at=at, sent_at=at
        )
    people = [*asked, nordwind.customer()]
    found = simulate(Trial(nordwind.organization, survey, Audience(segment_id=a_group(*people).pk), now()))
    days = forecast(found)
    assert (days[0], days[1], days[9], days[10], days[30]) == (1, 2, 2, 3, 3)
    assert found.free_after == Counter({1: 1, 10: 1, 31: 1})


@pytest.mark.parametrize(("people", "per_day", "days"), [(100, 20, 5), (101, 20, 6), (0, 20, 0), (100, None, None)])
def test_days_that_a_drip_takes(people: int, per_day: int | None, days: int | None) -> None:
    assert days_needed(people, per_day) == days


def test_estimate_rests_on_sends_that_had_time_to_be_answered(nordwind: Company) -> None:
    survey, other = nordwind.survey(), nordwind.survey()
    assert estimate_answers(survey, 100) is None
    batch = InvitationBatch.objects.create(survey=other)

    def sent(of: Survey, state: str, days: int) -> None:
        at = now() - timedelta(days=days)
        Invitation.objects.create(
            batch=batch,
            survey=of,
            customer=nordwind.customer(),
            kind="relationship",
            state=state,
            send_at=at,
            sent_at=at,
        )

    sent(other, "sent", 1)
    assert estimate_answers(survey, 100) is None
    for state in ("completed", "sent", "sent", "sent", "bounced"):
        sent(other, state, 10)
    by_others = estimate_answers(survey, 100)
    assert by_others is not None
    assert (by_others.answers, by_others.completed, by_others.delivered, by_others.of_survey) == (25, 1, 4, False)
    assert (by_others.low, by_others.high) == (4, 70), "Wilson: 4.6 to 69.9 percent"
    sent(survey, "completed", 10)
    own = estimate_answers(survey, 100)
    assert own is not None
    assert (own.completed, own.delivered, own.of_survey) == (1, 1, True)
