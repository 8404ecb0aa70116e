"""Insights: what is kept, where it belongs, what it says of a step, and what happens when the person goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.comments.models import Comment
from apps.comments.registry import COMMENTABLES
from apps.comments.services import add_comment
from apps.customers.merging import merge_customers, undo_merge
from apps.insights import queries, services
from apps.insights.models import Insight, InsightLink
from apps.journeys import registry
from apps.journeys.models import Card, Journey, Step
from apps.journeys.services import delete_card, delete_step
from apps.organizations.models import Organization
from apps.privacy.erasure import erase_customer
from apps.privacy.personal_copy import export_customer
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.customers import a_customer
from tests.factories.insights import an_insight
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
ActorAs = Callable[[str], Actor]


def a_map() -> tuple[Journey, Step, Card]:
    journey = a_journey()
    step = Step.objects.get(stage__journey=journey)
    return journey, step, Card.objects.get(step=step)


def test_insight_is_linked_once_to_each_place(organization: Organization) -> None:
    journey, step, card = a_map()
    touchpoint = a_touchpoint()
    at_step = {"journey": str(journey.pk), "step": str(step.pk)}
    insight = an_insight(
        steps=[at_step, at_step], cards=[{"journey": journey.pk, "card": card.pk}], touchpoints=[touchpoint.key]
    )
    assert InsightLink.objects.filter(insight=insight).count() == 3
    services.update_insight(actor=SYSTEM, insight=insight, touchpoints=[])
    assert InsightLink.objects.filter(insight=insight).count() == 2
    assert (
        services.link_insights(actor=SYSTEM, insights=[insight.pk], touchpoints=[touchpoint.key], steps=[at_step]) == 1
    )
    assert AuditEntry.objects.filter(action="insights.linked").count() == 1


def test_step_is_told_mean_count_and_newest(organization: Organization, actor_as: ActorAs) -> None:
    journey, step, card = a_map()
    place = [{"journey": journey.pk, "step": step.pk}]
    an_insight(score=-1, people=4, source_date="2026-01-05", steps=place)
    an_insight(score=2, people=1, source_date="2026-03-05", cards=[{"journey": journey.pk, "card": card.pk}])
    an_insight(source_date="2025-01-05", steps=place, cards=[{"journey": journey.pk, "card": card.pk}])
    an_insight(score=2, steps=[])
    said = registry.insights_of(actor=actor_as("analyst"), journey_id=journey.pk)
    assert set(said) == {str(step.pk)}
    found = said[str(step.pk)]
    assert found.score == pytest.approx((-1 * 2 + 2) / 3)
    assert (found.count, found.scored, str(found.newest)) == (3, 2, "2026-03-05")
    assert found.low is not None
    assert registry.insights_of(actor=actor_as("employee"), journey_id=journey.pk) == {}


def test_what_a_map_is_told_costs_the_same_for_one_and_three_insights(organization: Organization) -> None:
    journey, step, card = a_map()

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            registry.insights_of(actor=SYSTEM, journey_id=journey.pk)
            registry.marks_of(actor=SYSTEM, journey_id=journey.pk)
        return len(asked)

    links: dict[str, Any] = {
        "steps": [{"journey": journey.pk, "step": step.pk}],
        "cards": [{"journey": journey.pk, "card": card.pk}],
    }
    an_insight(score=1, **links)
    one = ask()
    an_insight(score=1, **links), an_insight(score=0, **links)
    assert ask() == one


def test_cards_and_steps_carry_the_count_of_their_insights(organization: Organization) -> None:
    journey, step, card = a_map()
    an_insight(cards=[{"journey": journey.pk, "card": card.pk}])
    an_insight(cards=[{"journey": journey.pk, "card": card.pk}], steps=[{"journey": journey.pk, "step": step.pk}])
    marks = registry.marks_of(actor=SYSTEM, journey_id=journey.pk)
    assert marks["insights"] == {str(card.pk): 2, str(step.pk): 1}


def test_links_outlive_the_row_of_their_step_but_count_only_where_it_stands(organization: Organization) -> None:
    journey, step, card = a_map()
    insight = an_insight(score=1, cards=[{"journey": journey.pk, "card": card.pk}])
    delete_card(actor=SYSTEM, journey=journey, card_id=card.pk)
    assert registry.insights_of(actor=SYSTEM, journey_id=journey.pk) == {}
    kept = [{"journey": str(journey.pk), "card": str(card.pk)}]
    services.update_insight(actor=SYSTEM, insight=insight, title="Changed", cards=kept)
    assert InsightLink.objects.get(insight=insight).card_id == card.pk
    delete_step(actor=SYSTEM, journey=journey, step_id=step.pk)
    assert queries.show(SYSTEM, [queries.insight_for(SYSTEM, insight.pk)])[0].places == []


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"kind": "rumour"}, "kind"),
        ({"kind": None}, "kind"),
        ({"body": "x" * 10_001}, "body"),
        ({"people": 0}, "people"),
        ({"people": 1.5}, "people"),
        ({"people": True}, "people"),
        ({"people": 10**30}, "people"),
        ({"score": 3}, "score"),
        ({"score": "good"}, "score"),
        ({"score": float("nan")}, "score"),
        ({"score": True}, "score"),
        ({"source_date": "2026-13-01"}, "source_date"),
        ({"source_date": "2999-01-01"}, "source_date"),
        ({"source_date": 20260101}, "source_date"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "http://"}, "link"),
        ({"persona": str(uuid4())}, "persona"),
        ({"persona": {"id": 1}}, "persona"),
        ({"consent": "perhaps"}, "consent"),
        ({"customer": "nobody"}, "customer"),
        ({"steps": "x"}, "steps"),
        ({"steps": [{"journey": str(uuid4()), "step": str(uuid4())}]}, "steps.0"),
        ({"steps": [[]]}, "steps.0"),
        ({"cards": [{"journey": 1}]}, "cards.0"),
        ({"cards": [{}] * 201}, "cards"),
        ({"touchpoints": ["nowhere"]}, "touchpoints.0"),
        ({"touchpoints": [{"key": "x"}]}, "touchpoints.0"),
        ({"touchpoints": ["\x00"]}, "touchpoints.0"),
        ({"opportunities": ["x"]}, "opportunities.0"),
        ({"opportunities": [str(uuid4())]}, "opportunities"),
        ({"response": str(uuid4())}, "response"),
    ],
)
def test_what_is_wrong_is_named(organization: Organization, values: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as refused:
        services.create_insight(actor=SYSTEM, **{"title": "A", **values})
    assert field in [error["field"] for error in refused.value.errors]
    assert not Insight.objects.exists()


def test_places_of_another_organisation_do_not_exist(organization: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        journey, step, _card = a_map()
        theirs = an_insight()
    with pytest.raises(DomainError):
        an_insight(steps=[{"journey": journey.pk, "step": step.pk}])
    with pytest.raises(DomainError):
        services.link_insights(actor=SYSTEM, insights=[theirs.pk], touchpoints=[a_touchpoint().key])


def test_roles_that_may_not_edit_write_nothing(organization: Organization, actor_as: ActorAs) -> None:
    insight = an_insight()
    for role in ("analyst", "employee", "agent"):
        actor = actor_as(role)
        for write in (
            lambda actor=actor: services.create_insight(actor=actor, title="A"),
            lambda actor=actor: services.update_insight(actor=actor, insight=insight, title="A"),
            lambda actor=actor: services.delete_insight(actor=actor, insight=insight),
            lambda actor=actor: services.link_insights(actor=actor, insights=[insight.pk], touchpoints=[]),
            lambda actor=actor: services.set_old_after(actor=actor, months=3),
        ):
            with pytest.raises(NotAllowed):
                write()


def test_without_consent_only_editors_read_it_but_its_score_counts(
    organization: Organization, actor_as: ActorAs
) -> None:
    journey, step, _card = a_map()
    place = [{"journey": journey.pk, "step": step.pk}]
    an_insight("They never call back", score=-2, consent="not_given", steps=place)
    analyst = actor_as("analyst")
    assert not queries.insights(analyst).exists()
    assert queries.insights(actor_as("manager")).count() == 1
    assert registry.insights_of(actor=analyst, journey_id=journey.pk)[str(step.pk)].score == -2


def test_names_and_numbers_are_hidden_from_who_may_not_read_them(organization: Organization, actor_as: ActorAs) -> None:
    customer = a_customer(name="Greta Sommerfeld")
    insight = an_insight("Greta waited", body="Call Sommerfeld on +49 30 1234567", customer=customer.pk)
    row = queries.insight_for(SYSTEM, insight.pk)
    shown = queries.show(actor_as("analyst"), [row])[0]
    assert "Greta" not in shown.title
    assert "1234567" not in shown.body
    assert "Sommerfeld" not in shown.body
    assert queries.show(actor_as("manager"), [row])[0].body == "Call Sommerfeld on +49 30 1234567"


def test_answer_becomes_an_insight_without_names(organization: Organization, actor_as: ActorAs) -> None:
    touchpoint = a_touchpoint(key="visit")
    customer = a_customer(name="Greta Sommerfeld")
    answer = an_answer(
        a_survey("nps", touchpoint=touchpoint),
        3,
        "I am Greta, call 030 12345678",
        customer_id=customer.pk,
    )
    insight = services.create_insight(actor=actor_as("manager"), response=str(answer.pk))
    assert insight.kind == Insight.Kind.QUOTE
    assert "Greta" not in insight.body + insight.title
    assert "12345678" not in insight.body
    assert (insight.customer_id, insight.response_id, insight.source_date) == (customer.pk, answer.pk, answer.day)
    assert InsightLink.objects.get(insight=insight).touchpoint == touchpoint


def test_answer_to_an_anonymous_survey_stays_there(organization: Organization, actor_as: ActorAs) -> None:
    answer = an_answer(a_survey("nps", anonymous=True), 3, "Too slow")
    with pytest.raises(Conflict):
        services.create_insight(actor=actor_as("manager"), response=answer.pk)
    assert not Insight.objects.exists()


def test_merge_moves_insights_and_undoing_it_moves_them_back(organization: Organization) -> None:
    kept, merged = a_customer(), a_customer()
    insight = an_insight(customer=merged.pk)
    done = merge_customers(actor=SYSTEM, kept=kept, merged=merged)
    assert Insight.objects.get(pk=insight.pk).customer_id == kept.pk
    undo_merge(actor=SYSTEM, merge=done)
    assert Insight.objects.get(pk=insight.pk).customer_id == merged.pk


def test_erasing_withdraws_the_words_and_keeps_the_bare_score(organization: Organization, actor_as: ActorAs) -> None:
    journey, step, _card = a_map()
    customer = a_customer(name="Greta Sommerfeld", email="greta@example.com")
    insight = an_insight(
        "Greta waited",
        body="I am Greta",
        source="Interview with Greta",
        link="https://example.com/greta",
        score=-2,
        people=1,
        customer=customer.pk,
        steps=[{"journey": journey.pk, "step": step.pk}],
    )
    before = registry.insights_of(actor=SYSTEM, journey_id=journey.pk)
    copied = "".join(export_customer(actor=SYSTEM, customer=customer.pk))
    assert "I am Greta" in copied
    owner = actor_as("owner")
    add_comment(actor=owner, kind="insight", object_id=insight.pk, body="Greta is right")
    assert COMMENTABLES["insight"].title_of(queries.insight_for(SYSTEM, insight.pk)) == "[name] waited"
    erase_customer(actor=SYSTEM, customer=customer.pk)
    assert not Comment.objects.exists()
    row = Insight.objects.get(pk=insight.pk)
    assert (row.customer_id, row.body, row.source, row.link, row.score) == (None, "", "", "", -2)
    assert "Greta" not in row.title
    assert registry.insights_of(actor=SYSTEM, journey_id=journey.pk) == before
    with pytest.raises(Conflict):
        services.update_insight(actor=SYSTEM, insight=row, body="I am Greta")
    services.update_insight(actor=SYSTEM, insight=row, score=-1)


def test_old_is_what_the_organisation_says(organization: Organization, actor_as: ActorAs) -> None:
    assert queries.old_after_months() == 12
    assert services.set_old_after(actor=actor_as("owner"), months="3") == 3
    assert queries.old_after_months() == 3
    with pytest.raises(DomainError):
        services.set_old_after(actor=SYSTEM, months=0)
