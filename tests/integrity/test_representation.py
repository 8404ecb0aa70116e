"""Respondents against customers, and the weighted score beside the plain one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.http import QueryDict
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.integrity.comparisons import Verdict
from apps.integrity.representation import Group, Representation, representation
from apps.integrity.scope import read_scope
from apps.organizations.models import Organization, Unit
from apps.surveys.models import Survey
from cxm.scope import tenant
from cxm.statistics import wilson_bounds
from tests.factories import an_actor
from tests.factories.customers import a_customer
from tests.factories.segments import a_list
from tests.factories.surveys import a_survey, an_answer
from tests.integrity.population import an_experience, asked, days_ago


def found_for(organization: Organization, query: str = "", unit: Unit | None = None) -> Representation:
    actor = an_actor(organization, "manager" if unit else "owner", unit=unit)
    return representation(read_scope(QueryDict(query), actor=actor, organization=organization))


def known_for(days: float, **values: object) -> Customer:
    customer = a_customer(**values)
    Customer.objects.filter(pk=customer.pk).update(created_at=now() - timedelta(days=days))
    return customer


def group(found: Representation, key: str) -> Group:
    return next(row for row in found.groups if row.key == key)


def answered(survey: Survey, score: int, customer: Customer, **values: object) -> None:
    an_answer(survey, score, customer_id=customer.pk, **values)


def test_tenure_bands_of_customers_invited_and_respondents(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    people = [known_for(days) for days in (10, 89, 91, 364, 366, 1094, 1096, 4000)]
    for customer in people[:2]:
        asked(survey, customer)
        answered(survey, 9, customer)
    asked(survey, people[-1])
    known_for(5, stage="prospect")
    found = found_for(acme)
    shares = [(row.key, row.customers.value, row.invited.n, row.respondents.value) for row in found.groups]
    assert shares == [
        ("under_90_days", 25, 3, 100),
        ("90_to_365_days", 25, 3, 0),
        ("1_to_3_years", 25, 3, 0),
        ("over_3_years", 25, 3, 0),
    ]
    assert (found.customers, found.invited, found.respondents) == (8, 3, 2)
    low, high = wilson_bounds(2, 2)
    newest = found.groups[0]
    assert (newest.difference, newest.low, newest.high) == pytest.approx((75, 100 * low - 25, 100 * high - 25))
    assert newest.verdict is Verdict.FEW


def test_the_first_interaction_tells_the_tenure_of_an_imported_customer(acme: Organization) -> None:
    an_experience(known_for(1), days=400)
    assert group(found_for(acme), "1_to_3_years").customers.value == 100


def two_bands(survey: Survey, *, new: int = 60, old: int = 20) -> None:
    """As many customers of each band; new ones are promoters, old ones detractors, and fewer of these answer."""
    for number in range(60):
        young, loyal = known_for(30), known_for(2000)
        if number < new:
            answered(survey, 10, young)
        if number < old:
            answered(survey, 2, loyal)


def test_the_weighted_score_stands_beside_the_plain_one(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    two_bands(survey)
    found = found_for(acme)
    assert found.plain is not None and found.weighted is not None
    assert (found.plain.value, found.plain.n) == (50, 80)  # 60 promoters, 20 detractors
    # Both bands are half of the customers: weights 0.5/0.75 and 0.5/0.25.
    assert found.weighted.value == pytest.approx(0)
    assert found.weighted.effective_n == pytest.approx(80**2 / (60 * 4 / 9 + 20 * 4))
    assert (found.cells, found.trimmed, found.sampled, found.outside) == (2, 0, False, 0)
    assert found.weighted.low < 0 < found.weighted.high
    assert group(found, "under_90_days").verdict is Verdict.ABOVE
    assert group(found, "over_3_years").verdict is Verdict.BELOW


def test_it_is_not_defined_when_a_band_is_silent_or_answers_are_few(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    two_bands(survey, new=60, old=0)
    found = found_for(acme)
    assert found.weighted is None
    assert found.reason == "Nobody answered of: More than 3 years. No weight can make up for that."
    assert found.plain is not None and found.plain.value == 100
    few = a_survey(relationship=True)
    two_bands(few, new=15, old=14)
    found = found_for(acme, f"survey={few.pk}")
    assert (found.weighted, found.reason) == (
        None,
        "Weighting needs at least 30 answers of known customers; there are 29.",
    )


def test_segments_are_told_apart_in_the_order_they_are_named(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    gold = [known_for(30) for _ in range(30)]
    plain = [known_for(30) for _ in range(30)]
    for customer in gold:
        answered(survey, 10, customer)
    for customer in plain[:10]:
        answered(survey, 2, customer)
    segment, everybody = a_list(*gold), a_list(*gold, *plain[:5])
    found = found_for(acme, f"by_segment={segment.pk},{everybody.pk}")
    assert [(row.label, row.customers.value) for row in found.groups[:3]] == [
        (segment.name, 50),
        (everybody.name, pytest.approx(100 * 5 / 60)),
        ("In none of these segments", pytest.approx(100 * 25 / 60)),
    ]
    alone = found_for(acme, f"by_segment={segment.pk}")
    # 30 of 40 answers stand for half of the customers.
    assert alone.weighted is not None and alone.weighted.value == pytest.approx(0)
    without = found_for(acme)
    assert without.weighted is not None and without.plain is not None
    assert without.weighted.value == pytest.approx(without.plain.value)


def test_answers_of_a_sample_count_by_the_chance_of_being_asked(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    for score, chance in ((10, 1.0), (2, 0.5)):
        for _ in range(20):
            customer = known_for(30)
            invitation = asked(survey, customer, probability=chance)
            answered(survey, score, customer, invitation_id=invitation.pk)
    found = found_for(acme)
    assert found.sampled
    assert found.weighted is not None and found.weighted.value == pytest.approx(-100 / 3)
    assert found.plain is not None and found.plain.value == 0


def test_anonymous_answers_are_never_compared_with_customers(acme: Organization) -> None:
    survey = a_survey(relationship=True, anonymous=True)
    for _ in range(40):
        an_answer(survey, 10)
    found = found_for(acme, f"survey={survey.pk}")
    assert (found.plain, found.weighted, found.respondents) == (None, None, 0)
    assert found.reason == "Anonymous answers have no customer to be weighted by."


def test_answers_without_a_customer_are_in_the_plain_score_alone(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    two_bands(survey)
    for _ in range(10):
        an_answer(survey, 2)
    found = found_for(acme)
    assert found.plain is not None and found.plain.n == 90
    assert found.weighted is not None and found.weighted.n == 80
    assert found.outside == 10


def test_other_organisations_units_and_times_do_not_count(acme: Organization, other: Organization) -> None:
    with tenant(other):
        two_bands(a_survey(relationship=True))
    north = Unit.objects.create(name="North", code="n")
    survey = a_survey(relationship=True)
    mine, theirs = known_for(30, unit=north), known_for(30)
    answered(survey, 9, mine, unit_id=north.pk)
    answered(survey, 9, theirs)
    answered(survey, 9, known_for(3000), occurred_at=days_ago(200))
    found = found_for(acme)
    assert (found.customers, found.respondents) == (3, 2)
    assert found.plain is not None and found.plain.n == 2
    branch = found_for(acme, unit=north)
    assert (branch.customers, branch.respondents) == (1, 1)
