"""Marks among many groups."""

from __future__ import annotations

from math import erfc, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.integrity.comparisons import Verdict, benjamini_hochberg, share_p, verdicts


def test_the_example_of_the_paper() -> None:
    # Benjamini and Hochberg (1995), section 4.1, at 5 %: the four smallest are rejected.
    ps = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
        0.7590, 1.0,
    ]  # fmt: skip
    assert benjamini_hochberg(ps, 0.05) == [True] * 4 + [False] * 11


def test_a_larger_p_may_carry_a_smaller_one() -> None:
    # 0.06 > 1/2 * 0.1, but 0.08 <= 2/2 * 0.1: both stand.
    assert benjamini_hochberg([0.08, 0.06], 0.1) == [True, True]
    assert benjamini_hochberg([None, 0.2, 0.04], 0.1) == [False, False, True]
    assert benjamini_hochberg([]) == []


def test_p_of_two_shares_by_hand() -> None:
    # 30 of 100 against 50 of 100: pooled 0.4, z = -0.2 / sqrt(0.24 * 0.02) * sqrt(199 / 200) = -2.8795
    z = 0.2 / sqrt(0.0048) * sqrt(199 / 200)
    assert share_p(30, 100, 50, 100) == pytest.approx(erfc(z / sqrt(2)))
    assert share_p(0, 20, 0, 30) == 1.0
    assert share_p(20, 20, 30, 30) == 1.0
    assert share_p(5, 9, 50, 100) is None
    assert share_p(50, 100, 5, 9) is None


def test_verdicts_say_the_direction_or_that_nothing_can_be_said() -> None:
    assert verdicts([(-0.2, 0.001), (0.3, 0.002), (0.1, 0.9), (0.5, None)]) == [
        Verdict.BELOW,
        Verdict.ABOVE,
        Verdict.SAME,
        Verdict.FEW,
    ]


@given(st.lists(st.floats(0, 1), max_size=40), st.floats(0.01, 0.5))
def test_what_is_rejected_has_smaller_p_than_what_is_not(ps: list[float], rate: float) -> None:
    marked = benjamini_hochberg(ps, rate)
    rejected = [p for p, yes in zip(ps, marked, strict=True) if yes]
    kept = [p for p, yes in zip(ps, marked, strict=True) if not yes]
    assert all(p <= rate for p in rejected)
    assert not rejected or not kept or max(rejected) <= min(kept)
