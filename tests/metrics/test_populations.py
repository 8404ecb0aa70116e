"""Scores of the people in a segment or behind a persona: membership now, whoever answered when."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from apps.metrics.feedback import feedback, read_feedback_filter
from apps.metrics.filters import read_selection
from apps.metrics.queries import Scores, score
from apps.personas.models import Persona
from apps.segments.models import Segment, SegmentMember
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant
from tests.factories import an_api_client
from tests.factories.customers import a_customer
from tests.factories.maps import a_persona, a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


def a_group(name: str, *customers: Any) -> Segment:
    """A segment that holds exactly these customers."""
    segment = Segment.objects.create(name=name, kind="static", state="ready", size=len(customers))
    for customer in customers:
        SegmentMember.objects.create(segment=segment, customer=customer)
    return segment


def ask(organization: Any, query: str, metric: str = "nps", **how: Any) -> Scores:
    selection = read_selection(QueryDict(query), actor=SYSTEM, organization=organization)
    return score(selection, metric, **how)


@pytest.fixture
def told(acme: Any) -> dict[str, Any]:
    """Anna and Bert promote, Carl and a stranger do not."""
    survey = a_survey("nps", relationship=True)
    people = {name: a_customer(name=name) for name in ("Anna", "Bert", "Carl")}
    for name, given in (("Anna", 10), ("Bert", 9), ("Carl", 2)):
        an_answer(survey, given, customer_id=people[name].pk)
    an_answer(survey, 0)
    fold_pending()
    return {"survey": survey, **people}


def test_segment_means_its_members_now(acme: Any, told: Any) -> None:
    happy = a_group("Happy", told["Anna"], told["Bert"])
    found = ask(acme, f"segment={happy.pk}").metric
    assert (found.value, found.n) == (100.0, 2)
    SegmentMember.objects.create(segment=happy, customer=told["Carl"])
    assert ask(acme, f"segment={happy.pk}").metric.n == 3
    assert ask(acme, "").metric.n == 4


def test_any_of_several_segments_fits_and_nobody_counts_twice(acme: Any, told: Any) -> None:
    one, two = a_group("One", told["Anna"], told["Bert"]), a_group("Two", told["Bert"], told["Carl"])
    assert ask(acme, f"segment={one.pk},{two.pk}").metric.n == 3


def test_segment_and_persona_must_both_fit(acme: Any, told: Any) -> None:
    one, two = a_group("One", told["Anna"], told["Bert"]), a_group("Two", told["Bert"], told["Carl"])
    persona = a_persona("Lena")
    Persona.objects.filter(pk=persona.pk).update(segment=two)
    assert ask(acme, f"persona={persona.pk}").metric.n == 2
    assert ask(acme, f"persona={persona.pk}&segment={one.pk}").metric.n == 1


def test_groups_are_the_scores_that_the_filters_give(acme: Any, told: Any) -> None:
    one, two = a_group("One", told["Anna"], told["Bert"]), a_group("Two", told["Bert"], told["Carl"])
    a_group("Nobody")
    persona = a_persona("Lena")
    Persona.objects.filter(pk=persona.pk).update(segment=two)
    a_persona("Unbound")
    groups = ask(acme, "", by="segment").groups
    assert [(group.key, group.label) for group in groups] == [(str(one.pk), "One"), (str(two.pk), "Two")]
    for group in groups:
        assert group.metric == ask(acme, f"segment={group.key}").metric
    (only,) = ask(acme, "", by="persona").groups
    assert (only.key, only.label) == (str(persona.pk), "Lena")
    assert only.metric == ask(acme, f"persona={persona.pk}").metric


def test_number_leads_to_that_many_answers(acme: Any, told: Any) -> None:
    group = a_group("Group", told["Anna"], told["Carl"])
    params = QueryDict(f"segment={group.pk}&metric=nps")
    rows = feedback(read_feedback_filter(params, actor=SYSTEM, organization=acme)).rows
    assert rows.count() == ask(acme, f"segment={group.pk}").metric.n == 2
    assert {row.customer_id for row in rows} == {told["Anna"].pk, told["Carl"].pk}


def test_further_questions_and_periods_know_segments_too(acme: Any, told: Any) -> None:
    group = a_group("Group", told["Anna"])
    found = ask(acme, f"segment={group.pk}", interval="day")
    assert [period.metric.n for period in found.series] == [1]
    touchpoint = a_touchpoint("Invoice", key="invoice")
    survey = a_survey("csat", touchpoint=touchpoint)
    an_answer(survey, 5, customer_id=told["Anna"].pk)
    an_answer(survey, 1, customer_id=told["Carl"].pk)
    found = ask(acme, f"segment={group.pk}&touchpoint=invoice", "csat")
    assert (found.metric.value, found.metric.n) == (100.0, 1)


def test_anonymous_answers_belong_to_no_segment(acme: Any, told: Any) -> None:
    group = a_group("Group", told["Anna"], told["Bert"], told["Carl"])
    survey = a_survey("nps", relationship=True, anonymous=True)
    for _ in range(12):
        an_answer(survey, 0)
    fold_pending()
    assert ask(acme, f"segment={group.pk}").metric.n == 3
    assert ask(acme, f"segment={group.pk}&survey={survey.pk}").metric.n == 0
    assert [group.metric.n for group in ask(acme, "", by="segment").groups] == [3]


def test_unbound_persona_is_named(acme: Any, told: Any) -> None:
    persona = a_persona("Lena")
    with pytest.raises(DomainError) as problem:
        ask(acme, f"persona={persona.pk}")
    assert [(error["field"], error["code"]) for error in problem.value.errors] == [("persona", "no_segment")]


def test_segment_and_persona_of_another_organisation_are_unknown(acme: Any, other: Any, told: Any) -> None:
    with tenant(other):
        theirs = a_group("Theirs", a_customer())
        persona = a_persona("Theirs")
        Persona.objects.filter(pk=persona.pk).update(segment=theirs)
    client = an_api_client(acme)
    for query, field in ((f"segment={theirs.pk}", "segment"), (f"persona={persona.pk}", "persona")):
        answer = client.get(f"/api/v1/metrics/nps/?{query}")
        assert answer.status_code == 400
        assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, "not_found")]
    assert client.get("/api/v1/metrics/nps/?by=segment").json()["groups"] == []


@pytest.mark.parametrize("by", ["segment", "persona"])
def test_many_groups_cost_no_more_queries_than_one(acme: Any, told: Any, by: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as caught:
            ask(acme, "", by=by)
        return len(caught)

    def another(number: int) -> None:
        persona = a_persona(f"P{number}")
        Persona.objects.filter(pk=persona.pk).update(segment=a_group(f"S{number}", told["Anna"]))

    another(1)
    one = queries()
    another(2)
    another(3)
    assert queries() == one
    assert len(ask(acme, "", by=by).groups) == 3
