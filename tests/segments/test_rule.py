"""Reading a rule: what is wrong is told with its place; what is right comes back in one form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.organizations.models import Organization
from apps.segments import services
from apps.segments.describe import describe_rule
from apps.segments.references import read_rule
from apps.segments.rule import MAX_LEAVES, parse_rule
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.maps import a_touchpoint
from tests.factories.segments import a_segment
from tests.factories.surveys import a_survey

SYSTEM = Actor.system("test")
FULL: dict[str, Any] = {
    "all": [
        {"attribute": "plan", "op": "in", "value": ["pro", "team"]},
        {"field": "stage", "op": "=", "value": "customer"},
        {"account_attribute": "size", "op": ">=", "value": 50},
        {"any": [{"field": "email", "op": "exists"}, {"attribute": "since", "op": "within_last_days", "value": 30}]},
        {
            "event": "Purchase",
            "where": [{"property": "price", "op": ">", "value": 9.5}],
            "channel": "web",
            "count": {"op": ">=", "value": 2},
            "within": {"days": 90},
        },
        {
            "sequence": [{"event": "Create Fine"}, {"event": "Payment"}],
            "within_days": 60,
            "within": {"from": "2026-01-01", "to": "2026-03-31"},
        },
        {"answer": {"metric": "nps"}, "which": "latest", "op": "<", "value": 7},
        {"none": [{"consent": {"purpose": "surveys", "channel": "email"}, "state": "withdrawn"}]},
        {"bucket": {"from": 0, "to": 10}, "salt": "spring"},
    ]
}


def problems(raw: object) -> list[tuple[str, str]]:
    """(field, code) of everything that is wrong."""
    with pytest.raises(DomainError) as raised:
        parse_rule(raw)
    assert all(error["message"] for error in raised.value.errors)
    return [(error["field"], error["code"]) for error in raised.value.errors]


def test_a_rule_comes_back_in_its_normal_form() -> None:
    assert parse_rule(FULL).as_json() == FULL
    short = {"event": "Purchase", "where": {"item": "book", "gift": None}}
    assert parse_rule(short).as_json() == {
        "all": [
            {
                "event": "Purchase",
                "where": [{"property": "item", "op": "=", "value": "book"}, {"property": "gift", "op": "missing"}],
                "count": {"op": ">=", "value": 1},
            }
        ]
    }


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (None, "rule"),
        ([], "rule"),
        ({}, "rule"),
        ({"all": [], "any": []}, "rule"),
        ({"all": {"event": "x"}}, "rule.all"),
        ({"all": [3]}, "rule.all.0"),
        ({"all": [{}]}, "rule.all.0"),
        ({"all": [{"event": "x", "attribute": "y"}]}, "rule.all.0"),
        ({"all": [{"event": ""}]}, "rule.all.0.event"),
        ({"all": [{"event": "a\x00b"}]}, "rule.all.0.event"),
        ({"all": [{"event": "\ud800"}]}, "rule.all.0.event"),
        ({"all": [{"event": "x" * 201}]}, "rule.all.0.event"),
        ({"any": [{"all": []}, {"event": "x", "count": {"op": ">=", "value": "2"}}]}, "rule.any.1.count.value"),
        ({"all": [{"event": "x", "count": {"op": "~", "value": 2}}]}, "rule.all.0.count.op"),
        ({"all": [{"event": "x", "count": {"value": -1}}]}, "rule.all.0.count.value"),
        ({"all": [{"event": "x", "count": {"value": True}}]}, "rule.all.0.count.value"),
        ({"all": [{"event": "x", "count": {"value": 10**400}}]}, "rule.all.0.count.value"),
        ({"all": [{"event": "x", "within": {"days": 0}}]}, "rule.all.0.within.days"),
        ({"all": [{"event": "x", "within": {}}]}, "rule.all.0.within"),
        ({"all": [{"event": "x", "within": {"from": "2026-02-30"}}]}, "rule.all.0.within.from"),
        ({"all": [{"event": "x", "within": {"from": "2026-03-01", "to": "2026-02-01"}}]}, "rule.all.0.within.to"),
        ({"all": [{"event": "x", "within": {"days": 3, "to": "2026-02-01"}}]}, "rule.all.0.within"),
        ({"all": [{"event": "x", "withn": {"days": 3}}]}, "rule.all.0.withn"),
        ({"all": [{"event": "x", "channel": "pigeon"}]}, "rule.all.0.channel"),
        ({"all": [{"event": "x", "where": {"a": [1]}}]}, "rule.all.0.where.a"),
        ({"all": [{"event": "x", "where": [{"property": "a", "op": "<", "value": "b"}]}]}, "rule.all.0.where.0.value"),
        ({"all": [{"sequence": [{"event": "x"}], "within_days": 3}]}, "rule.all.0.sequence"),
        ({"all": [{"sequence": [{"event": "x"}, {"event": "y"}]}]}, "rule.all.0.within_days"),
        ({"all": [{"sequence": [{"event": "x"}, {"event": 3}], "within_days": 3}]}, "rule.all.0.sequence.1.event"),
        ({"all": [{"attribute": "a", "op": "like", "value": "x"}]}, "rule.all.0.op"),
        ({"all": [{"attribute": "a"}]}, "rule.all.0.value"),
        ({"all": [{"attribute": "a", "op": "in", "value": []}]}, "rule.all.0.value"),
        ({"all": [{"attribute": "a", "op": "in", "value": ["x", {}]}]}, "rule.all.0.value.1"),
        ({"all": [{"attribute": "a", "op": "exists", "value": 3}]}, "rule.all.0.value"),
        ({"all": [{"attribute": "a", "op": "<", "value": float("nan")}]}, "rule.all.0.value"),
        ({"all": [{"field": "shoe", "op": "=", "value": 3}]}, "rule.all.0.field"),
        ({"all": [{"field": "stage", "op": "=", "value": "fan"}]}, "rule.all.0.value"),
        ({"all": [{"field": "stage", "op": "contains", "value": "fan"}]}, "rule.all.0.op"),
        ({"all": [{"field": "name", "op": "=", "value": 3}]}, "rule.all.0.value"),
        ({"all": [{"field": "unit", "op": "=", "value": "north"}]}, "rule.all.0.value"),
        ({"all": [{"field": "created_at", "op": "<", "value": "yesterday"}]}, "rule.all.0.value"),
        ({"all": [{"answer": {}, "op": "<", "value": 7}]}, "rule.all.0.answer"),
        ({"all": [{"answer": {"metric": "nps"}, "op": "<", "value": "7"}]}, "rule.all.0.value"),
        ({"all": [{"answer": {"metric": "nps"}, "op": "contains", "value": 7}]}, "rule.all.0.op"),
        ({"all": [{"answer": {"survey": "x"}, "op": "<", "value": 7}]}, "rule.all.0.answer.survey"),
        ({"all": [{"segment": 5}]}, "rule.all.0.segment"),
        ({"all": [{"consent": {"purpose": "spam"}, "state": "given"}]}, "rule.all.0.consent.purpose"),
        ({"all": [{"bucket": {"from": 20, "to": 10}}]}, "rule.all.0.bucket.to"),
        ({"all": [{"bucket": {"from": 0.001, "to": 10}}]}, "rule.all.0.bucket.from"),
        ({"event": "x", "count": {"value": None}}, "rule.count.value"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(raw: object, place: str) -> None:
    assert [field for field, _code in problems(raw)] == [place]


def test_everything_wrong_is_told_at_once() -> None:
    raw = {"all": [{"event": ""}, {"any": [{"attribute": "a", "op": "?"}, {"event": "ok"}]}, {"segment": "x"}]}
    assert [field for field, _code in problems(raw)] == [
        "rule.all.0.event",
        "rule.all.1.any.0.op",
        "rule.all.2.segment",
    ]


def test_depth_and_size_are_limited() -> None:
    deep: dict[str, Any] = {"event": "x"}
    for _level in range(6):
        deep = {"all": [deep]}
    assert parse_rule(deep)
    assert problems({"all": [deep]})[0][1] == "too_deep"
    for _level in range(5_000):
        deep = {"any": [deep]}
    assert problems(deep)[0][1] == "too_deep"
    wide = {"any": [{"all": [{"event": str(n)} for n in range(60)]}, {"all": [{"event": str(n)} for n in range(60)]}]}
    assert ("rule", "too_many") in problems(wide)
    assert parse_rule({"any": [{"event": str(n)} for n in range(MAX_LEAVES)]})


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("2026-01-01"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "all", "any", "none", "event", "sequence", "attribute", "field", "answer", "segment", "consent", "bucket",
            "op", "value", "count", "within", "within_days", "where", "property", "days", "from", "to", "state", "salt",
        ]) | st.text(max_size=3),
        inner,
        max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(raw=ANYTHING)
def test_whatever_comes_is_read_or_refused(raw: object) -> None:
    try:
        rule = parse_rule(raw)
    except DomainErrors as refused:
        assert all(error["field"].startswith("rule") for error in refused.errors)
    else:
        again = json.loads(json.dumps(rule.as_json()))
        assert parse_rule(again) == rule


# -- references


def errors_of(raw: object, **options: Any) -> list[tuple[str, str]]:
    with pytest.raises(DomainErrors) as raised:
        read_rule(raw, **options)
    return [(error["field"], error["code"]) for error in raised.value.errors]


def test_what_a_rule_names_must_exist_here(acme: Organization) -> None:
    with tenant(an_organization("Other")):
        theirs = a_segment(), a_survey(), a_touchpoint(key="theirs")
    for survey, touchpoint, segment in (
        (uuid7(), "nowhere", uuid7()),
        (theirs[1].pk, theirs[2].key, theirs[0].pk),
    ):
        raw = {
            "all": [
                {"answer": {"survey": str(survey), "touchpoint": touchpoint}, "op": "<", "value": 7},
                {"field": "unit", "op": "in", "value": [str(uuid7())]},
                {"segment": str(segment)},
            ]
        }
        assert errors_of(raw) == [
            ("rule.all.0.answer.survey", "not_found"),
            ("rule.all.0.answer.touchpoint", "not_found"),
            ("rule.all.1.value", "not_found"),
            ("rule.all.2.segment", "not_found"),
        ]


def test_an_anonymous_survey_says_nothing_of_customers(acme: Organization) -> None:
    survey = a_survey(anonymous=True)
    raw = {"answer": {"survey": str(survey.pk)}, "op": "<", "value": 7}
    assert errors_of(raw) == [("rule.all.0.answer.survey", "anonymous")]


def test_segments_cannot_lead_back_to_themselves(acme: Organization) -> None:
    first = a_segment(name="First")
    second = a_segment({"segment": str(first.pk)}, name="Second")
    third = a_segment({"none": [{"segment": str(second.pk)}]}, name="Third")
    for raw in ({"segment": str(third.pk)}, {"segment": str(first.pk)}):
        with pytest.raises(DomainErrors) as raised:
            services.update_segment(actor=SYSTEM, segment=first, rule=raw)
        (error,) = raised.value.errors
        assert (error["field"], error["code"]) == ("rule.all.0.segment", "circle")
    with pytest.raises(DomainErrors) as raised:
        services.update_segment(actor=SYSTEM, segment=first, rule={"segment": str(third.pk)})
    assert "First → Third → Second → First" in raised.value.errors[0]["message"]


def test_rules_written_out_stay_within_a_limit(acme: Organization) -> None:
    base = a_segment({"any": [{"event": str(n)} for n in range(10)]})
    double = a_segment({"any": [{"segment": str(base.pk)} for _n in range(20)]})
    assert errors_of({"any": [{"segment": str(double.pk)}, *({"segment": str(base.pk)} for _n in range(50))]}) == [
        ("rule", "too_many")
    ]
    with pytest.raises(DomainErrors) as raised:  # the one below must not grow under those that refer to it
        services.update_segment(actor=SYSTEM, segment=base, rule={"any": [{"event": str(n)} for n in range(90)]})
    assert raised.value.errors[0]["code"] == "too_many"


# -- in words


def test_a_rule_is_said_in_words(acme: Organization) -> None:
    a_touchpoint(key="first-payment", name="First payment")
    raw = {
        "all": [
            {"event": "Purchase", "count": {"op": ">=", "value": 2}, "within": {"days": 90}},
            {"answer": {"touchpoint": "first-payment"}, "op": "<", "value": 7},
            {
                "any": [
                    {"attribute": "plan", "op": "=", "value": "pro"},
                    {"field": "stage", "op": "!=", "value": "former"},
                ]
            },
        ]
    }
    assert describe_rule(read_rule(raw)) == (
        "Customers where “Purchase” happened at least 2 times in the last 90 days"
        " and latest score at “First payment” is less than 7"
        " and (plan is “pro” or stage is not “Former customer”)"
    )
    assert describe_rule(parse_rule({"all": []})) == "All customers"
    assert describe_rule(parse_rule({"event": "Refund", "count": {"op": "=", "value": 0}})) == (
        "Customers where “Refund” never happened"
    )
    sequence = {"sequence": [{"event": "Create Fine"}, {"event": "Payment"}], "within_days": 60}
    assert describe_rule(parse_rule(sequence)) == (
        "Customers where “Payment” happened within 60 days after “Create Fine”"
    )
