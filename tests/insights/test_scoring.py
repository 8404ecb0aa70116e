"""The weighted mean of insights against numbers worked out by hand."""

from __future__ import annotations

from datetime import date

import pytest

from apps.insights.queries import age_in_words, months_between, old_before
from apps.insights.scoring import weight_of, weighted_mean


@pytest.mark.parametrize(
    ("people", "weight"), [(1, 1), (4, 2), (9, 3), (100, 10), (101, 10), (500, 10), (10_000_000, 10)]
)
def test_weight_is_the_root_of_people_and_capped_at_a_hundred(people: int, weight: float) -> None:
    assert weight_of(people) == weight


def test_nothing_scored_has_no_mean() -> None:
    assert weighted_mean([]) is None


def test_one_insight_has_a_mean_and_no_interval() -> None:
    mean = weighted_mean([(-1.5, 40)])
    assert mean is not None
    assert (mean.value, mean.n, mean.effective, mean.low, mean.high) == (-1.5, 1, pytest.approx(1), None, None)


def test_ten_interviews_weigh_as_much_as_a_survey_of_five_hundred() -> None:
    mean = weighted_mean([(-1, 1)] * 10 + [(1, 500)])
    assert mean is not None
    assert mean.value == pytest.approx(0)
    # (10 + 10)^2 / (10 * 1 + 100)
    assert mean.effective == pytest.approx(400 / 110)


def test_interval_by_hand() -> None:
    # Weights 1 and 2 (four people). Mean (-2 + 2 * 1) / 3 = 0; effective 9 / 5 = 1.8; weighted variance
    # (1 * 4 + 2 * 1) / 3 = 2, times 1.8 / 0.8 = 4.5; t of 0.8 degrees is beyond 12.7, so the scale ends it.
    mean = weighted_mean([(-2, 1), (1, 4)])
    assert mean is not None
    assert (mean.value, mean.effective) == (pytest.approx(0), pytest.approx(1.8))
    assert (mean.low, mean.high) == (-2, 2)


def test_equal_weights_give_students_interval() -> None:
    # Scores -1, 0, 0, 1: variance 2/3, standard error sqrt(2/3/4) = 0.408248, t(3) = 3.182446: 1.299228.
    mean = weighted_mean([(-1, 1), (0, 1), (0, 1), (1, 1)])
    assert mean is not None
    assert (mean.value, mean.effective) == (0, 4)
    assert mean.low == pytest.approx(-1.299228, abs=1e-5)
    assert mean.high == pytest.approx(1.299228, abs=1e-5)


def test_equal_marks_are_no_certainty() -> None:
    # Deviation is taken as 0.5: t(15) = 2.131450 times 0.5 / 4.
    mean = weighted_mean([(1, 1)] * 16)
    assert mean is not None
    assert mean.low == pytest.approx(1 - 2.131450 / 8, abs=1e-5)


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2026, 1, 31), date(2026, 2, 28), 0),
        (date(2026, 1, 31), date(2026, 3, 31), 2),
        (date(2025, 11, 22), date(2026, 11, 22), 12),
        (date(2025, 11, 23), date(2026, 11, 22), 11),
        (date(2027, 1, 1), date(2026, 1, 1), 0),
    ],
)
def test_age_in_whole_months(start: date, end: date, months: int) -> None:
    assert months_between(start, end) == months


def test_the_day_before_which_insights_are_old_agrees_with_their_age() -> None:
    for today in (date(2026, 3, 31), date(2024, 2, 29), date(2026, 1, 1), date(2026, 12, 31)):
        for months in (1, 6, 12, 13, 120):
            last = old_before(months, today)
            assert months_between(last, today) >= months
            assert months_between(date.fromordinal(last.toordinal() + 1), today) <= months


@pytest.mark.parametrize(
    ("months", "words"),
    [(0, "less than a month old"), (1, "1 month old"), (14, "14 months old"), (36, "3 years old")],
)
def test_age_in_words(months: int, words: str) -> None:
    assert age_in_words(months) == words
