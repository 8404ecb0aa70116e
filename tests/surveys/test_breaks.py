"""Where the line of a score breaks, and what differs between versions in words."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from apps.organizations.models import Organization
from apps.surveys import services
from apps.surveys.breaks import breaks_of, breaks_of_surveys, changes_between
from apps.surveys.definition import parse_definition
from apps.surveys.differences import differences
from apps.surveys.models import Survey, SurveyVersion
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.surveys import a_survey

SYSTEM = Actor.system("test")

BASE: dict[str, Any] = {
    "languages": ["en", "de"],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {
                    "id": "happy",
                    "type": "csat",
                    "scale": 5,
                    "title": {"en": "How happy are you?", "de": "Wie zufrieden?"},
                    "labels": {"1": {"en": "Not", "de": "Nicht"}, "5": {"en": "Very", "de": "Sehr"}},
                },
                {
                    "id": "how",
                    "type": "choice",
                    "title": {"en": "How do you reach us?", "de": "Wie?"},
                    "choices": [
                        {"id": "web", "label": {"en": "Web", "de": "Netz"}},
                        {"id": "phone", "label": {"en": "Phone", "de": "Telefon"}},
                    ],
                },
                {"id": "why", "type": "text", "title": {"en": "Why?", "de": "Warum?"}},
            ],
        }
    ],
}


def changed(**paths: Any) -> dict[str, Any]:
    """The base with some values replaced: `happy__title__en="..."`."""
    raw = deepcopy(BASE)
    for path, value in paths.items():
        name, *steps = path.split("__")
        place: Any = next(question for question in raw["pages"][0]["questions"] if question["id"] == name)
        for step in steps[:-1]:
            place = place[int(step)] if step.isdigit() and isinstance(place, list) else place[step]
        place[steps[-1]] = value
    return raw


def breaks(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str]]:
    return [(c.question, c.what) for c in changes_between(parse_definition(before), parse_definition(after))]


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, bool]]:
    return [(d.kind, d.text, d.cosmetic) for d in differences(parse_definition(before), parse_definition(after))]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"happy__title__en": "How satisfied are you?"}, [("happy", "wording")]),
        ({"happy__title__de": "Wie glücklich?"}, [("happy", "wording")]),
        ({"happy__labels__5__de": "Ganz"}, [("happy", "wording")]),
        ({"happy__title__en": "  how HAPPY are you "}, []),
        ({"happy__title__en": "How happy, are you?!"}, []),
        ({"why__title__en": "Tell us more"}, []),
        ({"how__title__en": "Which way?"}, []),
    ],
)
def test_only_other_words_of_a_scored_question_break_the_line(change: Any, expected: Any) -> None:
    assert breaks(BASE, changed(**change)) == expected


def test_language_that_is_added_or_taken_away_breaks_nothing() -> None:
    german_gone = {**deepcopy(BASE), "languages": ["en"]}
    assert breaks(BASE, german_gone) == [] == breaks(german_gone, BASE)


def test_other_scale_under_a_new_id_breaks_the_line_of_its_metric() -> None:
    raw = deepcopy(BASE)
    raw["pages"][0]["questions"][0] |= {"id": "happy7", "scale": 7, "labels": {}}
    assert breaks(BASE, raw) == [("happy7", "scale")]


def test_same_question_under_a_new_id_breaks_nothing() -> None:
    raw = deepcopy(BASE)
    raw["pages"][0]["questions"][0]["id"] = "again"
    assert breaks(BASE, raw) == []


def test_version_without_a_change_differs_in_nothing() -> None:
    assert told(BASE, BASE) == []


def test_differences_are_told_in_words() -> None:
    raw = changed(
        happy__title__en="How happy are you",
        happy__title__de="Wie glücklich sind Sie?",
        how__choices=[
            *BASE["pages"][0]["questions"][1]["choices"][1:],
            {"id": "app", "label": {"en": "App", "de": "App"}},
        ],
        why__required=True,
        why__show_if={"all": [{"question": "happy", "op": "<=", "value": 2}]},
    )
    raw["pages"][0]["questions"].append({"id": "age", "type": "number", "title": {"en": "Your age", "de": "Alter"}})
    assert told(BASE, raw) == [
        ("wording_changed", "Wording of “How happy are you”", True),
        ("wording_changed", "Wording of “How happy are you”", False),
        ("choice_removed", "Choice removed from “How do you reach us?”: Web", False),
        ("choice_added", "Choice added to “How do you reach us?”: App", False),
        ("required_changed", "“Why?” now needs an answer", False),
        ("condition_changed", "When “Why?” is shown", False),
        ("question_added", "Question added: “Your age” (number)", False),
    ]
    condition = next(
        d for d in differences(parse_definition(BASE), parse_definition(raw)) if d.kind == "condition_changed"
    )
    assert (condition.before, condition.after) == ("always", "“How happy are you” is at most 2")


def test_the_fewest_questions_are_said_to_have_moved() -> None:
    raw = deepcopy(BASE)
    first, *rest = raw["pages"][0]["questions"]
    raw["pages"][0]["questions"] = [*rest, first]
    assert told(BASE, raw) == [("question_moved", "Question moved: “How happy are you?”", False)]


def test_removed_question_is_told_by_its_former_words() -> None:
    raw = deepcopy(BASE)
    del raw["pages"][0]["questions"][2]
    assert told(BASE, raw) == [("question_removed", "Question removed: “Why?”", False)]


NAMES = ["a", "b", "c", "d", "e", "f"]


def in_order(names: list[str]) -> dict[str, Any]:
    questions = [{"id": name, "type": "text", "title": {"en": f"About {name}"}} for name in names]
    return {"languages": ["en"], "pages": [{"id": "p", "questions": questions}]}


@given(st.permutations(NAMES), st.permutations(NAMES))
def test_questions_that_are_not_said_to_have_moved_keep_their_order(before: list[str], after: list[str]) -> None:
    moved = {
        d.question
        for d in differences(parse_definition(in_order(before)), parse_definition(in_order(after)))
        if d.kind == "question_moved"
    }
    assert [name for name in before if name not in moved] == [name for name in after if name not in moved]


@pytest.fixture
def acme(db: None) -> Any:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def published(*definitions: dict[str, Any]) -> Survey:
    survey = a_survey("csat", definition=definitions[0], languages=["en", "de"])
    for raw in definitions[1:]:
        services.update_survey(actor=SYSTEM, survey=survey, definition=raw)
        services.publish_survey(actor=SYSTEM, survey=survey)
    return survey


def test_breaks_of_a_survey_name_version_and_time(acme: Organization) -> None:
    survey = published(
        BASE, changed(happy__title__en="How glad are you?"), changed(happy__title__en="How glad are you")
    )
    found = breaks_of(survey)
    second = SurveyVersion.objects.get(survey=survey, number=2)
    assert [(b.version, b.question, b.what, b.metric, b.at) for b in found] == [
        (2, "happy", "wording", "csat", second.published_at)
    ]


def test_breaks_cost_the_same_for_one_survey_and_for_three(acme: Organization) -> None:
    surveys = [published(BASE, changed(happy__title__en="How glad are you?")) for _ in range(3)]

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(breaks_of_surveys([survey.pk for survey in surveys[:count]])) == count
        return len(captured)

    assert queries(1) == queries(3)
    assert queries(3) == queries(1) < 4


def test_breaks_are_the_organisations_own(acme: Organization) -> None:
    survey = published(BASE, changed(happy__title__en="How glad are you?"))
    with tenant(an_organization("Other")):
        assert breaks_of(survey) == []
