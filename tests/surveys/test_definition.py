"""The survey definition: what is taken, what is refused, and where a refusal points."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.surveys.definition import Definition, parse_definition, problems_before_publication
from cxm.errors import DomainErrors

NPS: dict[str, Any] = {
    "version": 1,
    "languages": ["en", "de"],
    "pages": [
        {
            "id": "p1",
            "questions": [
                {"id": "q1", "type": "nps", "required": True, "title": {"en": "How likely?", "de": "Wie?"}},
                {"id": "q2", "type": "text", "title": {"en": "Why?", "de": "Warum?"}},
            ],
        }
    ],
    "thank_you": {"title": {"en": "Thanks", "de": "Danke"}},
}


def with_question(**question: Any) -> dict[str, Any]:
    raw = copy.deepcopy(NPS)
    raw["pages"][0]["questions"].append({"id": "q3", "title": {"en": "Third"}, **question})
    return raw


def fields_refused(raw: Any) -> set[str]:
    with pytest.raises(DomainErrors) as refused:
        parse_definition(raw)
    return {error["field"] for error in refused.value.errors}


def test_documented_shape_is_read() -> None:
    definition = parse_definition(NPS)
    assert definition.languages == ("en", "de")
    assert list(definition.questions) == ["q1", "q2"]
    score = definition.questions["q1"]
    assert (score.metric, score.scale, score.low, score.high, score.required) == ("nps", 11, 0, 10, True)
    assert definition.headline is score
    assert definition.comment is definition.questions["q2"]
    assert definition.text(definition.thank_you["title"], "de") == "Danke"


def test_written_json_reads_back_to_the_same_definition() -> None:
    definition = parse_definition(
        with_question(
            type="choice",
            choices=[{"id": "a", "label": {"en": "A"}}, {"id": "b", "label": {"en": "B"}}],
            show_if={"any": [{"question": "q1", "op": "<", "value": 7}, {"question": "q2", "op": "answered"}]},
        )
    )
    assert parse_definition(definition.to_json()) == definition


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("nps", {}),
        ("csat", {"scale": 7}),
        ("ces", {}),
        ("rating", {"scale": {"min": 1, "max": 10}}),
        ("choice", {"choices": [{"id": "a", "label": {"en": "A"}}]}),
        ("multi_choice", {"choices": [{"id": "a", "label": {"en": "A"}}]}),
        ("matrix", {"choices": [{"id": "a", "label": {"en": "A"}}], "rows": [{"id": "r", "label": {"en": "R"}}]}),
        ("ranking", {"choices": [{"id": "a", "label": {"en": "A"}}]}),
        ("text", {}),
        ("number", {}),
        ("date", {}),
        ("consent", {}),
        ("statement", {}),
        ("file", {}),
    ],
)
def test_every_documented_type_is_read(kind: str, extra: dict[str, Any]) -> None:
    question = parse_definition(with_question(type=kind, **extra)).questions["q3"]
    assert question.type == kind


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "stars"}, "pages.0.questions.2.type"),
        ({"type": ["nps"]}, "pages.0.questions.2.type"),
        ({"type": "nps", "scale": 5}, "pages.0.questions.2.scale"),
        ({"type": "csat", "scale": 9}, "pages.0.questions.2.scale"),
        ({"type": "csat", "scale": True}, "pages.0.questions.2.scale"),
        ({"type": "csat", "scale": {"min": 0, "max": 5}}, "pages.0.questions.2.scale"),
        ({"type": "rating", "metric": "nps"}, "pages.0.questions.2.metric"),
        ({"type": "text", "metric": "csat"}, "pages.0.questions.2.metric"),
        ({"type": "text", "required": "yes"}, "pages.0.questions.2.required"),
        ({"type": "choice"}, "pages.0.questions.2.choices"),
        ({"type": "choice", "choices": []}, "pages.0.questions.2.choices"),
        ({"type": "choice", "choices": [{"id": "a b", "label": {"en": "A"}}]}, "pages.0.questions.2.choices.0.id"),
        ({"type": "choice", "choices": [{"id": "a", "label": {}}]}, "pages.0.questions.2.choices.0.label"),
        ({"type": "csat", "labels": {"9": {"en": "Nine"}}}, "pages.0.questions.2.labels"),
        ({"type": "text", "id": "q1"}, "pages.0.questions.2.id"),
        ({"type": "text", "id": "q\x00"}, "pages.0.questions.2.id"),
        ({"type": "text", "id": 7}, "pages.0.questions.2.id"),
        ({"type": "text", "title": "Third"}, "pages.0.questions.2.title"),
        ({"type": "text", "title": {"de": "Dritte"}}, "pages.0.questions.2.title.en"),
        ({"type": "text", "title": {"en": "\ud800"}}, "pages.0.questions.2.title.en"),
        ({"type": "text", "title": {"en": "x" * 2001}}, "pages.0.questions.2.title.en"),
        ({"type": "text", "show_if": {}}, "pages.0.questions.2.show_if"),
        ({"type": "text", "show_if": {"all": [], "any": []}}, "pages.0.questions.2.show_if"),
        (
            {"type": "text", "show_if": {"all": [{"question": "q3", "op": "answered"}]}},
            "pages.0.questions.2.show_if.all.0.question",
        ),
        (
            {"type": "text", "show_if": {"all": [{"question": "q1", "op": "~", "value": 1}]}},
            "pages.0.questions.2.show_if.all.0.op",
        ),
        (
            {"type": "text", "show_if": {"all": [{"question": "q2", "op": "<", "value": 3}]}},
            "pages.0.questions.2.show_if.all.0.op",
        ),
        (
            {"type": "text", "show_if": {"all": [{"question": "q1", "op": "<", "value": "many"}]}},
            "pages.0.questions.2.show_if.all.0.value",
        ),
    ],
)
def test_refusal_names_the_field(change: dict[str, Any], field: str) -> None:
    assert fields_refused(with_question(**change)) == {field}


@pytest.mark.parametrize("raw", [None, [], "x", 1, {}, {"pages": []}, {"pages": {}}, {"pages": [None]}])
def test_documents_that_are_no_survey_are_refused(raw: Any) -> None:
    assert fields_refused(raw)


def test_every_mistake_is_reported_at_once() -> None:
    raw = with_question(type="stars")
    raw["languages"] = ["en", "en", "not a language"]
    raw["version"] = 2
    assert fields_refused(raw) == {"version", "languages.1", "languages.2", "pages.0.questions.2.type"}


def test_a_document_wrong_everywhere_is_described_in_bounds() -> None:
    raw = {"languages": ["en"], "pages": [{"id": "p", "questions": [{} for _ in range(200)]}]}
    with pytest.raises(DomainErrors) as refused:
        parse_definition(raw)
    assert len(refused.value.errors) == 50


def test_a_condition_on_the_same_page_starts_a_new_screen() -> None:
    definition = parse_definition(
        with_question(type="text", show_if={"all": [{"question": "q1", "op": "<=", "value": 6}]})
    )
    assert [[question.id for question in screen] for screen in definition.screens] == [["q1", "q2"], ["q3"]]


def test_publication_needs_every_language() -> None:
    draft = parse_definition(with_question(type="text"))
    assert [error["field"] for error in problems_before_publication(draft)] == ["pages.0.questions.2.title.de"]


def test_a_question_id_keeps_its_meaning_over_versions() -> None:
    before = parse_definition(NPS)
    raw = copy.deepcopy(NPS)
    raw["pages"][0]["questions"][0]["type"] = "csat"
    changed = problems_before_publication(parse_definition(raw), before)
    assert [error["field"] for error in changed] == ["pages.0.questions.0.id"]
    assert problems_before_publication(before, before) == []


def test_bands_of_the_nps_scale_are_detractor_passive_promoter() -> None:
    score = parse_definition(NPS).questions["q1"]
    bands = [score.band(point) for point in range(11)]
    assert bands == ["low"] * 7 + ["middle"] * 2 + ["high"] * 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_json_is_taken_or_refused_but_never_breaks(value: Any) -> None:
    try:
        assert isinstance(parse_definition(value), Definition)
    except DomainErrors as refused:
        assert refused.errors


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(
        ["id", "type", "metric", "required", "title", "scale", "labels", "choices", "rows", "show_if", "follow_up"]
    ),
    json_values,
    st.sampled_from(["nps", "csat", "rating", "choice", "matrix", "text", "number", "consent"]),
)
def test_any_value_in_any_place_of_a_question_never_breaks(key: str, value: Any, kind: str) -> None:
    question = {
        "type": kind,
        "choices": [{"id": "a", "label": {"en": "A"}}],
        "rows": [{"id": "r", "label": {"en": "R"}}],
    }
    try:
        parsed = parse_definition(with_question(**{**question, key: value}))
        assert parse_definition(parsed.to_json()) == parsed
    except DomainErrors as refused:
        assert all(error["field"].startswith("pages.0.questions.2") for error in refused.errors)
