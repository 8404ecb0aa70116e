"""Answers against a definition: stored forms, refusals, conditions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.surveys.answers import comment_text, evaluate, headline_score, validate_answers
from apps.surveys.definition import Condition, Definition, Rule, parse_definition

CHOICES = [{"id": letter, "label": {"en": letter.upper()}} for letter in "abc"]


def survey(*questions: dict[str, Any]) -> Definition:
    written = [{"title": {"en": "?"}, **question} for question in questions]
    return parse_definition({"languages": ["en"], "pages": [{"id": "p", "questions": written}]})


ALL_TYPES = survey(
    {"id": "nps", "type": "nps", "required": True},
    {"id": "csat", "type": "csat"},
    {"id": "text", "type": "text"},
    {"id": "number", "type": "number"},
    {"id": "date", "type": "date"},
    {"id": "consent", "type": "consent"},
    {"id": "choice", "type": "choice", "choices": CHOICES},
    {"id": "multi", "type": "multi_choice", "choices": CHOICES},
    {"id": "ranking", "type": "ranking", "choices": CHOICES},
    {"id": "matrix", "type": "matrix", "choices": CHOICES, "rows": [{"id": "r", "label": {"en": "R"}}]},
    {"id": "note", "type": "statement"},
)


def checked(question: str, value: Any) -> tuple[Any, str | None]:
    result = validate_answers(ALL_TYPES, {"nps": 5, question: value})
    problem = result.errors.get(question)
    return result.values.get(question), problem.code if problem else None


@pytest.mark.parametrize(
    ("question", "value", "stored"),
    [
        ("nps", 0, 0),
        ("nps", "9", 9),
        ("nps", " 10 ", 10),
        ("nps", 9.0, 9),
        ("csat", 5, 5),
        ("text", "  fine  ", "fine"),
        ("number", "12.5", 12.5),
        ("number", -3, -3),
        ("date", "2024-02-29", "2024-02-29"),
        ("consent", "on", True),
        ("consent", False, False),
        ("choice", "b", "b"),
        ("multi", ["c", "a", "a"], ["a", "c"]),
        ("multi", "b", ["b"]),
        ("ranking", ["c", "a", "b"], ["c", "a", "b"]),
        ("matrix", {"r": "a"}, {"r": "a"}),
    ],
)
def test_answers_are_brought_into_their_stored_form(question: str, value: Any, stored: Any) -> None:
    assert checked(question, value) == (stored, None)


@pytest.mark.parametrize(
    ("question", "value", "code"),
    [
        ("nps", 11, "scale"),
        ("nps", -1, "scale"),
        ("nps", 9.5, "score"),
        ("nps", "9.5", "score"),
        ("nps", True, "score"),
        ("nps", "nine", "score"),
        ("nps", "٩", "score"),
        ("nps", [9], "score"),
        ("nps", {"score": 9}, "score"),
        ("nps", 10**400, "score"),
        ("nps", float("inf"), "score"),
        ("nps", float("nan"), "score"),
        ("nps", None, "required"),
        ("nps", "", "required"),
        ("csat", 0, "scale"),
        ("csat", 6, "scale"),
        ("text", 5, "text"),
        ("text", "a\x00b", "characters"),
        ("text", "\ud800", "characters"),
        ("text", "x" * 10_001, "too_long"),
        ("number", "1,5", "number"),
        ("number", float("nan"), "number"),
        ("date", "2023-02-29", "date"),
        ("date", "20240229", "date"),
        ("consent", "maybe", "consent"),
        ("consent", [], None),
        ("choice", "d", "choice"),
        ("choice", ["a"], "choice"),
        ("multi", ["d"], "choice"),
        ("multi", ["a"] * 10_000, "choice"),
        ("multi", [["a"]], "choice"),
        ("ranking", ["a", "a"], "ranking"),
        ("ranking", "a", "ranking"),
        ("matrix", {"x": "a"}, "matrix"),
        ("matrix", {"r": "d"}, "choice"),
        ("matrix", ["a"], "matrix"),
    ],
)
def test_answers_that_cannot_be_read_are_refused_by_question(question: str, value: Any, code: str | None) -> None:
    stored, problem = checked(question, value)
    assert problem == code
    assert stored is None


def test_unknown_questions_are_ignored() -> None:
    assert validate_answers(ALL_TYPES, {"nps": 1, "nobody": object(), "note": "x"}).values == {"nps": 1}


def test_half_an_answer_needs_nothing_but_stays_checked() -> None:
    assert validate_answers(ALL_TYPES, {"text": "so far"}, partial=True).errors == {}
    assert "nps" in validate_answers(ALL_TYPES, {"nps": 12}, partial=True).errors


def test_hidden_questions_are_not_required_and_not_kept() -> None:
    definition = survey(
        {"id": "nps", "type": "nps", "required": True},
        {
            "id": "why",
            "type": "text",
            "required": True,
            "show_if": {"all": [{"question": "nps", "op": "<", "value": 7}]},
        },
        {
            "id": "more",
            "type": "text",
            "required": True,
            "show_if": {"all": [{"question": "why", "op": "answered"}]},
        },
    )
    happy = validate_answers(definition, {"nps": 9, "why": "left over", "more": "x"})
    assert (happy.values, happy.errors) == ({"nps": 9}, {})
    assert set(validate_answers(definition, {"nps": 3}).errors) == {"why"}


@pytest.mark.parametrize(
    ("op", "value", "answer", "shown"),
    [
        ("<", 7, 6, True),
        ("<", 7, 7, False),
        ("<", 7, None, False),
        ("<=", 7, "", False),
        (">", -1, None, False),
        (">=", 0, None, False),
        (">=", 7.5, 8, True),
        ("=", 7, 7, True),
        ("=", 7, None, False),
        ("!=", 7, None, True),
        ("!=", 7, 7, False),
        ("in", (1, 2), 2, True),
        ("in", (1, 2), None, False),
        ("contains", "SLOW", "very slow service", True),
        ("contains", "a", ["b"], False),
        ("contains", "a", None, False),
        ("answered", True, 0, True),
        ("answered", True, "  ", False),
        ("answered", False, None, True),
        ("<", "2024-01-01", "2023-12-31", True),
    ],
)
def test_conditions_compare_as_documented(op: Any, value: Any, answer: Any, shown: bool) -> None:
    condition = Condition("all", (Rule("q", op, value),))
    assert evaluate(condition, {"q": answer}) is shown


def test_any_and_all_differ() -> None:
    rules = (Rule("a", "=", 1), Rule("b", "=", 1))
    assert evaluate(Condition("any", rules), {"a": 1})
    assert not evaluate(Condition("all", rules), {"a": 1})


def test_headline_and_comment_come_from_the_right_questions() -> None:
    definition = survey(
        {"id": "stars", "type": "rating"},
        {"id": "ease", "type": "ces"},
        {"id": "why", "type": "text"},
        {"id": "more", "type": "text"},
    )
    values = validate_answers(definition, {"stars": 2, "ease": 6, "more": "second"}).values
    assert headline_score(definition, values) == 6
    assert comment_text(definition, values) == "second"
    assert headline_score(definition, {}) is None


hostile = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(list(ALL_TYPES.questions)), hostile))
def test_no_answer_breaks_and_stored_answers_are_stable(answers: dict[str, Any]) -> None:
    once = validate_answers(ALL_TYPES, answers, partial=True)
    again = validate_answers(ALL_TYPES, once.values, partial=True)
    assert again.values == once.values
    assert again.errors == {}
