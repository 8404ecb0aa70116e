"""`insights/` from outside."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.journeys.models import Card, Step
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.customers import a_customer
from tests.factories.insights import an_insight, an_opportunity
from tests.factories.maps import a_journey, a_persona, a_touchpoint
from tests.factories.surveys import a_survey, an_answer

PATH = "/api/v1/insights/"


@pytest.fixture
def client(organization: Organization) -> Any:
    return an_api_client(organization)


def test_title_alone_makes_an_insight(client: Any) -> None:
    answer = client.post(PATH, {"title": "They wait", "unknown": 1}, format="json")
    assert answer.status_code == 201
    body = answer.json()
    expected = {"title": "They wait", "kind": "observation", "people": 1, "score": None, "consent": "not_needed"}
    assert body | expected | {"steps": [], "opportunities": [], "old": False, "age_months": 0} == body
    assert client.get(answer["Location"]).json() == body


def test_everything_can_be_given_changed_and_removed(client: Any) -> None:
    journey = a_journey()
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    a_touchpoint(key="visit")
    body = {
        "title": "They wait",
        "kind": "interview",
        "body": "“I waited\ntwo hours.”",
        "source": "Interview, Leeds",
        "source_date": "2024-02-29",
        "link": "https://example.com/a",
        "people": 12,
        "score": -1.5,
        "persona": str(a_persona().pk),
        "consent": "given",
        "customer": str(a_customer().pk),
        "steps": [{"journey": str(journey.pk), "step": str(step.pk)}],
        "cards": [{"journey": str(journey.pk), "card": str(card.pk)}],
        "touchpoints": ["visit"],
        "opportunities": [str(an_opportunity().pk)],
    }
    made = client.post(PATH, body, format="json").json()
    assert {key: made[key] for key in body} == body
    assert made["old"] is True
    path = f"{PATH}{made['id']}/"
    changed = client.patch(path, {"score": None, "opportunities": []}, format="json").json()
    assert (changed["score"], changed["opportunities"], changed["steps"]) == (None, [], body["steps"])
    again = client.put(path, {**made, "title": "They wait long"}, format="json").json()
    assert {key: again[key] for key in body} == {**body, "title": "They wait long"}
    assert client.patch(path, {"title": "E"}, format="json", HTTP_IF_MATCH='"old"').status_code == 412
    bare = client.put(path, {"title": "They wait"}, format="json").json()
    assert (bare["body"], bare["steps"], bare["customer"], bare["people"]) == ("", [], None, 1)
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_customer_is_found_by_external_id_or_address(client: Any) -> None:
    customer = a_customer(external_id="c-77", email="c77@example.com")
    for name in ("c-77", "C77@example.com", str(customer.pk)):
        assert client.post(PATH, {"title": "A", "customer": name}, format="json").json()["customer"] == str(customer.pk)


def test_answer_is_taken_over_and_an_anonymous_one_is_not(client: Any) -> None:
    answer = an_answer(a_survey("nps"), 2, "Nobody called back")
    made = client.post(PATH, {"response": str(answer.pk), "score": -1}, format="json").json()
    assert made | {"kind": "quote", "body": "Nobody called back", "response": str(answer.pk), "score": -1} == made
    secret = an_answer(a_survey("nps", anonymous=True), 2, "Nobody called back")
    refused = client.post(PATH, {"response": str(secret.pk)}, format="json")
    assert refused.status_code == 409
    assert "anonymous" in refused.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": {}},
        {"title": "a", "score": "x" * 10_000},
        {"title": "a", "link": "http://a b"},
        {"title": "a", "people": -(10**40)},
        {"title": "a", "source_date": ["2026-01-01"]},
        {"title": "a", "steps": {"journey": 1}},
        {"title": "a", "steps": [{"journey": str(uuid4()), "step": "\x00"}]},
        {"title": "a", "touchpoints": [None]},
        {"title": "a", "opportunities": [[[]]]},
        {"title": "a", "customer": {"a": [1]}},
        {"title": "a", "persona": 7},
        {"title": "a", "response": "x"},
        {"title": "a", "kind": 4},
    ],
)
def test_hostile_bodies_are_problems(client: Any, body: Any) -> None:
    answer = client.post(PATH, body, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_list_is_filtered_and_ordered(client: Any) -> None:
    journey = a_journey()
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    persona = a_persona()
    at_step = an_insight("Waiting", score=-1, steps=[{"journey": journey.pk, "step": step.pk}], persona=persona)
    at_card = an_insight("Silence", score=1, people=9, cards=[{"journey": journey.pk, "card": card.pk}], kind="quote")
    loose = an_insight("Elsewhere", body="Waited too", score=0, source_date="2019-01-01")
    unscored = an_insight("Unscored", touchpoints=[a_touchpoint(key="visit").key])
    titles = {"Waiting": at_step, "Silence": at_card, "Elsewhere": loose, "Unscored": unscored}

    def found(**query: str) -> set[str]:
        return {row["title"] for row in client.get(PATH, query).json()["results"]}

    assert found() == set(titles)
    assert found(journey=str(journey.pk)) == {"Waiting", "Silence"}
    assert found(step=str(step.pk)) == {"Waiting", "Silence"}
    assert found(card=str(card.pk)) == {"Silence"}
    assert found(touchpoint="visit") == {"Unscored"}
    assert found(persona=str(persona.pk)) == {"Waiting"}
    assert found(kind="quote") == {"Silence"}
    assert [found(score=sign) for sign in ("positive", "neutral", "negative", "none")] == [
        {"Silence"},
        {"Elsewhere"},
        {"Waiting"},
        {"Unscored"},
    ]
    assert found(age="old") == {"Elsewhere"}
    assert found(age="recent") == {"Waiting", "Silence", "Unscored"}
    assert found(age="undated") == {"Waiting", "Silence", "Unscored"}
    assert found(q="wait") == {"Waiting", "Elsewhere"}
    ordered = [row["title"] for row in client.get(PATH, {"ordering": "-people", "limit": 1}).json()["results"]]
    assert ordered == ["Silence"]
    assert client.get(PATH, {"score": "great"}).status_code == 400
    assert client.get(PATH, {"step": "x"}).status_code == 400


def test_list_asks_as_many_questions_for_three_as_for_one(client: Any) -> None:
    journey = a_journey()
    step, card = Step.objects.get(stage__journey=journey), Card.objects.get(step__stage__journey=journey)
    opportunity = an_opportunity()

    def one_more() -> None:
        an_insight(
            steps=[{"journey": journey.pk, "step": step.pk}],
            cards=[{"journey": journey.pk, "card": card.pk}],
            touchpoints=[a_touchpoint().key],
            opportunities=[str(opportunity.pk)],
            persona=a_persona(),
            customer=a_customer().pk,
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


def test_another_organisations_insight_is_not_there(client: Any) -> None:
    with tenant(an_organization("Other")):
        theirs = an_insight("Secret plan")
    path = f"{PATH}{theirs.pk}/"
    assert client.get(path).status_code == 404
    assert client.patch(path, {"title": "A"}, format="json").status_code == 404
    assert client.delete(path).status_code == 404
    assert "Secret plan" not in client.get(PATH).content.decode()


def test_key_without_customers_sees_and_names_none(organization: Organization) -> None:
    customer = a_customer(name="Greta Sommerfeld")
    insight = an_insight("Greta waited", customer=customer.pk)
    reader = an_api_client(organization, scopes=["insights.view"])
    shown = reader.get(f"{PATH}{insight.pk}/").json()
    assert (shown["customer"], shown["title"]) == (None, "[name] waited")
    writer = an_api_client(organization, scopes=["insights.view", "insights.edit"])
    refused = writer.post(PATH, {"title": "A", "customer": str(customer.pk)}, format="json")
    assert [error["field"] for error in refused.json()["errors"]] == ["customer"]


@pytest.mark.parametrize(
    "raw",
    [b'{"title": "a", "score": "\\ud800"}', b'{"title": "a", "score": 1e400}', b'{"title": "a", "score": NaN}', b"[]"],
)
def test_hostile_json_is_a_problem(client: Any, raw: bytes) -> None:
    answer = client.generic("POST", PATH, raw, content_type="application/json")
    assert answer.status_code == 400
