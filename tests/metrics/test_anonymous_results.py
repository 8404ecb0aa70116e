"""Anonymous surveys, question by question: no pair of queries shows what fewer people than the threshold said."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import combinations, product
from typing import Any

import pytest
from django.http import QueryDict

from apps.metrics.results import results_of_survey
from apps.metrics.results.asking import facts_of, metric_of, read_results_filter
from apps.metrics.results.teams import results_by_team
from apps.organizations.models import Organization, Unit
from apps.organizations.services import create_unit
from apps.surveys.models import Survey
from cxm.actor import Actor
from tests.factories.metrics import fold_pending
from tests.factories.people import an_actor
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
DAYS = [date(2026, 3, 27) + timedelta(day) for day in range(8)]
THRESHOLD = 5

DEFINITION: dict[str, Any] = {
    "languages": ["en"],
    "pages": [
        {
            "id": "p",
            "questions": [
                {"id": "score", "type": "nps", "title": {"en": "Would you recommend us as an employer?"}},
                {"id": "able", "type": "rating", "scale": 5, "title": {"en": "Can you do your work?"}},
                {
                    "id": "leave",
                    "type": "choice",
                    "title": {"en": "Will you stay?"},
                    "choices": [{"id": "stay", "label": {"en": "Stay"}}, {"id": "go", "label": {"en": "Go"}}],
                },
                {
                    "id": "needs",
                    "type": "multi_choice",
                    "title": {"en": "What do you miss?"},
                    "choices": [{"id": "time", "label": {"en": "Time"}}, {"id": "tools", "label": {"en": "Tools"}}],
                },
                {"id": "years", "type": "number", "title": {"en": "How long are you here?"}},
                {
                    "id": "why",
                    "type": "text",
                    "title": {"en": "Why?"},
                    "show_if": {"all": [{"question": "score", "op": "<=", "value": 6}]},
                },
            ],
        }
    ],
}


@pytest.fixture
def survey(acme: Organization) -> Survey:
    return a_survey("custom", anonymous=True, audience="employees", definition=DEFINITION)


def results(organization: Organization, survey: Survey, query: str = "", actor: Actor = SYSTEM) -> Any:
    facts = facts_of(survey)
    selection = read_results_filter(QueryDict(query), facts, actor=actor, organization=organization)
    return results_of_survey(facts, selection, metric=metric_of(survey), interval="day", actor=actor)


def of(found: Any, name: str) -> Any:
    return next(result for result in found.questions if result.question.id == name)


def teams(organization: Organization, survey: Survey, query: str = "", actor: Actor = SYSTEM) -> Any:
    facts = facts_of(survey)
    return results_by_team(facts, read_results_filter(QueryDict(query), facts, actor=actor, organization=organization))


def a_tree() -> list[Unit]:
    """North with Berlin and Kiel; South alone."""
    north = create_unit(actor=SYSTEM, name="North", code="n")
    south = create_unit(actor=SYSTEM, name="South", code="s")
    berlin = create_unit(actor=SYSTEM, name="Berlin", code="b", parent=north)
    kiel = create_unit(actor=SYSTEM, name="Kiel", code="k", parent=north)
    return [north, south, berlin, kiel]


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


Answer = dict[str, Any]


def fill(survey: Survey, units: list[Unit], seed: int, n: int) -> list[Answer]:
    """Answers in random circumstances, some of them incomplete; what was said with where and when."""
    chance = random.Random(seed)
    told = []
    for number in range(n):
        answers: dict[str, Any] = {"score": chance.choice([0, 3, 7, 9, 10]), "years": 2**number}
        if chance.random() < 0.8:
            answers["able"] = chance.randint(1, 5)
        if chance.random() < 0.9:
            answers["leave"] = chance.choice(["stay", "stay", "go"])
        if chance.random() < 0.7:
            answers["needs"] = chance.sample(["time", "tools"], chance.randint(1, 2))
        where = {
            "unit": chance.choice([*units, None]),
            "day": chance.choice(DAYS),
            "channel": chance.choice(["web", "web", "email", "kiosk"]),
        }
        unit_id = where["unit"].pk if where["unit"] else None
        an_answer(survey, answers=answers, unit_id=unit_id, channel=where["channel"], occurred_at=at(where["day"]))
        told.append({**answers, **where})
    fold_pending()
    return told


@dataclass(frozen=True)
class Query:
    """A query string, and the people it means."""

    text: str
    people: frozenset[int]


def queries(units: list[Unit], told: list[Answer]) -> list[Query]:
    """Windows, branches and channels (one or two values), and windows of each."""
    windows = [(DAYS[0], DAYS[-1]), *combinations(DAYS, 2), *zip(DAYS, DAYS, strict=True)]
    channels = [("web",), ("kiosk",), ("web", "email")]
    branches = [(unit,) for unit in units] + [(units[0], units[1])]
    cuts: list[tuple[str, Any]] = [("", lambda one: True)]
    cuts += [(f"channel={','.join(names)}", lambda one, names=names: one["channel"] in names) for names in channels]
    cuts += [
        (f"unit={','.join(str(unit.pk) for unit in chosen)}", lambda one, chosen=chosen: within(one, chosen))
        for chosen in branches
    ]
    found = []
    for (first, last), (cut, wanted) in product(windows[:1] + windows[1::6], cuts):
        people = frozenset(i for i, one in enumerate(told) if first <= one["day"] <= last and wanted(one))
        found.append(Query(f"from={first}&to={last}&{cut}", people))
    return [Query("", frozenset(range(len(told)))), *found]


def within(one: Answer, branches: tuple[Unit, ...]) -> bool:
    return one["unit"] is not None and any(unit.pk in (one["unit"].pk, one["unit"].parent_id) for unit in branches)


def people_of(total: float) -> frozenset[int]:
    """Who is in a sum of powers of two."""
    bits = round(total)
    return frozenset(i for i in range(bits.bit_length()) if bits >> i & 1)


@pytest.mark.parametrize("seed", range(2))
def test_no_pair_of_queries_isolates_fewer_people_than_the_threshold(
    acme: Organization, survey: Survey, seed: int
) -> None:
    """Everybody says another power of two, so each mean that is shown tells whom it is of."""
    units = a_tree()
    told = fill(survey, units, seed, 45)
    asked = queries(units, told)
    groups: dict[frozenset[int], str] = {}
    shares: list[tuple[Query, str, dict[str, int]]] = []
    for query in asked:
        found = results(acme, survey, query.text)
        years = of(found, "years").number.mean if of(found, "years").number else None
        if years and years.value is not None:
            groups[people_of(years.value * years.n)] = query.text
            assert people_of(years.value * years.n) <= query.people
        shares += [
            (query, name, {share.id: share.count for share in of(found, name).shares} | {"n": of(found, name).answered})
            for name in ("leave", "needs")
            if of(found, name).shares
        ]
        headline, one = found.headline, of(found, "score").score
        told_there = one.distribution if one else dict.fromkeys(headline.distribution, 0)
        assert headline.distribution == told_there, "page and metric service show the same groups"
    assert len(groups) > 3, "the test is empty when nothing is shown"
    for one, other in combinations(groups, 2):
        for left in (one - other, other - one, one & other):
            assert not left or len(left) >= THRESHOLD, (groups[one], groups[other])
    for (first, name, bigger), (second, of_name, smaller) in product(shares, shares):
        if name == of_name and first.text and second.people < first.people:
            few = [key for key in bigger if 0 < bigger[key] - smaller[key] < THRESHOLD]
            assert not few, (name, first.text, second.text)


@pytest.mark.parametrize("seed", range(3))
def test_no_team_can_be_reckoned_from_its_parent_and_its_siblings(
    acme: Organization, survey: Survey, seed: int
) -> None:
    units = a_tree()
    fill(survey, units, seed + 10, 45)
    table = teams(acme, survey)
    by_id = {row.unit.pk: row for row in table.rows}
    below = {None: units[:2], units[0].pk: units[2:]}
    for place in range(len(table.questions)):
        for parent, children in below.items():
            whole = table.whole if parent is None else by_id.get(parent)
            if whole is None or whole.scores[place].value is None:
                continue
            shown = [by_id[unit.pk].scores[place] for unit in children if unit.pk in by_id]
            shown = [metric for metric in shown if metric.value is not None]
            for size in range(1, len(shown) + 1):
                for group in combinations(shown, size):
                    left = whole.scores[place].n - sum(metric.n for metric in group)
                    assert left == 0 or left >= THRESHOLD


def test_small_team_is_hidden_and_so_is_the_one_it_could_be_subtracted_by(acme: Organization, survey: Survey) -> None:
    north, _south, berlin, kiel = a_tree()
    hamburg = create_unit(actor=SYSTEM, name="Hamburg", code="h", parent=north)
    for unit, n in ((berlin, 12), (kiel, 6), (hamburg, 2)):
        for _ in range(n):
            an_answer(survey, answers={"score": 9, "able": 4}, unit_id=unit.pk)
    rows = {row.unit.name: row.scores[0] for row in teams(acme, survey).rows}
    assert (rows["North"].n, rows["Berlin"].n) == (20, 12)
    assert [rows[name].suppressed for name in ("North", "Berlin", "Kiel", "Hamburg")] == [False, False, True, True]


def test_hidden_is_told_from_no_answers(acme: Organization, survey: Survey) -> None:
    empty = results(acme, survey)
    assert (empty.n, of(empty, "score").suppressed) == (0, False)
    an_answer(survey, answers={"score": 9})
    few = results(acme, survey)
    assert few.n is None
    assert (of(few, "score").suppressed, of(few, "score").score.value, of(few, "able").suppressed) == (
        True,
        None,
        False,
    )
    assert set(of(few, "score").score.distribution.values()) == {0}
    assert of(few, "score").shown is None


def test_single_numbers_and_conditional_questions_are_not_told_of_groups(acme: Organization, survey: Survey) -> None:
    for number in range(12):
        an_answer(survey, answers={"score": 3, "years": number, "why": f"words {number}"}, channel="web")
        an_answer(survey, answers={"score": 9, "years": 40, "leave": "go"}, channel="email")
    whole = results(acme, survey)
    assert (of(whole, "years").number.spread, of(whole, "years").number.mean.n) == (None, 24)
    assert len(of(whole, "why").texts) == 5
    web = results(acme, survey, "channel=web")
    assert of(web, "score").score.n == 12
    assert (of(web, "years").number.mean.value, of(web, "years").number.mean.n) == (5.5, 12)
    assert of(web, "why").suppressed and of(web, "why").texts == []
    assert (of(web, "score").shown, of(web, "score").skipped) == (None, None)


@pytest.mark.parametrize("query", ["language=en", "version=1", "state=any", "flag=scanner", "attribute:plan=gold"])
def test_filters_on_single_answers_show_nothing(acme: Organization, survey: Survey, query: str) -> None:
    for _ in range(20):
        an_answer(survey, answers={"score": 9}, language="en", attributes={"plan": "gold"})
    fold_pending()
    found = results(acme, survey, query)
    assert found.n is None
    assert all(result.suppressed for result in found.questions)
    assert found.headline.value is None


def test_comments_are_shown_from_eight_answers_on(acme: Organization, survey: Survey) -> None:
    for number in range(7):
        an_answer(survey, answers={"score": 3, "why": f"words {number}"})
    assert of(results(acme, survey), "why").texts == []
    assert of(results(acme, survey), "why").texts_hidden
    an_answer(survey, answers={"score": 3, "why": "eighth"})
    assert len(of(results(acme, survey), "why").texts) == 5


def test_manager_of_a_branch_sees_groups_of_the_own_branch(acme: Organization, survey: Survey) -> None:
    north, south, berlin, kiel = a_tree()
    for unit, value in ((berlin, 9), (kiel, 0), (south, 7)):
        for _ in range(6):
            an_answer(survey, answers={"score": value}, unit_id=unit.pk)
    table = teams(acme, survey, actor=an_actor(acme, "manager", unit=north))
    assert [(row.unit.name, row.scores[0].n) for row in table.rows] == [("North", 12), ("Berlin", 6), ("Kiel", 6)]
    assert table.whole.scores[0].n == 12
    own = results(acme, survey, actor=an_actor(acme, "manager", unit=berlin))
    assert (of(own, "score").score.n, of(own, "score").score.value) == (6, 100.0)
