"""The rule form in both directions: what was stored, shown, sent and read back is the same rule."""

from __future__ import annotations

from typing import Any

import pytest
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from apps.segments import builder
from apps.segments.builder import change_draft, draft_from_post, draft_from_rule, place_errors, text_of, value_of
from apps.segments.builder_rows import Choices, Control, Row, rows_of
from apps.segments.rule import parse_rule
from cxm.errors import DomainErrors

SURVEY = "0190f9f2-7c1e-7000-8000-000000000001"
LEAVES: list[dict[str, Any]] = [
    {"attribute": "plan", "op": "=", "value": "gold"},
    {"attribute": "plan", "op": "in", "value": ["gold", "a, b", "42", 42, True]},
    {"attribute": "age", "op": ">=", "value": 42},
    {"attribute": "age", "op": "<", "value": 1.5},
    {"attribute": "is_vip", "op": "=", "value": True},
    {"attribute": "number", "op": "=", "value": "0042"},
    {"attribute": "number", "op": "=", "value": "42"},
    {"attribute": "note", "op": "contains", "value": 'say "hi", then go'},
    {"attribute": "plan", "op": "missing"},
    {"attribute": "renewal", "op": "within_last_days", "value": 30},
    {"account_attribute": "size", "op": ">", "value": 100},
    {"field": "stage", "op": "=", "value": "prospect"},
    {"field": "external_id", "op": "=", "value": "42"},
    {"field": "external_id", "op": "in", "value": ["42", "43"]},
    {"field": "email", "op": "contains", "value": "@example.com"},
    {"field": "created_at", "op": ">=", "value": "2026-01-31"},
    {"field": "created_at", "op": "more_than_days_ago", "value": 90},
    {"event": "Purchase"},
    {
        "event": "Purchase",
        "where": [{"property": "price", "op": ">", "value": 100}, {"property": "category", "op": "exists"}],
        "count": {"op": ">=", "value": 2},
        "within": {"days": 90},
        "channel": "web",
    },
    {"event": "Purchase", "count": {"op": "=", "value": 0}, "within": {"from": "2026-01-01", "to": "2026-03-31"}},
    {"event": "Purchase", "within": {"from": "2026-01-01T09:00:00Z"}},
    {
        "sequence": [{"event": "Fine", "where": [{"property": "a", "op": "=", "value": 1}]}, {"event": "Payment"}],
        "within_days": 60,
        "within": {"days": 365},
    },
    {"answer": {"metric": "nps", "touchpoint": "first-payment"}, "op": "<", "value": 7},
    {"answer": {"survey": SURVEY, "question": "reason"}, "which": "any", "op": "contains", "value": "slow"},
    {"segment": SURVEY},
    {"consent": {"purpose": "surveys", "channel": "any"}, "state": "withdrawn"},
    {"bucket": {"from": 0, "to": 12.5}, "salt": "autumn"},
]


def sent(row: Row) -> dict[str, str]:
    """What a browser sends of a form that nobody touched."""
    found: dict[str, str] = {}

    def keep(control: Control) -> None:
        values = [value for value, _label in control.options]
        chosen = control.value if control.widget != "select" or control.value in values else values[0]
        found[control.name] = str(chosen)

    keep(row.first)
    for part in row.parts:
        for control in part.controls:
            keep(control)
        for line in part.lines:
            for control in line.controls:
                keep(control)
    for inner in row.rows:
        found |= sent(inner)
    return found


def normal(raw: Any) -> dict[str, Any]:
    return parse_rule(raw).as_json()


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: "-".join([*leaf][:2]) + f"-{leaf.get('op', '')}")
def test_stored_rule_comes_back_unchanged_from_the_form(leaf: dict[str, Any]) -> None:
    rule = normal({"all": [leaf]})
    form = sent(rows_of(draft_from_rule(rule), Choices()))
    assert normal(draft_from_post(form).as_json()) == rule


def test_groups_in_groups_come_back_unchanged() -> None:
    tree = {"all": [{"any": [LEAVES[0], {"none": [LEAVES[17], LEAVES[24]]}]}, LEAVES[22], {"any": LEAVES[:12]}]}
    rule = normal(tree)
    form = sent(rows_of(draft_from_rule(rule), Choices()))
    backwards = dict(reversed(form.items()))
    assert normal(draft_from_post(backwards).as_json()) == rule


