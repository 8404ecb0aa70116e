"""The arithmetic of drift, against figures from elsewhere."""

from __future__ import annotations

import pytest
from scipy.stats import chi2_contingency, false_discovery_control

from apps.personas.drift import (
    Dimension,
    Finding,
    Population,
    chi_square,
    compare,
    count_into,
    discoveries,
    interval,
    spread,
    state_of_claim,
)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(80, 100, 0.711, 0.867), (9, 10, 0.596, 0.982), (0, 10, 0.0, 0.278), (0, 0, 0.0, 1.0)],
)
def test_wilson_gives_the_limits_of_the_specification(hits: int, n: int, low: float, high: float) -> None:
    assert interval(hits, n) == pytest.approx((low, high), abs=0.0006)


@pytest.mark.parametrize(
    ("hits", "n", "at_least", "state"),
    [
        (0, 29, 0.9, "open"),  # too few, whatever they are
        (0, 30, 0.9, "broken"),
        (51, 100, 0.6, "open"),  # 41.3 to 60.6 %
        (50, 100, 0.6, "broken"),
        (70, 100, 0.6, "holds"),  # 60.4 to 78.1 %
        (68, 100, 0.6, "open"),
    ],
)
def test_claim_is_broken_only_when_the_whole_interval_lies_below(
    hits: int, n: int, at_least: float, state: str
) -> None:
    assert state_of_claim(hits, n, at_least) == state


@pytest.mark.parametrize(
    ("before", "now"), [([620, 380], [410, 590]), ([100, 50, 30], [90, 60, 40]), ([500, 20, 9], [10, 30, 70])]
)
def test_chi_square_is_that_of_scipy(before: list[int], now: list[int]) -> None:
    assert chi_square(before, now) == pytest.approx(chi2_contingency([before, now], correction=False).pvalue)


def test_rare_cells_are_joined_before_they_are_tested() -> None:
    joined = chi2_contingency([[500, 3], [470, 33]], correction=False).pvalue
    assert chi_square([500, 1, 1, 1], [470, 2, 3, 28]) != pytest.approx(joined)  # 29 of 1006 is not rare
    assert chi_square([500, 1, 1, 1], [470, 4, 4, 4]) == pytest.approx(
        chi2_contingency([[500, 3], [470, 12]], correction=False).pvalue
    )


@pytest.mark.parametrize(("before", "now"), [([], []), ([0], [0]), ([10], [20]), ([0, 0], [5, 5]), ([5, 5], [0, 0])])
def test_what_cannot_be_tested_is_no_discovery(before: list[int], now: list[int]) -> None:
    assert chi_square(before, now) == 1.0


def test_discoveries_are_those_of_benjamini_and_hochberg() -> None:
    p_values = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.9]
    adjusted = false_discovery_control(p_values)
    assert discoveries(p_values) == [value <= 0.10 for value in adjusted]
    assert discoveries([]) == []


def of(plan: dict[str, int], *, size: int = 0, customers: int = 10_000, other: int = 0) -> Population:
    n = sum(plan.values()) + other
    return Population(size or n, customers, n, [Dimension("attribute:plan", dict(plan), other=other)])


def test_real_move_of_some_size_is_found_with_its_largest_part() -> None:
    (found,) = compare(of({"gold": 310, "silver": 190}), of({"gold": 197, "silver": 283}))
    assert (found.name, found.value) == ("attribute:plan", "gold")
    assert (round(found.before, 2), round(found.now, 2), found.before_n, found.n) == (0.62, 0.41, 500, 480)
    assert found.p < 1e-9
    assert Finding.from_json(found.as_json()) == Finding.from_json(Finding.from_json(found.as_json()).as_json())


def test_move_that_is_real_but_small_is_left_alone() -> None:
    before, now = of({"gold": 6_200, "silver": 3_800}), of({"gold": 5_700, "silver": 4_300})
    assert chi_square([6_200, 3_800], [5_700, 4_300]) < 1e-9
    assert compare(before, now) == []


def test_move_that_chance_makes_is_left_alone() -> None:
    assert compare(of({"gold": 20, "silver": 15}), of({"gold": 15, "silver": 20})) == []


def test_fewer_than_thirty_people_are_no_alarm() -> None:
    assert compare(of({"gold": 29}), of({"silver": 0}, other=29)) == []


def test_unknown_values_and_new_ones_count_as_cells_of_their_own() -> None:
    (found,) = compare(of({"gold": 100}), of({"gold": 40}, other=60))
    assert (found.kind, found.value) == ("value", "gold")


@pytest.mark.parametrize(("now", "found"), [(1_000, []), (1_100, []), (700, ["size"]), (1_400, ["size"])])
def test_size_is_compared_as_a_share_of_all_customers(now: int, found: list[str]) -> None:
    half = {"gold": now // 2, "silver": now - now // 2}
    moved = compare(of({"gold": 500, "silver": 500}), of(half))
    assert [finding.name for finding in moved] == found
    twice = of({"gold": 1_000, "silver": 1_000}, customers=20_000)
    assert compare(of({"gold": 500, "silver": 500}), twice) == []


def test_values_of_few_people_are_never_kept() -> None:
    made = spread("plan", ["gold"] * 40 + ["silver"] * 10 + ["secret of Ann"] * 4 + [None] * 6)
    assert made is not None
    assert (made.counts, made.other, made.missing) == ({"gold": 40, "silver": 10}, 4, 6)
    assert spread("name", [f"person {number}" for number in range(100)]) is None
    assert spread("rare", ["x"] * 4 + [None] * 1_000) is None
    assert spread("empty", []) is None


def test_numbers_are_counted_in_ranges_of_like_size() -> None:
    made = spread("age", list(range(100)))
    assert made is not None
    assert made.edges == [20, 40, 60, 80]
    assert list(made.counts.values()) == [20] * 5
    again = count_into(made, [10, 20, 79.5, "old", None, True])
    assert (list(again.counts.values()), again.other, again.missing) == ([1, 1, 0, 1, 0], 2, 1)
    assert made.range_words("0") == (None, 20)
    assert made.range_words("4") == (80, None)


def test_same_counts_are_never_a_finding() -> None:
    people = of({"gold": 300, "silver": 200})
    assert compare(people, people) == []
