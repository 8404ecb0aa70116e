"""The page of a survey's results, its table, its teams, and the lists behind its numbers."""

from __future__ import annotations

import csv
import re
from copy import deepcopy
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.organizations.models import Organization
from apps.organizations.services import create_unit
from apps.surveys import services
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer
from tests.metrics.test_results import QUESTIONS, definition

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
FULL: dict[str, Any] = {
    "happy": 1,
    "stars": 8,
    "way": "web",
    "used": ["a", "b"],
    "grid": {"food": "good", "staff": "bad"},
    "order": ["care", "price"],
    "age": 41,
    "since": "2026-01-31",
    "news": True,
    "why": "The <b>queue</b>",
}


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


@pytest.fixture
def survey(acme: Organization) -> Survey:
    with tenant(acme):
        survey = a_survey("csat", name="After the visit", definition=definition())
        an_answer(survey, answers=FULL, channel="web", flags=("staff_session", "odd_one"))
        an_answer(survey, answers={"happy": 5, "way": "phone"}, channel="phone", language="de")
        fold_pending()
    return survey


def page(acme: Organization, survey: Survey, part: str = "") -> str:
    return f"/o/{acme.slug}/surveys/{survey.pk}/{part}"


def body(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.status_code)
    return response.content.decode()


def test_page_shows_every_question_with_chart_table_and_counts(
    manager: Client, acme: Organization, survey: Survey
) -> None:
    html = body(manager, page(acme, survey))
    for question in QUESTIONS:
        assert f">{question['title']['en']}</h2>" in html
    assert "2 asked · 2 answered · 0 skipped" in html
    assert "1 asked · 1 answered · 0 skipped" in html  # the question that only the dissatisfied see
    assert "The &lt;b&gt;queue&lt;/b&gt;" in html and "<b>queue" not in html
    assert "the shares add up to more than" in html
    assert "Median 41" in html
    assert html.count("Show as table") >= 4
    assert 'style="' not in html


def test_numbers_lead_to_the_answers_behind_them(manager: Client, acme: Organization, survey: Survey) -> None:
    html = body(manager, page(acme, survey))
    links = {unescape(link) for link in re.findall(rf'href="(/o/{acme.slug}/feedback/\?[^"]+)"', html)}
    counted = 0
    for link, n in re.findall(rf'<a href="(/o/{acme.slug}/feedback/\?[^"]*answer%3A[^"]+)">(\d+)</a>', html):
        listed = body(manager, unescape(link))
        assert f"{n} answer{'' if n == '1' else 's'}</h2>" in listed, link
        counted += 1
    assert counted >= 9
    assert all(f"survey={survey.pk}" in link for link in links)


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("answer:way=web", 1),
        ("answer:used=b", 1),
        ("answer:happy=5", 1),
        ("answer:grid.food=good", 1),
        ("answer:grid.food=bad", 0),
        ("answer:since=2026-01", 1),
        ("answer:news=true", 1),
        ("answered=way", 2),
        ("answered=why", 1),
        ("flag=staff_session", 1),
        ("flag=hand_picked", 0),
        ("version=1", 2),
        ("version=2", 0),
        ("state=partial", 0),
        ("state=any", 2),
        ("language=de", 1),
    ],
)
def test_feedback_is_found_by_what_was_answered(
    manager: Client, acme: Organization, survey: Survey, query: str, n: int
) -> None:
    html = body(manager, f"/o/{acme.slug}/feedback/?survey={survey.pk}&{query}")
    assert html.count("<li data-row>") == n
    assert "Remove filter" in html


@pytest.mark.parametrize("query", ["answer:=1", "answer:a b=1", "answer:x.=1", "version=x", "state=x"])
def test_feedback_filter_that_means_nothing_is_refused(manager: Client, acme: Organization, query: str) -> None:
    assert 400 <= manager.get(f"/o/{acme.slug}/feedback/?{query}").status_code < 500


def test_marks_are_shown_in_words_and_unknown_ones_as_they_are(
    manager: Client, acme: Organization, survey: Survey
) -> None:
    html = body(manager, f"/o/{acme.slug}/feedback/?flag=staff_session")
    assert "Given while a colleague was signed in, odd_one" in html
    found = re.search(rf'href="(/o/{acme.slug}/feedback/[0-9a-f-]+/)"', html)
    assert found
    assert "odd_one" in body(manager, found[1])


