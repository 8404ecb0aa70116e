"""Who may be asked now: the rules of docs/metrics.md, one by one, and then all together at random."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.dispatch.fatigue import (
    EXEMPT_PURPOSES,
    RELATIONSHIP,
    TRANSACTIONAL,
    Candidate,
    Cap,
    Contact,
    Rules,
    decide,
    rules_from_settings,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CAP_OFF = Cap(1, 0)


def days(number: float) -> timedelta:
    return timedelta(days=number)


def candidate(kind: str = RELATIONSHIP, **facts: object) -> Candidate:
    return Candidate(at=NOW, kind=kind, **{"known_since": NOW - days(400), **facts})  # type: ignore[arg-type]


def contact(age: float, kind: str = RELATIONSHIP, counter: str = "", purpose: str = "survey") -> Contact:
    return Contact(at=NOW - days(age), kind=kind, counter=counter, purpose=purpose)


@pytest.mark.parametrize(
    ("facts", "rule"),
    [
        ({}, ""),
        ({"anonymised": True}, "anonymised"),
        ({"survey_live": False}, "survey_not_live"),
        ({"has_address": False}, "no_address"),
        ({"suppressed": True}, "suppressed"),
        ({"consent": "withdrawn"}, "consent_withdrawn"),
        ({"consent": "given"}, ""),
        ({"known_since": NOW - days(2)}, "new_customer_wait"),
        ({"known_since": NOW - days(3)}, ""),
        ({"known_since": NOW - days(2), "ignore_new_customer_wait": True}, ""),
        ({"known_since": None}, ""),
    ],
)
def test_each_fact_alone_decides(facts: dict[str, object], rule: str) -> None:
    assert decide(candidate(**facts), []).rule == rule


@pytest.mark.parametrize(
    ("ledger", "rule"),
    [
        ([contact(29.999)], "global_cap"),
        ([contact(30)], "relationship_cap"),
        ([contact(89.999)], "relationship_cap"),
        ([contact(90)], ""),
        ([contact(31, TRANSACTIONAL, "visit")], ""),
        ([contact(5, TRANSACTIONAL, "visit")], "global_cap"),
        ([contact(-5)], "global_cap"),
        ([contact(-60)], "relationship_cap"),
        ([contact(-90)], ""),
    ],
)
def test_relationship_survey_waits_thirty_and_ninety_days(ledger: list[Contact], rule: str) -> None:
    assert decide(candidate(), ledger).rule == rule


@pytest.mark.parametrize(
    ("ledger", "rule"),
    [
        ([contact(13.999, TRANSACTIONAL, "visit")], "transactional_cap"),
        ([contact(14, TRANSACTIONAL, "visit")], ""),
        ([contact(1, TRANSACTIONAL, "bill")], ""),
        ([contact(1, RELATIONSHIP)], ""),
    ],
)
def test_transactional_survey_is_counted_by_touchpoint(ledger: list[Contact], rule: str) -> None:
    rules = Rules(everything=CAP_OFF)
    assert decide(candidate(TRANSACTIONAL, counter="visit"), ledger, rules).rule == rule


@pytest.mark.parametrize("purpose", sorted(EXEMPT_PURPOSES))
def test_exempt_purpose_passes_the_caps_and_fills_none(purpose: str) -> None:
    just_asked = [contact(1)]
    assert decide(candidate(purpose=purpose, known_since=NOW), just_asked).eligible
    assert decide(candidate(), [contact(1, purpose=purpose)]).eligible


@pytest.mark.parametrize("purpose", sorted(EXEMPT_PURPOSES | {"survey"}))
@pytest.mark.parametrize(
    ("facts", "rule"),
    [({"suppressed": True}, "suppressed"), ({"consent": "withdrawn"}, "consent_withdrawn")],
)
def test_nobody_who_said_no_is_asked_whatever_for(purpose: str, facts: dict[str, object], rule: str) -> None:
    assert decide(candidate(purpose=purpose, **facts), []).rule == rule


def test_consent_has_to_be_given_only_where_the_organisation_asks_for_it() -> None:
    opt_in = Rules(opt_in_required=True)
    assert decide(candidate(consent=None), []).eligible
    assert decide(candidate(consent=None), [], opt_in).rule == "consent_missing"
    assert decide(candidate(consent="given"), [], opt_in).eligible


def test_wait_is_only_for_the_first_survey() -> None:
    rules = Rules(everything=CAP_OFF, relationship=CAP_OFF)
    assert decide(candidate(known_since=NOW - days(1)), [contact(0.5)], rules).eligible
    assert decide(candidate(known_since=NOW - days(1)), [contact(-5)], rules).rule == "new_customer_wait"


def test_decision_keeps_the_figures_it_was_made_by() -> None:
    blocked = decide(candidate(), [contact(10), contact(200)])
    assert blocked.figures == {
        "limit": 1,
        "days": 30,
        "count": 1,
        "last_at": (NOW - days(10)).isoformat(),
        "allowed_from": (NOW + days(20)).isoformat(),
    }
    eligible = decide(candidate(), [contact(200)])
    assert eligible.figures == {
        "global": {"limit": 1, "days": 30, "count": 0},
        "relationship": {"limit": 1, "days": 90, "count": 0},
    }


def test_settings_change_the_caps_and_absent_ones_keep_their_default() -> None:
    rules = rules_from_settings({"global_days": 7, "relationship_limit": 2}, opt_in_required=True)
    assert rules == Rules(
        everything=Cap(1, 7),
        relationship=Cap(2, 90),
        transactional=Cap(1, 14),
        new_customer_days=3,
        opt_in_required=True,
    )
    assert rules_from_settings({}) == Rules()


moments = st.integers(min_value=0, max_value=24 * 365).map(lambda hours: NOW + timedelta(hours=hours))
wishes = st.lists(
    st.tuples(moments, st.sampled_from([RELATIONSHIP, TRANSACTIONAL]), st.sampled_from(["visit", "bill"])), max_size=30
)
caps = st.builds(Cap, limit=st.integers(1, 3), days=st.integers(1, 100))


@settings(deadline=None)
@given(wishes=wishes, rules=st.builds(Rules, everything=caps, relationship=caps, transactional=caps))
def test_no_span_ever_holds_more_than_its_cap_in_whatever_order_surveys_are_wished(
    wishes: list[tuple[datetime, str, str]], rules: Rules
) -> None:
    sent: list[Contact] = []
    for at, kind, counter in wishes:
        asked = Candidate(at=at, kind=kind, counter=counter if kind == TRANSACTIONAL else "")
        if decide(asked, sent, rules).eligible:
            sent.append(Contact(at=at, kind=kind, counter=asked.counter))
    groups = [
        (rules.everything, sent),
        (rules.relationship, [c for c in sent if c.kind == RELATIONSHIP]),
        (rules.transactional, [c for c in sent if (c.kind, c.counter) == (TRANSACTIONAL, "visit")]),
        (rules.transactional, [c for c in sent if (c.kind, c.counter) == (TRANSACTIONAL, "bill")]),
    ]
    for cap, group in groups:
        for first in group:
            in_span = [c for c in group if first.at <= c.at < first.at + cap.window]
            assert len(in_span) <= cap.limit


@settings(deadline=None)
@given(wishes=wishes)
def test_nobody_is_blocked_without_a_broken_rule(wishes: list[tuple[datetime, str, str]]) -> None:
    """With the default caps of one, a refusal always has a send nearby that explains it."""
    sent: list[Contact] = []
    for at, kind, counter in wishes:
        asked = Candidate(at=at, kind=kind, counter=counter if kind == TRANSACTIONAL else "")
        decision = decide(asked, sent)
        if decision.eligible:
            sent.append(Contact(at=at, kind=kind, counter=asked.counter))
            continue
        reach = {"global_cap": 30, "relationship_cap": 90, "transactional_cap": 14}[decision.rule]
        assert any(abs(other.at - at) < days(reach) for other in sent)
