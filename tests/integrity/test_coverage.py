"""Coverage: which experiences were asked about, and which groups differ."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict

from apps.integrity.comparisons import Verdict
from apps.integrity.coverage import Coverage, Row, coverage, coverage_of, skipped
from apps.integrity.scope import read_scope
from apps.organizations.models import Organization, Unit
from cxm.errors import DomainErrors
from cxm.scope import tenant
from cxm.statistics import wilson_bounds
from tests.factories import an_actor
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer
from tests.integrity.population import a_measured_touchpoint, an_experience, asked, days_ago


def table(organization: Organization, query: str = "", role: str = "owner", unit: Unit | None = None) -> Coverage:
    actor = an_actor(organization, role, unit=unit)
    return coverage(read_scope(QueryDict(query), actor=actor, organization=organization))


def counts(row: Row) -> tuple[int, int, int]:
    return row.asked.experiences, row.asked.invited, row.asked.held_back


def test_an_invitation_that_names_its_experience_covers_that_one(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    customer = a_customer()
    earlier, later = an_experience(customer, days=20), an_experience(customer, days=10)
    asked(survey, customer, experience=earlier, days=9)
    blocked = an_experience()
    asked(survey, blocked.customer, experience=blocked, state="blocked")
    found = table(acme)
    assert counts(found.total) == (3, 1, 1)
    assert [row.label for row in found.rows] == [survey.touchpoint.name]
    metric = found.total.coverage
    assert metric is not None
    low, high = wilson_bounds(1, 3)
    assert (metric.value, metric.n, metric.rule) == (pytest.approx(100 / 3), 3, "coverage.v1")
    assert (metric.low, metric.high) == pytest.approx((100 * low, 100 * high))
    assert later.customer_id == earlier.customer_id


def test_another_invitation_covers_the_last_experience_of_the_two_weeks_before(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    one, two, late, early = (a_customer() for _ in range(4))
    an_experience(one, days=20)
    an_experience(one, days=12)
    asked(survey, one, days=10)  # the one 12 days ago
    an_experience(two, days=30)
    asked(survey, two, days=10)  # 20 days later: about nothing known
    an_experience(late, days=8)
    asked(survey, late, days=10)  # asked before it happened
    an_experience(early, days=23.5)
    asked(survey, early, days=10)  # 13.5 days later
    assert counts(table(acme).total) == (5, 2, 0)


def test_cancelled_and_failed_invitations_and_other_touchpoints_cover_nothing(acme: Organization) -> None:
    survey, elsewhere = a_measured_touchpoint(), a_measured_touchpoint("Visit")
    for state in ("cancelled", "failed"):
        asked(survey, an_experience().customer, state=state)
    asked(elsewhere, an_experience().customer)
    rows = {row.label: counts(row) for row in table(acme).rows}
    assert rows == {survey.touchpoint.name: (3, 0, 0), elsewhere.touchpoint.name: (0, 0, 0)}


def test_only_events_of_known_customers_that_fit_the_matcher_and_the_window_are_experiences(acme: Organization) -> None:
    survey = a_measured_touchpoint(where={"queue": "gold"})
    an_experience(queue="gold")
    an_experience(queue="silver")
    an_experience(queue="gold", days=200)
    nobody = an_experience(queue="gold")
    type(nobody).objects.filter(pk=nobody.pk).update(customer=None)
    assert counts(table(acme).total) == (1, 0, 0)
    assert counts(table(acme, "period=all").total) == (2, 0, 0)
    assert counts(table(acme, f"from={days_ago(201):%Y-%m-%d}&to={days_ago(199):%Y-%m-%d}").total) == (1, 0, 0)
    assert survey.touchpoint is not None


def test_the_response_rate_is_of_the_experiences_that_were_asked_about(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    for state in ("completed", "sent", "sent", "bounced", "queued"):
        experience = an_experience(agent="Kim")
        asked(survey, experience.customer, experience=experience, state=state)
    (row,) = table(acme, "by=agent").rows
    assert counts(row) == (5, 5, 0)
    assert (row.response_rate.value, row.response_rate.n) == (pytest.approx(100 / 3), 3)


def test_who_answered_an_anonymous_survey_is_in_no_response_rate(acme: Organization) -> None:
    survey = a_measured_touchpoint(anonymous=True)
    experience = an_experience(agent="Kim")
    asked(survey, experience.customer, experience=experience, state="completed")
    (row,) = table(acme, "by=agent").rows
    assert counts(row) == (1, 1, 0)
    assert (row.response_rate.value, row.response_rate.n) == (None, 0)


def test_a_clearly_neglected_agent_is_marked_and_the_others_are_not(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    for agent, invited in {"Ann": 15, "Bob": 14, "Cem": 16, "Dee": 1}.items():
        for number in range(20):
            experience = an_experience(agent=agent)
            if number < invited:
                asked(survey, experience.customer, experience=experience)
    an_experience(agent="Eve")
    found = {row.key: row.coverage_verdict for row in table(acme, "by=agent").rows}
    assert found["Dee"] is Verdict.BELOW
    assert found["Bob"] is Verdict.SAME
    assert found["Eve"] is Verdict.FEW


def test_scores_stand_beside_and_a_clearly_worse_unit_is_marked(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    north, south = (Unit.objects.create(name=name, code=name) for name in ("North", "South"))
    for unit, score in ((north, 10), (south, 2)):
        for _ in range(12):
            experience = an_experience(a_customer(unit=unit), unit=unit)
            an_answer(survey, score, customer_id=experience.customer_id, unit_id=unit.pk)
    fold_pending()
    rows = {row.label: row for row in table(acme, "by=unit").rows}
    assert rows["North"].score is not None and rows["North"].score.value == 100
    assert rows["North"].score_verdict is Verdict.ABOVE
    assert rows["South"].score_verdict is Verdict.BELOW


def test_a_touchpoint_without_an_event_says_so(acme: Organization) -> None:
    survey = a_survey("csat", touchpoint=a_touchpoint("Letter"))
    found = table(acme)
    assert found.unmatched == ["Letter"]
    assert [row.coverage for row in found.rows] == [None]
    assert found.total.coverage is None
    assert survey.touchpoint is not None


def test_a_survey_filter_counts_that_surveys_invitations_alone(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    second = a_survey("csat", touchpoint=survey.touchpoint)
    experience = an_experience()
    asked(second, experience.customer, experience=experience)
    assert counts(table(acme, f"survey={survey.pk}").total) == (1, 0, 0)
    assert counts(table(acme, f"survey={second.pk}").total) == (1, 1, 0)


def test_another_organisations_experiences_do_not_count(acme: Organization, other: Organization) -> None:
    with tenant(other):
        theirs = a_measured_touchpoint()
        asked(theirs, an_experience().customer)
    survey = a_measured_touchpoint()
    an_experience()
    assert counts(table(acme).total) == (1, 0, 0)
    with pytest.raises(DomainErrors):
        table(acme, f"survey={theirs.pk}")
    assert survey.pk != theirs.pk


def test_a_branch_manager_sees_the_own_branch(acme: Organization) -> None:
    a_measured_touchpoint()
    north, south = (Unit.objects.create(name=name, code=name) for name in ("North", "South"))
    an_experience(a_customer(unit=south), unit=north, agent="Ann")  # the event's own unit comes first
    an_experience(a_customer(unit=north), agent="Ann")
    an_experience(a_customer(unit=south), agent="Sue")
    an_experience(agent="Nobody")
    found = table(acme, "by=agent", "manager", north)
    assert {row.key: row.asked.experiences for row in found.rows} == {"Ann": 2}
    assert found.total.asked.experiences == 2
    whole = table(acme, "by=unit")
    assert {row.label: row.asked.experiences for row in whole.rows} == {"North": 2, "South": 1, "Without a unit": 1}


def test_the_headline_coverage_is_the_total_of_the_table(acme: Organization) -> None:
    assert coverage_of(read_scope(QueryDict(), actor=an_actor(acme), organization=acme)) is None
    survey = a_measured_touchpoint()
    for number in range(4):
        experience = an_experience()
        if number:
            asked(survey, experience.customer, experience=experience)
    found = coverage_of(read_scope(QueryDict(), actor=an_actor(acme), organization=acme))
    assert found == table(acme).total.coverage
    assert found is not None and found.value == 75


# Who was skipped


def skipping(organization: Organization) -> list[Any]:
    scope = read_scope(QueryDict("by=agent"), actor=an_actor(organization), organization=organization)
    return skipped(scope)


def test_an_agent_who_skips_repeated_contacts_is_marked(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    for _ in range(12):
        customer = a_customer()
        an_experience(customer, agent="Bea", days=13)  # the first contact, asked about
        first = an_experience(customer, agent="Max", days=12)
        again = an_experience(customer, agent="Max", days=10)
        happy = an_experience(agent="Max")
        asked(survey, happy.customer, experience=happy)
        assert first.pk < again.pk
    (row,) = skipping(acme)
    assert (row.agent, row.verdict) == ("Max", Verdict.BELOW)
    assert (row.unhappy.value, row.unhappy.n) == (0, 24)
    assert (row.others.value, row.others.n) == (100, 12)
    assert row.difference.value == -100


def test_complaints_look_unhappy_and_what_a_rule_held_back_is_not_skipped(acme: Organization) -> None:
    survey = a_measured_touchpoint()
    for number in range(12):
        customer = a_customer()
        an_experience(customer, event="Complaint received", days=15)
        upset = an_experience(customer, agent="Max", days=10)
        asked(survey, customer, experience=upset, state="sent" if number < 11 else "blocked")
        calm = an_experience(agent="Max")
        asked(survey, calm.customer, experience=calm)
    (row,) = skipping(acme)
    assert (row.unhappy.value, row.unhappy.n, row.others.n) == (100, 11, 12)
    assert row.verdict is Verdict.SAME


def test_agents_with_few_cases_are_left_out(acme: Organization) -> None:
    a_measured_touchpoint()
    an_experience(agent="Max")
    assert skipping(acme) == []
