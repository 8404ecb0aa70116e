"""Opportunities: what is kept, how they move on the roadmap, and what evidence suggests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.insights.scoring import weighted_mean
from apps.interactions.store import NewInteraction, record_interactions
from apps.journeys import registry
from apps.journeys.models import Card, Step
from apps.journeys.services import delete_card
from apps.metrics.statistics import Metric
from apps.opportunities import services
from apps.opportunities.evidence import evidence_of, suggest
from apps.opportunities.models import Opportunity
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import a_member, a_person, an_organization
from tests.factories.customers import a_customer
from tests.factories.ideas import an_idea
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
ActorAs = Callable[[str], Actor]


def column(**where: str) -> list[str]:
    return list(Opportunity.objects.filter(**where).order_by("rank", "pk").values_list("title", flat=True))


def test_card_gives_its_step_and_its_words(organization: Organization) -> None:
    journey = a_journey()
    card = Card.objects.get(step__stage__journey=journey)
    row = an_opportunity(journey=str(journey.pk), card=str(card.pk))
    assert (row.journey_id, row.step_id, row.card_id) == (journey.pk, card.step_id, card.pk)
    assert row.pain_point == "Reads the letter"
    assert registry.marks_of(actor=SYSTEM, journey_id=journey.pk)["opportunities"] == {str(card.pk): 1}
    delete_card(actor=SYSTEM, journey=journey, card_id=card.pk)
    row = services.update_opportunity(actor=SYSTEM, opportunity=row, title="Still there")
    assert row.pain_point == "Reads the letter"
    row = services.update_opportunity(actor=SYSTEM, opportunity=row, card=None)
    assert (row.step_id, row.card_id) == (card.step_id, None)
    row = services.update_opportunity(actor=SYSTEM, opportunity=row, journey=None)
    assert (row.journey_id, row.step_id) == (None, None)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00"}, "title"),
        ({"description": "x" * 10_001}, "description"),
        ({"status": "someday"}, "status"),
        ({"status": None}, "status"),
        ({"horizon": 1}, "horizon"),
        ({"customer_value": 0}, "customer_value"),
        ({"business_value": 6}, "business_value"),
        ({"effort": 2.5}, "effort"),
        ({"effort": True}, "effort"),
        ({"effort": 10**30}, "effort"),
        ({"due_date": "tomorrow"}, "due_date"),
        ({"due_date": "1900-01-01"}, "due_date"),
        ({"owner": str(uuid4())}, "owner"),
        ({"owner": {}}, "owner"),
        ({"persona": str(uuid4())}, "persona"),
        ({"touchpoint": "nowhere"}, "touchpoint"),
        ({"touchpoint": ["a"]}, "touchpoint"),
        ({"journey": str(uuid4())}, "journey"),
        ({"journey": "x"}, "journey"),
        ({"step": str(uuid4())}, "journey"),
        ({"insights": [str(uuid4())]}, "insights.0"),
        ({"insights": "x"}, "insights"),
        ({"ideas": [None]}, "ideas.0"),
    ],
)
def test_what_is_wrong_is_named(organization: Organization, values: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        services.create_opportunity(actor=SYSTEM, **{"title": "A", **values})
    assert field in [error["field"] for error in refused.value.errors]
    assert not Opportunity.objects.exists()


def test_owner_is_a_member_of_this_organisation(organization: Organization) -> None:
    member, stranger = a_member(organization), a_person("Stranger")
    assert an_opportunity(owner=str(member.pk)).owner == member
    with pytest.raises(DomainError):
        an_opportunity(owner=str(stranger.pk))


def test_evidence_of_another_organisation_does_not_exist(organization: Organization) -> None:
    with tenant(an_organization("Other")):
        insight, idea, journey = an_insight(), an_idea(), a_journey()
        step = Step.objects.get(stage__journey=journey)
    for values in ({"insights": [insight.pk]}, {"ideas": [idea.pk]}, {"journey": journey.pk, "step": step.pk}):
        with pytest.raises(DomainError):
            an_opportunity(**values)


def test_roles_that_may_not_edit_write_nothing(organization: Organization, actor_as: ActorAs) -> None:
    row = an_opportunity()
    for role in ("analyst", "employee", "agent"):
        actor = actor_as(role)
        for write in (
            lambda actor=actor: services.create_opportunity(actor=actor, title="A"),
            lambda actor=actor: services.update_opportunity(actor=actor, opportunity=row, title="A"),
            lambda actor=actor: services.move_opportunity(actor=actor, opportunity=row, status="done"),
            lambda actor=actor: services.delete_opportunity(actor=actor, opportunity=row),
        ):
            with pytest.raises(NotAllowed):
                write()


def test_new_ones_come_last_and_moves_are_to_a_place(organization: Organization) -> None:
    rows = {name: an_opportunity(name) for name in "abcd"}
    assert column(status="new") == ["a", "b", "c", "d"]
    services.move_opportunity(actor=SYSTEM, opportunity=rows["d"], position=0)
    assert column(status="new") == ["d", "a", "b", "c"]
    services.move_opportunity(actor=SYSTEM, opportunity=rows["d"], position=99)
    assert column(status="new") == ["a", "b", "c", "d"]
    services.move_opportunity(actor=SYSTEM, opportunity=rows["a"], after=rows["b"].pk)
    assert column(status="new") == ["b", "a", "c", "d"]
    services.move_opportunity(actor=SYSTEM, opportunity=rows["d"], after="")
    assert column(status="new") == ["d", "b", "a", "c"]
    services.move_opportunity(actor=SYSTEM, opportunity=rows["b"], status="planned")
    services.move_opportunity(actor=SYSTEM, opportunity=rows["c"], status="planned", position=0)
    assert (column(status="planned"), column(status="new")) == (["c", "b"], ["d", "a"])


def test_move_says_where_it_was_so_that_it_can_be_undone(organization: Organization) -> None:
    rows = {name: an_opportunity(name) for name in "abc"}
    moved = services.move_opportunity(actor=SYSTEM, opportunity=rows["b"], status="done")
    assert (moved.status, moved.after) == ("new", rows["a"].pk)
    services.move_opportunity(actor=SYSTEM, opportunity=rows["b"], status=moved.status, after=moved.after)
    assert column(status="new") == ["a", "b", "c"]


def test_column_of_a_horizon_leaves_out_what_is_closed(organization: Organization) -> None:
    rows = {name: an_opportunity(name, horizon="now") for name in "abc"}
    services.move_opportunity(actor=SYSTEM, opportunity=rows["a"], status="done")
    services.move_opportunity(actor=SYSTEM, opportunity=rows["c"], horizon="now", position=0)
    assert column(horizon="now", status="new") == ["c", "b"]
    moved = services.move_opportunity(actor=SYSTEM, opportunity=rows["b"], horizon="next")
    assert (moved.horizon, moved.after) == ("now", rows["c"].pk)


def test_ranks_are_given_anew_when_there_is_no_number_between_two(organization: Organization) -> None:
    rows = [an_opportunity(name) for name in "abc"]
    for row, rank in zip(rows, (1.0, 1.0000000000000002, 5.0), strict=True):
        Opportunity.objects.filter(pk=row.pk).update(rank=rank)
    services.move_opportunity(actor=SYSTEM, opportunity=rows[2], position=1)
    assert column(status="new") == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"status": "x"}, "status"),
        ({"horizon": []}, "horizon"),
        ({"position": -1}, "position"),
        ({"position": "x"}, "position"),
        ({"after": "x"}, "after"),
    ],
)
def test_wrong_move_is_named(organization: Organization, wish: dict[str, Any], field: str) -> None:
    row = an_opportunity()
    with pytest.raises(DomainError) as refused:
        services.move_opportunity(actor=SYSTEM, opportunity=row, **wish)
    assert [error["field"] for error in refused.value.errors] == [field]


def a_metric(value: float, n: int) -> Metric:
    return Metric(value, value - 5, value + 5, n, "csat.top.v1", "percent", False, {})


def test_suggestion_by_hand() -> None:
    # Three insights of -1: severity 0.75, trust 1/2. CSAT 60 of 30 answers: severity 0.4, trust 1/2. Together 0.575.
    # Reach log(10)/log(100) = 1/2. 1 + 4 * 0.575 * 0.75 = 2.725.
    found = suggest(weighted_mean([(-1, 1)] * 3), "csat", a_metric(60, 30), 9, 99)
    assert found is not None
    assert found.severity == pytest.approx(0.575)
    assert found.reach == pytest.approx(0.5)
    assert found.value == pytest.approx(2.725)


def test_suggestion_of_one_side_and_of_none() -> None:
    said = suggest(weighted_mean([(-2, 1)]), None, None, 0, 99)
    assert said is not None
    assert (said.value, said.measured, said.reach) == (5, None, None)
    measured = suggest(None, "nps", Metric(100, 90, 100, 40, "nps.v1", "points", False, {}), 0, 0)
    assert measured is not None
    assert measured.value == 1
    assert suggest(None, None, None, 5, 5) is None
    assert suggest(None, "csat", Metric(None, None, None, 3, "csat.top.v1", "percent", True, {}), 5, 5) is None


def test_evidence_is_counted_for_all_and_scores_are_for_who_may_see_them(
    organization: Organization, actor_as: ActorAs
) -> None:
    touchpoint = a_touchpoint(key="visit", event_match={"event": "Visit", "where": {}})
    survey = a_survey("csat", touchpoint=touchpoint)
    for score in (1, 2, 5):
        an_answer(survey, score)
    fold_pending()
    visits = [NewInteraction(event="Visit", customer_id=a_customer().pk, occurred_at=now()) for _ in range(3)]
    record_interactions(actor=SYSTEM, rows=visits)
    row = an_opportunity(
        touchpoint="visit",
        pain_point="Nobody answers",
        insights=[an_insight(score=-2).pk, an_insight(consent="not_given", score=0).pk],
        ideas=[an_idea().pk],
    )

    def ask(role: str) -> Any:
        return evidence_of(actor=actor_as(role), organization=organization, rows=[row])[row.pk]

    seen = ask("analyst")
    assert (seen.count, seen.insights, seen.ideas, seen.pain_point) == (4, 2, 1, True)
    assert (seen.mean.value, seen.metric, seen.score.n) == (-1, "csat", 3)
    assert seen.score.value == pytest.approx(100 / 3)
    # Insights: 0.75 by 2/5; answers: 2/3 by 3/33; the busiest touchpoint, so reach 1.
    assert (seen.volume, seen.suggestion.reach) == (3, 1)
    severity = (0.75 * 0.4 + 2 / 3 / 11) / (0.4 + 1 / 11)
    assert seen.suggestion.value == pytest.approx(1 + 4 * severity)
    hidden = ask("employee")
    assert (hidden.count, hidden.mean, hidden.score, hidden.suggestion) == (4, None, None, None)


def test_evidence_costs_the_same_for_one_and_three(organization: Organization) -> None:
    def a_row() -> Opportunity:
        return an_opportunity(touchpoint=a_touchpoint().key, insights=[an_insight(score=1).pk], ideas=[an_idea().pk])

    def ask(rows: list[Opportunity]) -> int:
        with CaptureQueriesContext(connection) as asked:
            evidence_of(actor=SYSTEM, organization=organization, rows=rows)
        return len(asked)

    rows = [a_row(), a_row(), a_row()]
    assert ask(rows[:1]) == ask(rows)
