"""`opportunities/` from outside."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.journeys.models import Card, Step
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization
from tests.factories.ideas import an_idea
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey, a_persona, a_touchpoint

PATH = "/api/v1/opportunities/"


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization)


def test_title_alone_makes_an_opportunity(client: Any) -> None:
    answer = client.post(PATH, {"title": "How might we answer at once?", "unknown": 1}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    expected = {"status": "new", "horizon": "later", "customer_value": None, "evidence_count": 0, "insights": []}
    assert body | expected == body
    assert client.get(answer["Location"]).json() == body


def test_everything_can_be_given_changed_and_removed(client: Any, organization: Organization) -> None:
    journey = a_journey()
    card = Card.objects.get(step__stage__journey=journey)
    a_touchpoint(key="visit")
    body = {
        "title": "How might we answer at once?",
        "description": "In words",
        "pain_point": "Nobody answers",
        "journey": str(journey.pk),
        "step": str(card.step_id),
        "card": str(card.pk),
        "touchpoint": "visit",
        "persona": str(a_persona().pk),
        "status": "exploring",
        "horizon": "now",
        "due_date": "2027-03-31",
        "customer_value": 5,
        "business_value": 3,
        "effort": 1,
        "owner": str(a_member(organization).pk),
        "insights": [str(an_insight().pk)],
        "ideas": [str(an_idea().pk)],
    }
    made = client.post(PATH, body, format="json").json()
    assert {key: made[key] for key in body} == body
    assert (made["evidence_count"], made["insight_count"], made["idea_count"]) == (3, 1, 1)
    path = f"{PATH}{made['id']}/"
    changed = client.patch(path, {"effort": None, "ideas": []}, format="json").json()
    assert (changed["effort"], changed["ideas"], changed["insights"]) == (None, [], body["insights"])
    again = client.put(path, made, format="json").json()
    assert {key: again[key] for key in body} == body
    assert client.patch(path, {"title": "E"}, format="json", HTTP_IF_MATCH='"old"').status_code == 412
    bare = client.put(path, {"title": "Bare"}, format="json").json()
    assert (bare["journey"], bare["owner"], bare["insights"], bare["pain_point"]) == (None, None, [], "")
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_move_puts_it_into_a_column(client: Any) -> None:
    one, two = an_opportunity("one"), an_opportunity("two")
    moved = client.post(f"{PATH}{two.pk}/move/", {"status": "planned", "position": 0}, format="json")
    assert (moved.status_code, moved.json()["status"]) == (200, "planned")
    assert client.post(f"{PATH}{one.pk}/move/", {"status": "planned"}, format="json").status_code == 200
    listed = client.get(PATH, {"status": "planned", "ordering": "rank"}).json()["results"]
    assert [row["title"] for row in listed] == ["two", "one"]
    later = client.post(f"{PATH}{one.pk}/move/", {"horizon": "now"}, format="json").json()
    assert (later["status"], later["horizon"]) == ("planned", "now")
    for body in ({"status": "x"}, {"position": "x"}, {"horizon": {}}, []):
        assert client.post(f"{PATH}{one.pk}/move/", body, format="json").status_code == 400
    stale = client.post(f"{PATH}{one.pk}/move/", {"status": "done"}, format="json", HTTP_IF_MATCH='"old"')
    assert stale.status_code == 412


def test_evidence_says_how_a_value_came_about(client: Any) -> None:
    row = an_opportunity(insights=[an_insight(score=-2).pk, an_insight(score=0).pk])
    said = client.get(f"{PATH}{row.pk}/evidence/").json()
    assert said["insights"] | {"count": 2, "scored": 2, "mean": -1.0} == said["insights"]
    assert said["suggested_customer_value"] == {
        "value": 4.0,
        "severity": pytest.approx(0.75),
        "reach": None,
        "from_insights": {"severity": 0.75, "trust": 0.4},
        "from_answers": None,
    }
    assert said["answers"] is None
    assert client.get(f"{PATH}{an_opportunity().pk}/evidence/").json()["suggested_customer_value"] is None


def test_counts_are_whole_where_insights_may_not_be_read(organization: Organization) -> None:
    row = an_opportunity(insights=[an_insight().pk, an_insight(consent="not_given").pk])
    reader = an_api_client(organization, scopes=["opportunities.view"])
    shown = reader.get(f"{PATH}{row.pk}/").json()
    assert (shown["insights"], shown["insight_count"]) == ([], 2)
    analyst = an_api_client(organization, scopes=["opportunities.view", "insights.view"])
    assert len(analyst.get(f"{PATH}{row.pk}/").json()["insights"]) == 1
    writer = an_api_client(organization, scopes=["opportunities.view", "opportunities.edit"])
    insight = str(an_insight().pk)
    assert writer.post(PATH, {"title": "A", "insights": [insight]}, format="json").status_code == 400


def test_list_is_filtered_and_ordered(client: Any, organization: Organization) -> None:
    journey = a_journey()
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    owner, persona, insight = a_member(organization), a_persona(), an_insight()
    a_touchpoint(key="visit")
    an_opportunity("On the card", journey=journey.pk, card=card.pk, customer_value=1, business_value=1, effort=1)
    an_opportunity("On the step", journey=journey.pk, step=step.pk, owner=str(owner.pk), status="planned")
    an_opportunity("Loose", touchpoint="visit", persona=persona, insights=[insight.pk], horizon="now")

    def found(**query: str) -> set[str]:
        answer = client.get(PATH, query)
        assert answer.status_code == 200
        return {row["title"] for row in answer.json()["results"]}

    on_map = {"On the card", "On the step"}
    assert found(journey=str(journey.pk)) == on_map
    assert found(stage=str(step.stage_id)) == on_map
    assert found(step=str(step.pk)) == on_map
    assert found(card=str(card.pk)) == {"On the card"}
    assert found(owner=str(owner.pk)) == {"On the step"}
    assert found(status="planned") == {"On the step"}
    assert found(horizon="now") == {"Loose"}
    assert found(persona=str(persona.pk)) == {"Loose"}
    assert found(touchpoint="visit") == {"Loose"}
    assert found(insight=str(insight.pk)) == {"Loose"}
    assert found(unscored="true") == {"On the step", "Loose"}
    assert found(unscored="false") == {"On the card"}
    assert found(q="LOOSE") == {"Loose"}
    ordered = client.get(PATH, {"ordering": "-evidence_count", "limit": 2}).json()
    assert len(client.get(ordered["next"]).json()["results"]) == 1


def test_list_asks_as_many_questions_for_three_as_for_one(client: Any, organization: Organization) -> None:
    journey = a_journey()
    card = Card.objects.get(step__stage__journey=journey)

    def one_more() -> None:
        an_opportunity(
            journey=journey.pk,
            card=card.pk,
            touchpoint=a_touchpoint().key,
            persona=a_persona(),
            owner=str(a_member(organization).pk),
            insights=[an_insight().pk],
            ideas=[an_idea().pk],
        )

    def ask() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(PATH).status_code == 200
        return len(asked)

    one_more()
    ask()
    first = ask()
    one_more(), one_more()
    assert ask() == first


def test_another_organisations_opportunity_is_not_there(client: Any) -> None:
    with tenant(an_organization("Other")):
        theirs = an_opportunity("Secret plan")
    path = f"{PATH}{theirs.pk}/"
    assert client.get(path).status_code == 404
    assert client.get(f"{path}evidence/").status_code == 404
    assert client.patch(path, {"title": "A"}, format="json").status_code == 404
    assert client.post(f"{path}move/", {"status": "done"}, format="json").status_code == 404
    assert "Secret plan" not in client.get(PATH).content.decode()
