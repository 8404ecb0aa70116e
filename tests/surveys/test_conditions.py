"""Conditions as the server evaluates them. The same vectors run against static/cx/conditions.js in tests/browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apps.surveys.answers import evaluate, validate_answers
from apps.surveys.definition import Condition, Rule, parse_definition
from apps.surveys.respondent import visible_screens

VECTORS = json.loads(Path(__file__).with_name("condition_vectors.json").read_text("utf-8"))


def condition(raw: dict[str, Any] | None) -> Condition | None:
    """The condition as it stands, also one that no definition could hold: a number against a text."""
    if raw is None:
        return None
    mode: Any = "all" if "all" in raw else "any"
    rules = (
        Rule(rule["question"], rule["op"], tuple(rule["value"]) if rule["op"] == "in" else rule["value"])
        for rule in raw[mode]
    )
    return Condition(mode, tuple(rules))


@pytest.mark.parametrize("vector", VECTORS["conditions"], ids=lambda vector: vector["name"])
def test_condition_holds_as_its_vector_says(vector: dict[str, Any]) -> None:
    assert evaluate(condition(vector["condition"]), vector["answers"]) is vector["shown"]


@pytest.mark.parametrize(
    ("definition", "case"),
    [(vector["definition"], case) for vector in VECTORS["definitions"] for case in vector["cases"]],
)
def test_answers_lead_through_the_screens_of_their_vector(definition: dict[str, Any], case: dict[str, Any]) -> None:
    parsed = parse_definition(definition)
    fields = {
        field["id"]: value for field in definition.get("hidden", []) if (value := case["answers"].get(field["id"]))
    }
    known = {**fields, **validate_answers(parsed, case["answers"], partial=True).values}
    screens = [[question.id for question in screen] for screen in visible_screens(parsed, known)]
    assert screens == case["screens"]


def test_there_are_enough_vectors_and_each_has_a_name_of_its_own() -> None:
    names = [vector["name"] for vector in VECTORS["conditions"]]
    assert len(names) >= 60
    assert len(set(names)) == len(names)
