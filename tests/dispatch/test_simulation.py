"""What a simulation says is what sending would decide: on random ledgers, for every kind of audience."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.customers.digests import digest_of
from apps.customers.models import ConsentRecord, Customer
from apps.dispatch import simulation
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Person, assess
from apps.dispatch.models import Invitation, InvitationBatch, Suppression
from apps.dispatch.simulation import (
    Audience,
    Estimate,
    Simulation,
    Trial,
    days_needed,
    estimate_answers,
    forecast,
    simulate,
)
from apps.organizations.models import Organization
from apps.segments.models import Segment, SegmentMember
from apps.surveys.models import Survey
from cxm.scope import tenant

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