def test_filters_stand_in_the_address_and_narrow_the_page(manager: Client, acme: Organization, survey: Survey) -> None:
    html = body(manager, page(acme, survey, "?channel=phone"))
    assert "1 answer · UTC" in html
    assert "Nobody answered this yet." in html
    assert manager.get(page(acme, survey, "?channel=moon")).status_code == 422


def test_break_is_marked_in_the_trend_of_page_dashboard_and_api(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("nps", name="Loyalty", relationship=True)
        an_answer(survey, 9, occurred_at=datetime(2026, 1, 5, tzinfo=UTC))
        raw = deepcopy(survey.definition)
        raw["pages"][0]["questions"][0]["title"]["en"] = "Would you send us a friend?"
        services.update_survey(actor=SYSTEM, survey=survey, definition=raw)
        services.publish_survey(actor=SYSTEM, survey=survey)
        an_answer(survey, 10)
        fold_pending()
    words = "other words in “Loyalty” since version 2"
    for address in (page(acme, survey), f"/o/{acme.slug}/"):
        html = unescape(body(manager, address))
        assert f"A: {words}" in html
        assert re.search(rf"<desc[^>]*>[^<]*{words}", html)
        assert 'class="cx-note"' in html
    answer = an_api_client(acme).get("/api/v1/metrics/nps/").json()
    assert [(one["survey"], one["reason"], one["version"]) for one in answer["breaks"]] == [
        (str(survey.pk), "wording", 2)
    ]
    assert an_api_client(acme).get("/api/v1/metrics/nps/?to=2020-01-01").json()["breaks"] == []
    assert "Other words since version 2" in body(manager, page(acme, survey))


def test_export_holds_every_figure_of_the_page(manager: Client, acme: Organization, survey: Survey) -> None:
    answer = manager.get(page(acme, survey, "results.csv"))
    rows = list(csv.reader(b"".join(answer).decode("utf-8-sig").splitlines()))
    web = next(row for row in rows if row[0] == "way" and row[3] == "Web")
    assert (web[4], web[5], web[8], web[10]) == ("1", "50.0", "2", "share.v1")
    assert {row[0] for row in rows[1:]} >= {question["id"] for question in QUESTIONS}


@pytest.mark.parametrize(
    ("role", "sees", "exports"),
    [("owner", 200, 200), ("manager", 200, 200), ("analyst", 200, 200), ("employee", 403, 403), ("agent", 403, 403)],
)
def test_pages_obey_the_role(acme: Organization, survey: Survey, role: str, sees: int, exports: int) -> None:
    client = signed_in(a_member(acme, role))
    assert client.get(page(acme, survey)).status_code == sees
    assert client.get(page(acme, survey, "teams/")).status_code == sees
    assert client.get(page(acme, survey, "results.csv")).status_code == exports


def test_another_organisations_results_are_not_there(manager: Client, acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign = a_survey()
        an_answer(foreign, 3)
    for part in ("", "teams/", "results.csv"):
        assert manager.get(page(acme, foreign, part)).status_code == 404
    assert an_api_client(acme).get(f"/api/v1/surveys/{foreign.pk}/teams/").status_code == 404


def test_page_costs_the_same_for_one_question_and_for_three(manager: Client, acme: Organization) -> None:
    def queries(survey: Survey) -> int:
        manager.get(page(acme, survey))
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(page(acme, survey)).status_code == 200
        return len(captured)

    with tenant(acme):
        one = a_survey("custom", definition=definition(QUESTIONS[2:3]))
        three = a_survey("custom", definition=definition([{**QUESTIONS[2], "id": name} for name in "abc"]))
        an_answer(one, answers={"way": "web"})
        for _ in range(3):
            an_answer(three, answers=dict.fromkeys("abc", "web"))
    assert queries(one) == queries(three) < 40


def test_draft_shows_what_will_be_asked(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey(published=False)
    html = body(manager, page(acme, survey))
    assert "What is asked" in html and "This is a draft" in html


# Anonymous


@pytest.fixture
def anonymous(acme: Organization) -> Survey:
    """Nine answers by web, each with words."""
    with tenant(acme):
        survey = a_survey("nps", name="Pulse", anonymous=True, audience="employees")
        for number in range(9):
            an_answer(survey, 9, f"words {number}", channel="kiosk", language="de")
        fold_pending()
    return survey


def test_answers_of_an_anonymous_survey_are_words_alone_on_page_table_and_api(
    manager: Client, acme: Organization, anonymous: Survey
) -> None:
    listed = body(manager, f"/o/{acme.slug}/feedback/?survey={anonymous.pk}")
    rows = re.findall(r"<li data-row>(.*?)</li>", listed, re.S)
    assert len(rows) == 9
    for row in rows:
        assert "words" in row
        assert not re.search(r"Promoter|Kiosk|<time|href=|· de", row), row
    file = manager.get(f"/o/{acme.slug}/feedback/export.csv?survey={anonymous.pk}")
    _head, *table = csv.reader(b"".join(file).decode("utf-8-sig").splitlines())
    assert {tuple(cell for cell in row if cell and not cell.startswith("words")) for row in table} == {("Pulse",)}
    (first, *_rest) = an_api_client(acme).get(f"/api/v1/surveys/{anonymous.pk}/responses/").json()["results"]
    told = {name for name, value in first.items() if value not in (None, "", {}, False)}
    assert told == {"id", "survey", "version", "answers", "completed", "state", "comment", "channel"}
    assert (set(first["answers"]), first["channel"]) == ({"reason"}, "other")


def test_anonymous_page_says_hidden_and_links_no_number(manager: Client, acme: Organization, anonymous: Survey) -> None:
    html = body(manager, page(acme, anonymous))
    assert "feedback/?survey=" in html and "answer%3A" not in html
    narrowed = body(manager, page(acme, anonymous, "?channel=web"))
    assert "only groups of enough people are shown" in narrowed
    few = body(manager, page(acme, anonymous, "?channel=kiosk&language=de"))
    assert "cannot be filtered by what single answers have" in few
    assert "Hidden: too few people" in few


# Teams


def test_teams_page_rolls_up_and_stands_beside_their_touchpoints(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        north = create_unit(actor=SYSTEM, name="North", code="n")
        berlin = create_unit(actor=SYSTEM, name="Berlin", code="b", parent=north)
        create_unit(actor=SYSTEM, name="Empty", code="e")
        survey = a_survey("nps", anonymous=True, audience="employees")
        for unit, n in ((berlin, 6), (north, 5)):
            for _ in range(n):
                an_answer(survey, 9, unit_id=unit.pk)
        counter = a_touchpoint("Counter", key="counter", owner_unit=berlin)
        an_answer(a_survey("csat", touchpoint=counter), 5)
        fold_pending()
    assert "teams/" in body(manager, page(acme, survey))
    html = body(manager, page(acme, survey, "teams/"))
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.S)]
    names = [next(name for name in ("Team", "All", "North", "Berlin") if name in row) for row in rows]
    assert names == ["Team", "All", "North", "Berlin"]
    assert "Counter" in rows[3] and "CSAT" in rows[3]
    assert "Empty" not in html.split("<tbody>")[1]
    api = an_api_client(acme).get(f"/api/v1/surveys/{survey.pk}/teams/").json()
    assert [(row["name"], row["scores"][0]["n"]) for row in api["teams"]] == [("North", 11), ("Berlin", 6)]
    assert api["teams"][1]["touchpoints"][0]["scores"]["csat"]["n"] == 1


def test_teams_cost_the_same_for_one_team_and_for_three(manager: Client, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey("nps", audience="employees")

    def grow(name: str) -> int:
        with tenant(acme):
            unit = create_unit(actor=SYSTEM, name=name, code=name)
            an_answer(survey, 9, unit_id=unit.pk)
            a_touchpoint(f"Desk {name}", key=f"desk-{name}", owner_unit=unit)
        with CaptureQueriesContext(connection) as captured:
            body(manager, page(acme, survey, "teams/"))
        return len(captured)

    grow("a")
    one = grow("b")
    assert grow("c") == grow("d") == one


def test_index_is_the_mean_of_the_ratings_from_0_to_100(acme: Organization) -> None:
    ratings = [{"id": name, "type": "rating", "scale": 5, "title": {"en": name}} for name in ("tools", "heard")]
    with tenant(acme):
        unit = create_unit(actor=SYSTEM, name="North", code="n")
        survey = a_survey("custom", audience="employees", definition=definition(ratings))
        for tools, heard in ((5, 3), (3, 1)):
            an_answer(survey, answers={"tools": tools, "heard": heard}, unit_id=unit.pk)
    (row,) = an_api_client(acme).get(f"/api/v1/surveys/{survey.pk}/teams/").json()["teams"]
    assert (row["index"]["value"], row["index"]["n"], row["index"]["rule"]) == (50.0, 2, "enablement.v1")
