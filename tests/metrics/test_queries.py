"""What counts towards a score: kinds of surveys, filters, periods, groups; from histograms and answers alike."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict

from apps.metrics.filters import read_presentation, read_selection
from apps.metrics.queries import Scores, readings, score, touchpoint_readings
from apps.organizations.models import Organization, Unit
from apps.organizations.services import create_unit
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors
from cxm.scope import tenant
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.people import an_actor
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def ask(organization: Organization, query: str = "", metric: str = "nps", actor: Actor = SYSTEM, **more: Any) -> Scores:
    """Score as the API does, from a query string."""
    params = QueryDict(query)
    selection = read_selection(params, actor=actor, organization=organization)
    shown = read_presentation(params, metric)
    return score(selection, metric, rule=shown.rule, scale=shown.scale, interval=shown.interval, by=shown.by, **more)


def answers(survey: Survey, *scores: int, **values: Any) -> None:
    for value in scores:
        an_answer(survey, value, **values)


def test_headline_is_relationship_only(acme):
    relationship = a_survey("nps", relationship=True)
    touchpoint = a_touchpoint("Invoice", key="invoice")
    transactional = a_survey("nps", touchpoint=touchpoint)
    staff = a_survey("nps", relationship=True, audience="employees")
    answers(relationship, 10, 10, 9)
    answers(transactional, 0, 0)
    answers(staff, 1)
    fold_pending()
    assert (ask(acme).metric.value, ask(acme).metric.n) == (100.0, 3)
    assert (ask(acme, "touchpoint=invoice").metric.value, ask(acme, "touchpoint=invoice").metric.n) == (-100.0, 2)
    assert ask(acme, f"survey={staff.pk}").metric.n == 1


def test_nothing_of_another_organisation_counts(acme, other):
    with tenant(other):
        theirs = a_survey("nps", relationship=True)
        their_touchpoint = a_touchpoint("Invoice", key="invoice")
        answers(theirs, 0, 0, 0, touchpoint_id=their_touchpoint.pk)
        fold_pending()
    ours = a_survey("nps", relationship=True)
    answers(ours, 10)
    fold_pending()
    assert ask(acme).metric.n == 1
    assert [group.label for group in ask(acme, "by=survey").groups] == [ours.name]
    for query in (f"survey={theirs.pk}", "touchpoint=invoice", f"touchpoint={their_touchpoint.pk}"):
        with pytest.raises(DomainErrors) as unknown:
            ask(acme, query)
        assert unknown.value.errors[0]["code"] == "not_found"


def test_days_are_whole_days_of_the_organisations_zone_and_both_ends_count(acme):
    Organization.objects.filter(pk=acme.pk).update(timezone="America/New_York")
    acme.refresh_from_db()
    survey = a_survey("nps", relationship=True)
    answers(survey, 9, occurred_at=at(2, hour=3))  # still 1 March in New York
    answers(survey, 9, occurred_at=at(4, hour=3))  # 3 March
    answers(survey, 9, occurred_at=at(4, hour=6))  # 4 March
    fold_pending()
    assert ask(acme, "from=2026-03-01&to=2026-03-03").metric.n == 2
    assert ask(acme, "to=2026-03-01").metric.n == 1
    assert ask(acme, "from=2026-03-04T06:00:00Z").metric.n == 1
    assert ask(acme, "from=2026-03-02T03:00:00Z&to=2026-03-04T06:00:00Z").metric.n == 2


def test_series_has_every_period_between_the_first_and_the_last_answer(acme):
    survey = a_survey("nps", relationship=True)
    answers(survey, 9, occurred_at=at(4))
    answers(survey, 0, occurred_at=at(19))
    fold_pending()
    series = ask(acme, "interval=week").series
    assert [(period.start, period.metric.value) for period in series] == [
        (date(2026, 3, 2), 100.0),
        (date(2026, 3, 9), None),
        (date(2026, 3, 16), -100.0),
    ]
    assert [period.start for period in ask(acme, "interval=month").series] == [date(2026, 3, 1)]
    assert len(ask(acme, "interval=day").series) == 16


def test_unit_counts_its_branch_and_groups_roll_up(acme):
    north = create_unit(actor=SYSTEM, name="North")
    oslo = create_unit(actor=SYSTEM, name="Oslo", parent=north)
    south = create_unit(actor=SYSTEM, name="South")
    survey = a_survey("nps", relationship=True)
    answers(survey, 10, unit_id=north.pk)
    answers(survey, 0, 0, unit_id=oslo.pk)
    answers(survey, 5, unit_id=south.pk)
    answers(survey, 9)
    fold_pending()
    assert ask(acme, f"unit={north.pk}").metric.n == 3
    groups = {group.label: group.metric.n for group in ask(acme, "by=unit").groups}
    assert groups == {"North": 3, "Oslo": 2, "South": 1, "None": 1}


def test_actor_of_a_branch_sees_the_scores_of_the_branch_alone(acme):
    north, south = create_unit(actor=SYSTEM, name="North"), create_unit(actor=SYSTEM, name="South")
    survey = a_survey("nps", relationship=True)
    answers(survey, 10, unit_id=north.pk)
    answers(survey, 0, unit_id=south.pk)
    answers(survey, 0)
    fold_pending()
    of_north = an_actor(acme, "manager", unit=Unit.objects.get(pk=north.pk))
    assert (ask(acme, actor=of_north).metric.value, ask(acme, actor=of_north).metric.n) == (100.0, 1)
    assert [group.label for group in ask(acme, "by=unit", actor=of_north).groups] == ["North"]
    with pytest.raises(DomainErrors):
        ask(acme, f"unit={south.pk}", actor=of_north)


def test_groups_by_attribute_take_the_answers_own_else_the_customers(acme):
    gold = a_customer(external_id="g", attributes={"plan": "gold"})
    survey = a_survey("nps", relationship=True)
    answers(survey, 10, customer_id=gold.pk)
    answers(survey, 0, customer_id=gold.pk, attributes={"plan": "basic"})
    answers(survey, 5)
    fold_pending()
    groups = {group.key: group.metric.value for group in ask(acme, "by=attribute:plan").groups}
    assert groups == {"gold": 100.0, "basic": -100.0, None: -100.0}
    assert ask(acme, "attribute:plan=gold").metric.n == 1


def test_effort_on_five_points_is_scored_by_its_own_rule_and_never_with_seven(acme):
    definition = {
        "version": 1,
        "languages": ["en"],
        "pages": [{"id": "p", "questions": [{"id": "score", "type": "ces", "scale": 5, "title": {"en": "Effort?"}}]}],
    }
    old = a_survey("ces", relationship=True, definition=definition)
    answers(old, 1, 2)
    fold_pending()
    assert (ask(acme, metric="ces").metric.rule, ask(acme, metric="ces").metric.value) == ("ces1.mean.v1", 1.5)
    new = a_survey("ces", relationship=True)
    answers(new, 7)
    fold_pending()
    assert (ask(acme, metric="ces").metric.rule, ask(acme, metric="ces").metric.n) == ("ces2.top3.v1", 1)
    assert ask(acme, "rule=ces1.mean.v1", metric="ces").metric.n == 2


def test_answers_on_several_scales_are_refused_until_one_is_chosen(acme):
    definition = {
        "version": 1,
        "languages": ["en"],
        "pages": [{"id": "p", "questions": [{"id": "score", "type": "csat", "scale": 7, "title": {"en": "How?"}}]}],
    }
    answers(a_survey("csat", relationship=True), 5, 4)
    answers(a_survey("csat", relationship=True, definition=definition), 7)
    fold_pending()
    with pytest.raises(DomainError, match="5 and 7 points"):
        ask(acme, metric="csat")
    assert ask(acme, "scale=5", metric="csat").metric.n == 2
    assert list(ask(acme, "scale=7", metric="csat").metric.distribution) == list("1234567")


def test_change_compares_with_the_period_of_equal_length_before(acme):
    survey = a_survey("nps", relationship=True)
    for day, value in ((1, 0), (11, 10)):
        answers(survey, *[value] * 12, occurred_at=at(day))
    fold_pending()
    change = ask(acme, "from=2026-03-11&to=2026-03-20", compare_before=True).change
    assert (change.difference, change.significant, change.better) == (200.0, True, True)
    assert ask(acme, "from=2026-03-11", compare_before=True).change is None


def test_touchpoint_scores_are_what_the_filter_alone_gives(acme):
    first, second = a_touchpoint("First", key="first"), a_touchpoint("Second", key="second")
    nps, csat = a_survey("nps"), a_survey("csat")
    answers(nps, 9, 3, touchpoint_id=first.pk)
    answers(csat, 5, 5, 1, touchpoint_id=first.pk)
    answers(nps, 7, touchpoint_id=second.pk)
    fold_pending()
    everything = read_selection(QueryDict(), actor=SYSTEM, organization=acme)
    found = touchpoint_readings(everything)
    for touchpoint in (first, second):
        for metric in ("nps", "csat"):
            alone = ask(acme, f"touchpoint={touchpoint.key}", metric=metric).metric
            reading = found[touchpoint.pk].get(metric)
            assert (reading.metric if reading else None) == (alone if alone.n else None)
    assert set(readings(everything)) == {"nps", "csat", "ces"}


@pytest.mark.parametrize("seed", range(4))
def test_histograms_and_answers_give_the_same_scores(acme, seed):
    """Days are answered by the histograms, the same days as instants by the answers themselves."""
    chance = random.Random(seed)
    north = create_unit(actor=SYSTEM, name="North")
    touchpoints = [a_touchpoint(key=f"t{i}") for i in range(2)]
    surveys = [a_survey("nps", relationship=True), a_survey("nps"), a_survey("csat", relationship=True)]
    for _ in range(80):
        survey = chance.choice(surveys)
        an_answer(
            survey,
            chance.randint(1, 5 if survey.kind == "csat" else 10),
            touchpoint_id=chance.choice([None, *(t.pk for t in touchpoints)]),
            unit_id=chance.choice([None, north.pk]),
            channel=chance.choice(["web", "phone", "kiosk"]),
            occurred_at=at(1) + timedelta(hours=chance.randint(-200, 400)),
        )
    fold_pending()
    filters = [
        "",
        "&touchpoint=t0",
        "&touchpoint=t0,t1",
        "&channel=web",
        f"&unit={north.pk}",
        f"&survey={surveys[1].pk}",
    ]
    for extra in filters:
        for by in ("", "&by=touchpoint", "&by=channel", "&by=unit", "&by=survey"):
            start = date(2026, 3, 1) + timedelta(days=chance.randint(-9, 5))
            end = start + timedelta(days=chance.randint(0, 12))
            days = f"from={start}&to={end}{extra}{by}&interval=week"
            instants = f"from={start}T00:00:00Z&to={end + timedelta(days=1)}T00:00:00Z{extra}{by}&interval=week"
            metric = chance.choice(["nps", "csat"])
            assert ask(acme, days, metric) == ask(acme, instants, metric), (extra, by, metric)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("survey=nonsense", "survey"),
        ("touchpoint=none", "touchpoint"),
        ("touchpoint=%00", "touchpoint"),
        ("channel=telepathy", "channel"),
        ("unit=1", "unit"),
        ("segment=1", "segment"),
        ("persona=1", "persona"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-03-02&to=2026-03-01", "to"),
        ("from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "to"),
        ("from=0001-01-01T00:00:00%2B14:00&to=2026-03-01", "from"),
        ("interval=year", "interval"),
        ("by=moon", "by"),
        ("by=attribute:", "by"),
        ("rule=csat.top.v1", "rule"),
        ("scale=8", "scale"),
        ("attribute:%00=x", "attribute:\x00"),
        ("attribute:a=%00", "attribute:a"),
    ],
)
def test_what_cannot_be_understood_is_named(acme, query, field):
    with pytest.raises(DomainError) as problem:
        ask(acme, query)
    assert problem.value.errors[0]["field"] == field
    assert problem.value.errors[0]["message"]


def test_extreme_days_are_no_error(acme):
    survey = a_survey("nps", relationship=True)
    answers(survey, 9)
    fold_pending()
    assert ask(acme, "from=0001-01-01&to=9999-12-31", compare_before=True).metric.n == 1


@pytest.mark.parametrize("by", ["persona", "segment"])
def test_without_segments_and_bound_personas_there_are_no_groups(acme, by):
    answers(a_survey("nps", relationship=True), 9)
    fold_pending()
    assert ask(acme, f"by={by}").groups == []
