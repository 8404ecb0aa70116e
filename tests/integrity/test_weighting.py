"""Weighted scores: exact small vectors by hand, and what must hold of any."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.integrity.weighting import Cell, Part, pooled, unanswered, weigh, weighted_score
from apps.metrics.statistics import RULES, Histogram, measure

NPS = RULES["nps.v1"]


def nps(promoters: int = 0, passives: int = 0, detractors: int = 0) -> Histogram:
    return Histogram.of(11, {9: promoters, 7: passives, 3: detractors})


def cell(customers: int, promoters: int = 0, passives: int = 0, detractors: int = 0, chance: float = 1.0) -> Cell:
    return Cell(customers, {chance: nps(promoters, passives, detractors)})


def test_two_strata_by_hand() -> None:
    # Half the customers each; 30 answers of one and 10 of the other: weights 0.5/0.75 = 2/3 and 0.5/0.25 = 2.
    weighting = weigh([cell(500, promoters=30), cell(500, detractors=10)])
    assert [part.weight for part in weighting.parts] == pytest.approx([2 / 3, 2.0])
    score = weighted_score(NPS, weighting.parts)
    assert score.value == pytest.approx(0.0)  # plain: 100 (30 - 10) / 40 = 50
    # Kish: (30 2/3 + 10 2)^2 / (30 4/9 + 10 4) = 1600 / (40/3 + 40) = 30
    assert score.effective_n == pytest.approx(30.0)
    # S^2 = 1, V = (30 4/9 + 10 4) / 1600 = 1/30: the rule's interval on 30 answers, 15 and 15.
    reach = 1.96 * sqrt((2 * 15.75 / 33) / 33) * 100
    assert (score.low, score.high) == pytest.approx((-reach, reach))
    assert (score.n, score.rule, score.unit) == (40, "nps.v1", "points")


def test_a_sample_counts_by_its_probability() -> None:
    # One stratum: 10 promoters asked for certain, 10 detractors of which every second was asked.
    one = Cell(100, {1.0: nps(promoters=10), 0.5: nps(detractors=10)})
    weighting = weigh([one])
    assert [part.weight for part in weighting.parts] == pytest.approx([2 / 3, 4 / 3])
    assert weighted_score(NPS, weighting.parts).value == pytest.approx(-100 / 3)


def test_weights_are_trimmed_at_five() -> None:
    # 90 % of the customers gave 10 of 1,000 answers: weight 90, trimmed to 5.
    weighting = weigh([cell(900, detractors=10), cell(100, promoters=990)])
    assert weighting.parts[0].weight == 5.0
    assert weighting.parts[1].weight == pytest.approx(0.1 / 0.99)
    assert weighting.trimmed == 10


def test_top_box_and_mean_by_hand() -> None:
    parts = [Part(2.0, Histogram.of(5, {5: 10})), Part(1.0, Histogram.of(5, {2: 20}))]
    share = weighted_score(RULES["csat.top.v1"], parts)
    # Share 20/40; S^2 = 1/4; V = (40 + 20) / 4 / 1600 = 3/320; n* = 80/3
    assert share.value == pytest.approx(50.0)
    assert share.effective_n == pytest.approx(1600 / 60)
    n, z2 = 80 / 3, 1.96**2
    reach = 1.96 / (1 + z2 / n) * sqrt(0.25 / n + z2 / (4 * n * n))
    assert (share.low, share.high) == pytest.approx((50 - 100 * reach, 50 + 100 * reach))
    mean = weighted_score(RULES["csat.mean.v1"], parts)
    assert mean.value == pytest.approx(3.5)
    # V = (40 + 20) 1.5^2 / 1600; times 30/29; Student's t on 25.67 degrees is 2.0567...
    assert mean.high - 3.5 == pytest.approx(2.0567 * sqrt(60 * 2.25 / 1600 * 30 / 29), rel=1e-3)


COUNTS = st.lists(st.integers(0, 40), min_size=11, max_size=11).filter(lambda counts: sum(counts) > 1)


@given(COUNTS, st.integers(1, 9))
def test_equal_weights_give_the_plain_score_and_interval(counts: list[int], weight: int) -> None:
    histogram = Histogram(11, tuple(counts))
    plain = measure(NPS, histogram)
    score = weighted_score(NPS, [Part(float(weight), histogram)])
    assert (score.value, score.low, score.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert score.effective_n == pytest.approx(histogram.n)


@given(st.lists(st.integers(0, 40), min_size=5, max_size=5).filter(lambda counts: sum(counts) > 2))
def test_equal_weights_give_the_plain_share_and_mean(counts: list[int]) -> None:
    histogram = Histogram(5, tuple(counts))
    for rule in (RULES["csat.top.v1"], RULES["csat.mean.v1"]):
        plain = measure(rule, histogram)
        score = weighted_score(rule, [Part(3.0, histogram)])
        assert (score.value, score.low, score.high) == pytest.approx((plain.value, plain.low, plain.high))


@given(st.lists(st.tuples(st.integers(0, 500), COUNTS), min_size=1, max_size=6))
def test_weights_never_exceed_five_and_pooled_cells_keep_every_answer(rows: list[tuple[int, list[int]]]) -> None:
    grid = [[Cell(customers, {1.0: Histogram(11, tuple(counts))}), Cell(3)] for customers, counts in rows]
    cells = pooled(grid)
    assert sum(c.n for c in cells) == sum(sum(counts) for _customers, counts in rows)
    assert sum(c.customers for c in cells) == sum(customers + 3 for customers, _counts in rows)
    assert len(cells) == 1 or all(c.n >= 10 for c in cells)
    weighting = weigh(cells)
    assert all(0 < part.weight <= 5 for part in weighting.parts)
    assert weighted_score(NPS, weighting.parts).effective_n <= sum(p.answers.n for p in weighting.parts) + 1e-9


def test_a_thin_cell_joins_its_thinner_neighbour_in_tenure() -> None:
    row = [cell(10, promoters=20), cell(20, promoters=4), cell(30, promoters=12), cell(40, promoters=40)]
    assert [(c.customers, c.n) for c in pooled([row])] == [(10, 20), (50, 16), (40, 40)]


def test_a_thin_segment_joins_the_next_one_band_by_band() -> None:
    thin, next_one = [cell(5, promoters=2), cell(7, promoters=3)], [cell(50, promoters=20), cell(70, promoters=30)]
    assert [(c.customers, c.n) for c in pooled([thin, next_one])] == [(55, 22), (77, 33)]
    assert [(c.customers, c.n) for c in pooled([next_one, thin])] == [(55, 22), (77, 33)]


def test_a_silent_segment_or_band_is_named_unless_it_is_tiny() -> None:
    grid = [[cell(500, promoters=9), cell(100)], [cell(300), cell(100)], [cell(1), cell(1)]]
    assert unanswered(grid) == ([1], [1])
