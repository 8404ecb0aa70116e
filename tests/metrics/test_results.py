"""What came of every kind of question, over versions and under filters."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from apps.metrics.results import SurveyResults, results_of_survey
from apps.metrics.results.asking import facts_of, metric_of, read_results_filter
from apps.metrics.results.counting import condition_sql
from apps.organizations.models import Organization
from apps.organizations.services import create_unit
from apps.surveys import services
from apps.surveys.answers import evaluate, is_blank
from apps.surveys.definition import Condition, Rule
from apps.surveys.models import Response, Survey
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.metrics import fold_pending
from tests.factories.people import an_actor
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")


def choices(*names: str) -> list[dict[str, Any]]:
    return [{"id": name, "label": {"en": name.title()}} for name in names]


QUESTIONS: list[dict[str, Any]] = [
    {"id": "happy", "type": "csat", "scale": 5, "title": {"en": "How satisfied?"}},
    {"id": "stars", "type": "rating", "scale": 9, "title": {"en": "How many stars?"}},
    {"id": "way", "type": "choice", "title": {"en": "Which way?"}, "choices": choices("web", "phone", "shop")},
    {"id": "used", "type": "multi_choice", "title": {"en": "What did you use?"}, "choices": choices("a", "b", "c")},
    {
        "id": "grid",
        "type": "matrix",
        "title": {"en": "How was it?"},
        "choices": choices("bad", "good"),
        "rows": choices("food", "staff"),
    },
    {"id": "order", "type": "ranking", "title": {"en": "What matters?"}, "choices": choices("price", "speed", "care")},
    {"id": "age", "type": "number", "title": {"en": "Your age?"}},
    {"id": "since", "type": "date", "title": {"en": "Since when?"}},
    {"id": "news", "type": "consent", "title": {"en": "May we write?"}},
    {
        "id": "why",
        "type": "text",
        "title": {"en": "What went wrong?"},
        "show_if": {"all": [{"question": "happy", "op": "<=", "value": 2}]},
    },
]


def definition(questions: Any = QUESTIONS) -> dict[str, Any]:
    return {"languages": ["en"], "pages": [{"id": "p", "questions": questions}]}


@pytest.fixture
def survey(acme: Organization) -> Survey:
    return a_survey("csat", definition=definition())


def results(organization: Organization, survey: Survey, query: str = "", actor: Actor = SYSTEM) -> SurveyResults:
    facts = facts_of(survey)
    selection = read_results_filter(QueryDict(query), facts, actor=actor, organization=organization)
    return results_of_survey(facts, selection, metric=metric_of(survey), interval="month", actor=actor)


def of(found: SurveyResults, name: str) -> Any:
    return next(result for result in found.questions if result.question.id == name)


def shares(result: Any) -> dict[str, tuple[int, float | None]]:
    return {share.id: (share.count, share.metric.value) for share in result.shares}


def at(day: int) -> datetime:
    return datetime(2026, 3, day, 12, tzinfo=UTC)


def test_scores_have_distribution_and_the_metric_of_their_rule(acme: Organization, survey: Survey) -> None:
    for happy, stars in ((5, 9), (4, 1), (1, 5)):
        an_answer(survey, answers={"happy": happy, "stars": stars})
    found = results(acme, survey)
    happy = of(found, "happy").score
    assert (happy.rule, happy.n, round(happy.value, 1)) == ("csat.top.v1", 3, 66.7)
    assert happy.distribution == {"1": 1, "2": 0, "3": 0, "4": 1, "5": 1}
    stars = of(found, "stars").score
    assert (stars.rule, stars.unit, stars.value, stars.n) == ("rating.mean.v1", "mean", 5.0, 3)


def test_one_choice_gives_shares_of_those_who_answered(acme: Organization, survey: Survey) -> None:
    for way in ("web", "web", "web", "phone"):
        an_answer(survey, answers={"happy": 5, "way": way})
    an_answer(survey, answers={"happy": 5})
    way = of(results(acme, survey), "way")
    assert shares(way) == {"web": (3, 75.0), "phone": (1, 25.0), "shop": (0, 0.0)}
    assert (way.shown, way.answered, way.skipped) == (5, 4, 1)
    web = way.shares[0].metric
    assert (round(web.low, 1), round(web.high, 1), web.rule) == (30.1, 95.4, "share.v1")


def test_several_choices_add_up_to_more_than_everybody(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"used": ["a", "b"]})
    an_answer(survey, answers={"used": ["a"]})
    assert shares(of(results(acme, survey), "used")) == {"a": (2, 100.0), "b": (1, 50.0), "c": (0, 0.0)}


def test_matrix_counts_columns_in_each_row(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"grid": {"food": "good", "staff": "bad"}})
    an_answer(survey, answers={"grid": {"food": "good"}})
    rows = of(results(acme, survey), "grid").rows
    assert [(row.id, row.answered, [cell.count for cell in row.cells]) for row in rows] == [
        ("food", 2, [0, 2]),
        ("staff", 1, [1, 0]),
    ]


def test_ranking_gives_mean_place_and_share_of_first_places(acme: Organization, survey: Survey) -> None:
    for order in (["speed", "price", "care"], ["speed", "care"], ["price"]):
        an_answer(survey, answers={"order": order})
    ranks = of(results(acme, survey), "order").ranks
    assert [(rank.id, rank.placed, rank.mean, rank.first.count) for rank in ranks] == [
        ("speed", 2, 1.0, 2),
        ("price", 2, 1.5, 1),
        ("care", 2, 2.5, 0),
    ]


def test_numbers_have_mean_quartiles_and_bins(acme: Organization, survey: Survey) -> None:
    for age in (20, 30, 40, 50, 80):
        an_answer(survey, answers={"age": age})
    number = of(results(acme, survey), "age").number
    assert (number.mean.value, number.mean.n) == (44.0, 5)
    assert (round(number.mean.low, 1), round(number.mean.high, 1)) == (15.4, 72.6)  # 44 +- 2.776 x 23.02 / sqrt(5)
    assert number.spread.quartiles == (30.0, 40.0, 50.0)
    assert (number.spread.low, number.spread.high) == (20.0, 80.0)
    assert sum(count for _, _, count in number.spread.bins) == 5


def test_one_number_has_no_interval_and_one_bin(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"age": 7.5})
    number = of(results(acme, survey), "age").number
    assert (number.mean.value, number.mean.low) == (7.5, None)
    assert number.spread.bins == [(7.5, 7.5, 1)]


def test_dates_are_counted_by_month_and_consent_by_yes(acme: Organization, survey: Survey) -> None:
    for since, news in (("2026-01-02", True), ("2026-01-31", False), ("2026-03-01", True)):
        an_answer(survey, answers={"since": since, "news": news})
    found = results(acme, survey)
    assert of(found, "since").months == [("2026-01", 2), ("2026-03", 1)]
    assert shares(of(found, "news"))["true"][0] == 2


def test_question_counts_as_asked_only_where_its_condition_led_to_it(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"happy": 1, "why": "The queue"})
    an_answer(survey, answers={"happy": 2})
    an_answer(survey, answers={"happy": 5})
    an_answer(survey, answers={"way": "web"})
    why = of(results(acme, survey), "why")
    assert (why.shown, why.answered, why.skipped) == (2, 1, 1)
    assert [answer.text for answer in why.texts] == ["The queue"]


def test_unfinished_answers_count_only_when_asked_for_and_only_for_what_they_say(
    acme: Organization, survey: Survey
) -> None:
    an_answer(survey, answers={"happy": 5, "way": "web"})
    an_answer(survey, answers={"happy": 1}, state=Response.State.PARTIAL)
    assert of(results(acme, survey), "happy").answered == 1
    everything = results(acme, survey, "state=any")
    assert everything.n == 2
    assert (of(everything, "happy").answered, of(everything, "way").shown) == (2, 1)
    assert results(acme, survey, "state=partial").n == 1


def test_versions_join_by_question_and_keep_choices_that_are_no_longer_offered(
    acme: Organization, survey: Survey
) -> None:
    an_answer(survey, answers={"happy": 5, "way": "shop", "age": 30})
    changed = [question for question in QUESTIONS if question["id"] != "age"]
    changed[2] = {**changed[2], "title": {"en": "How did you come?"}, "choices": choices("web", "phone", "app")}
    services.update_survey(actor=SYSTEM, survey=survey, definition=definition(changed))
    services.publish_survey(actor=SYSTEM, survey=survey)
    an_answer(survey, answers={"happy": 4, "way": "app"})
    found = results(acme, survey)
    way, age = of(found, "way"), of(found, "age")
    assert way.question.title == "How did you come?"
    assert {name: count for name, (count, _) in shares(way).items()} == {"web": 0, "phone": 0, "app": 1, "shop": 1}
    assert (way.question.versions, age.question.versions, age.question.retired) == ([1, 2], [1], True)
    assert (age.shown, age.answered) == (1, 1)
    assert found.questions[-1] is age
    assert of(results(acme, survey, "version=2"), "way").answered == 1


def test_changed_words_break_the_line(acme: Organization, survey: Survey) -> None:
    changed = [{**QUESTIONS[0], "title": {"en": "How glad?"}}, *QUESTIONS[1:]]
    services.update_survey(actor=SYSTEM, survey=survey, definition=definition(changed))
    services.publish_survey(actor=SYSTEM, survey=survey)
    found = results(acme, survey)
    assert [(one.version, one.what) for one in found.breaks] == [(2, "wording")]
    assert of(found, "happy").breaks == found.breaks


@pytest.mark.parametrize(
    ("query", "n"),
    [
        ("", 3),
        ("channel=web", 1),
        ("channel=web,phone", 2),
        ("language=de", 1),
        ("from=2026-03-02&to=2026-03-02", 1),
        ("flag=scanner", 1),
        ("flag=unheard_of", 0),
        ("version=1", 3),
        ("version=7", 0),
        ("survey=ignored-by-this-address", 3),
    ],
)
def test_filters_choose_the_answers(acme: Organization, survey: Survey, query: str, n: int) -> None:
    an_answer(survey, answers={"happy": 5}, channel="web", language="de", occurred_at=at(1))
    an_answer(survey, answers={"happy": 4}, channel="phone", language="en", occurred_at=at(2))
    an_answer(survey, answers={"happy": 3}, channel="kiosk", occurred_at=at(3), flags=("scanner",))
    fold_pending()
    found = results(acme, survey, query)
    assert (found.n, of(found, "happy").answered, found.headline.n) == (n, n, n)


def test_headline_is_the_score_of_the_metric_service(acme: Organization, survey: Survey) -> None:
    for day, happy in enumerate((5, 5, 1, 2), 1):
        an_answer(survey, answers={"happy": happy}, occurred_at=at(day))
    fold_pending()
    found = results(acme, survey)
    assert found.headline == of(found, "happy").score
    assert [period.metric.n for period in found.series] == [4]


def test_survey_nobody_answered_has_empty_questions(acme: Organization, survey: Survey) -> None:
    found = results(acme, survey)
    assert found.n == 0
    assert {(result.answered, result.shown, result.suppressed) for result in found.questions} == {(0, 0, False)}


def test_draft_has_no_questions_yet(acme: Organization) -> None:
    assert results(acme, a_survey(published=False)).questions == []


def test_comments_are_masked_for_who_may_not_read_names(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"happy": 1, "why": "Call me at 0049 170 1234567"})
    assert "1234567" in of(results(acme, survey), "why").texts[0].text
    masked = of(results(acme, survey, actor=an_actor(acme, "analyst")), "why").texts[0].text
    assert "1234567" not in masked


def test_branch_sees_its_own_answers_only(acme: Organization, survey: Survey) -> None:
    north, south = (create_unit(actor=SYSTEM, name=name, code=name) for name in ("North", "South"))
    an_answer(survey, answers={"happy": 5}, unit_id=north.pk)
    an_answer(survey, answers={"happy": 1}, unit_id=south.pk)
    an_answer(survey, answers={"happy": 1})
    fold_pending()
    found = results(acme, survey, actor=an_actor(acme, "manager", unit=north))
    assert (found.n, of(found, "happy").score.value, found.headline.value) == (1, 100.0, 100.0)


def test_nothing_of_another_organisation_counts(acme: Organization, survey: Survey) -> None:
    with tenant(an_organization("Other")):
        an_answer(a_survey("csat"), 5)
    assert results(acme, survey).n == 0


def test_results_cost_the_same_for_one_answer_and_for_many(acme: Organization, survey: Survey) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            results(acme, survey)
        return len(captured)

    full = {"happy": 1, "way": "web", "used": ["a"], "age": 3, "why": "so", "order": ["care"], "since": "2026-01-01"}
    an_answer(survey, answers=full)
    queries()
    one = queries()
    for _ in range(3):
        an_answer(survey, answers=full)
    assert queries() == one <= 14


VECTORS = json.loads((Path(__file__).parents[1] / "surveys" / "condition_vectors.json").read_text("utf-8"))


def test_conditions_in_the_database_decide_as_they_do_for_the_respondent(acme: Organization) -> None:
    """Every shared vector, asked of PostgreSQL."""
    asked = 0
    for vector in VECTORS["conditions"]:
        condition = parse_condition(vector["condition"])
        if condition is None or any(folds_further(value) for value in vector["answers"].values()):
            continue
        sql, values = condition_sql(condition)
        answers = {name: value for name, value in vector["answers"].items() if not is_blank(value)}
        expected = evaluate(condition, answers)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {sql} FROM (SELECT %s::jsonb AS answers, '{{}}'::jsonb AS attributes) r",
                [*values, json.dumps(answers)],
            )
            assert cursor.fetchone()[0] is expected, vector
        asked += 1
    assert asked > 20


def folds_further(value: Any) -> bool:
    """Letters that PostgreSQL 16 does not fold: at worst a count of who was asked is off by such an answer."""
    return isinstance(value, str) and value.lower().replace("ß", "ss").replace("ς", "σ") != value.casefold()


def parse_condition(raw: Any) -> Condition | None:
    if not raw:
        return None
    mode = "any" if "any" in raw else "all"
    return Condition(mode, tuple(Rule(rule["question"], rule["op"], rule.get("value")) for rule in raw[mode]))


def test_api_gives_every_question_with_its_figures(acme: Organization, survey: Survey) -> None:
    an_answer(survey, answers={"happy": 5, "way": "web", "age": 30, "order": ["care", "price"]})
    fold_pending()
    body = an_api_client(acme).get(f"/api/v1/surveys/{survey.pk}/results/").json()
    assert (body["n"], body["metric"], body["headline"]["value"]) == (1, "csat", 100.0)
    by_id = {question["id"]: question for question in body["questions"]}
    web = by_id["way"]["choices"][0]
    assert {name: web[name] for name in ("id", "count", "value", "n", "rule", "unit", "suppressed")} == {
        "id": "web",
        "count": 1,
        "value": 100.0,
        "n": 1,
        "rule": "share.v1",
        "unit": "percent",
        "suppressed": False,
    }
    assert by_id["age"]["number"]["median"] == 30.0
    assert by_id["order"]["ranks"][0]["mean_rank"] == 1.0
    assert (by_id["happy"]["shown"], by_id["happy"]["answered"], by_id["happy"]["skipped"]) == (1, 1, 0)


def test_api_refuses_filters_it_cannot_read_and_strange_surveys(acme: Organization, survey: Survey) -> None:
    client = an_api_client(acme)
    for query in ("version=x", "state=maybe", "channel=moon", "from=never", "interval=hour"):
        assert client.get(f"/api/v1/surveys/{survey.pk}/results/?{query}").status_code == 400, query
    for query in ("flag=%00", "language=%ED%A0%80", "version=" + "9" * 400):
        assert client.get(f"/api/v1/surveys/{survey.pk}/results/?{query}").status_code < 500
    with tenant(an_organization("Other")):
        foreign = a_survey()
    assert client.get(f"/api/v1/surveys/{foreign.pk}/results/").status_code == 404
    assert an_api_client(acme, ["metrics.view"]).get(f"/api/v1/surveys/{survey.pk}/results/").status_code == 403