@pytest.mark.parametrize(
    "value", ["gold", "42", "0042", "-1", "1.5", "true", " padded ", '"', '"x"', "", 42, 1.5, True]
)
def test_value_is_read_as_it_was_written(value: Any) -> None:
    assert value_of(text_of(value)) == value
    assert type(value_of(text_of(value))) is type(value)


@pytest.mark.parametrize(
    ("typed", "value"),
    [("42", 42), (" 4.5 ", 4.5), ('"42"', "42"), ("true", True), ("gold", "gold"), ("1e5", "1e5"), ("007", "007")],
)
def test_numbers_are_numbers_unless_quoted(typed: str, value: Any) -> None:
    assert value_of(typed) == value


def test_buttons_add_nest_and_remove() -> None:
    draft = builder.empty_draft()
    assert change_draft(draft, "add:r") == "r-1"
    assert change_draft(draft, "group:r") == "r-2-0"
    assert change_draft(draft, "add:r-2") == "r-2-1"
    assert [part.is_group for part in draft.parts] == [False, False, True]
    assert change_draft(draft, "remove:r-0") == "r"
    assert [part.is_group for part in draft.parts] == [False, True]
    draft.parts[0].kind = "event"
    assert change_draft(draft, "where:r-0.a") == "r-0"
    assert len(draft.parts[0].conditions["a"]) == 1
    assert change_draft(draft, "unwhere:r-0.a-0") == "r-0"
    assert draft.parts[0].conditions["a"] == []


@pytest.mark.parametrize(
    "do",
    ["", "add", "add:", "add:x", "add:r-9", "remove:r", "remove:r-9-9", "where:r-0", "where:r-0.c", "unwhere:r-0.a-7",
     "fly:r", "add:r-0", "group:r-0", "unwhere:r-0.a-", "where:r.a"],
)  # fmt: skip
def test_button_that_makes_no_sense_changes_nothing(do: str) -> None:
    draft = builder.empty_draft()
    before = draft.as_json()
    change_draft(draft, do)
    assert draft.as_json() == before


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"r.mode": "most"},
        {"r-0.kind": "love"},
        {"r-5-5.kind": "event"},
        {"r-0.a-0.property": "x"},
        {"r-0-0-0-0-0-0-0-0.kind": "event"},
        {"x": "y", "r-.kind": "event", "r-0.kind": "attribute", "r-0.KIND": "x"},
    ],
)
def test_form_that_nobody_made_is_read_without_a_failure(data: dict[str, str]) -> None:
    draft = draft_from_post(QueryDict(mutable=True) if not data else MultiValueDict({k: [v] for k, v in data.items()}))
    rows_of(draft, Choices())
    draft.as_json()


def test_errors_stand_at_the_inputs_they_belong_to() -> None:
    tree = {
        "all": [
            {"attribute": "", "op": "=", "value": "x"},
            {"any": [{"event": "", "where": [{"property": "", "op": "="}], "count": {"op": ">=", "value": "x"}}]},
            {"sequence": [{"event": "A"}, {"event": "", "where": [{"property": "p", "op": "<", "value": "x"}]}]},
            {"answer": {"metric": "nps"}, "op": "<", "value": "seven"},
            {"bucket": {"from": 5, "to": 5}},
            {"event": "A", "within": {"days": "x"}},
        ]
    }
    draft = builder.Node(mode="all")
    kinds = ["attribute", "", "sequence", "answer", "bucket", "event"]
    draft.parts = [builder.Node(kind=kind) if kind else builder.Node(mode="any") for kind in kinds]
    draft.parts[1].parts = [builder.Node(kind="event")]
    with pytest.raises(DomainErrors) as wrong:
        parse_rule(tree)
    assert place_errors(draft, wrong.value.errors) == []
    assert [sorted(part.errors) for part in draft.parts] == [
        ["name"],
        [],
        ["b_event"],
        ["value"],
        ["share_to"],
        ["days"],
    ]
    assert sorted(draft.parts[1].parts[0].errors) == ["a_event"]
