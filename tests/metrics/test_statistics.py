"""The arithmetic of the scores: published vectors, and properties that hold for any answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.statistics import (
    RULES,
    Histogram,
    Reading,
    adjusted_net_difference,
    compare,
    compare_beliefs,
    measure,
    measure_response_rate,
    newcombe_difference,
    rank_positions,
    reliability_of,
    rule_for,
    t_interval,
    welch_difference,
    wilson,
    worst_usable,
)

NPS, CSAT, CES = rule_for("nps"), rule_for("csat"), rule_for("ces")


def nps_answers(promoters: int, passives: int, detractors: int) -> Histogram:
    return Histogram.of(11, {9: promoters, 7: passives, 0: detractors})


def csat_answers(satisfied: int, others: int) -> Histogram:
    return Histogram.of(5, {5: satisfied, 1: others})


def counts(scale: int, most: int = 500) -> st.SearchStrategy[Histogram]:
    row = st.lists(st.integers(0, most), min_size=scale, max_size=scale)
    return row.map(lambda values: Histogram(scale, tuple(values)))


def rule_and_histogram() -> st.SearchStrategy:
    pairs = [(rule, scale) for rule in RULES.values() for scale in rule.scales]
    return st.sampled_from(pairs).flatmap(lambda pair: st.tuples(st.just(pair[0]), counts(pair[1])))


# Published vectors


@pytest.mark.parametrize(
    ("answers", "value", "low", "high"),
    [
        ((50, 30, 20), 30.0, 14.1, 44.2),
        ((250, 675, 75), 17.5, 14.1, 20.8),
        ((10, 5, 5), 25.0, -11.7, 55.2),
        ((5, 0, 0), 100.0, 17.5, 100.0),
    ],
)
def test_nps_gives_the_published_score_and_interval(answers, value, low, high):
    metric = measure(NPS, nps_answers(*answers))
    assert [round(x, 1) for x in (metric.value, metric.low, metric.high)] == [value, low, high]


def test_nps_counts_nine_and_ten_as_promoters_and_zero_to_six_as_detractors():
    one_each = Histogram(11, (1,) * 11)
    assert NPS.parts(one_each) == (2, 7, 11)


def test_nps_comparison_gives_the_published_difference():
    change = compare(NPS, nps_answers(40, 35, 25), nps_answers(60, 28, 12))
    assert [round(x, 2) for x in (change.value, change.low, change.high, change.z)] == [32.04, 11.59, 52.48, 3.07]
    assert round(change.p, 4) == 0.0021
    assert change.plain == pytest.approx(33.0)
    assert change.significant


@pytest.mark.parametrize(
    ("hits", "n", "value", "low", "high"),
    [(80, 100, 80.0, 71.1, 86.7), (9, 10, 90.0, 59.6, 98.2), (0, 10, 0.0, 0.0, 27.8)],
)
def test_csat_gives_the_published_share_and_interval(hits, n, value, low, high):
    metric = measure(CSAT, csat_answers(hits, n - hits))
    assert [round(x, 1) for x in (metric.value, metric.low, metric.high)] == [value, low, high]


def test_csat_comparison_gives_the_published_difference():
    change = compare(CSAT, csat_answers(62, 58), csat_answers(95, 35))
    assert [round(x, 1) for x in (change.value, change.low, change.high)] == [21.4, 9.4, 32.6]


@pytest.mark.parametrize(
    ("scale", "box"), [(3, {3}), (4, {3, 4}), (5, {4, 5}), (6, {5, 6}), (7, {6, 7}), (10, {8, 9, 10})]
)
def test_csat_box_depends_on_the_number_of_points(scale, box):
    counted = {score for score in range(1, scale + 1) if measure(CSAT, Histogram.of(scale, {score: 1})).value == 100}
    assert counted == box


def test_ces_counts_five_to_seven_of_seven():
    counted = {score for score in range(1, 8) if measure(CES, Histogram.of(7, {score: 1})).value == 100}
    assert counted == {5, 6, 7}


def test_effort_of_1_0_is_better_when_lower_and_is_never_scored_by_2_0():
    effort = rule_for("ces", "ces1.mean.v1")
    assert not effort.higher_is_better
    with pytest.raises(ValueError, match="5 points"):
        measure(CES, Histogram.of(5, {3: 10}))
    with pytest.raises(ValueError, match="7 points"):
        measure(effort, Histogram.of(7, {3: 10}))


def test_mean_carries_the_t_interval():
    # 1..5 once each: mean 3, s^2 2.5, t(4) 2.7764 -> 3 +- 1.9632.
    metric = measure(rule_for("csat", "csat.mean.v1"), Histogram(5, (1, 1, 1, 1, 1)))
    assert [round(x, 4) for x in (metric.value, metric.low, metric.high)] == [3.0, 1.0368, 4.9632]


def test_one_answer_leaves_the_mean_open_over_the_whole_scale():
    interval = t_interval(Histogram.of(7, {6: 1}))
    assert (interval.low, interval.high) == (1, 7)


def test_welch_agrees_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    before, after = Histogram(7, (3, 5, 9, 12, 8, 4, 2)), Histogram(7, (1, 2, 4, 9, 14, 11, 6))
    change = welch_difference(before, after)

    def rows(histogram):
        return [score for score, count in histogram for _ in range(count)]

    expected = stats.ttest_ind(rows(after), rows(before), equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert change.z == pytest.approx(expected.statistic)
    assert change.p == pytest.approx(expected.pvalue)
    assert (change.low, change.high) == pytest.approx((interval.low, interval.high))


def test_welch_makes_no_statement_without_variance():
    same, other = Histogram.of(5, {4: 10}), Histogram.of(5, {5: 10})
    assert welch_difference(same, other) is None
    assert not welch_difference(same, same).significant
    assert welch_difference(Histogram.of(5, {4: 1}), other) is None


# The metric


def test_metric_has_exactly_the_promised_shape():
    assert measure(CSAT, Histogram(5, (0, 1, 2, 3, 4))).as_json() == {
        "value": 70.0,
        "low": 39.6773,
        "high": 89.2211,
        "n": 10,
        "rule": "csat.top.v1",
        "unit": "percent",
        "reliability": "weak",
        "suppressed": False,
        "distribution": {"1": 0, "2": 1, "3": 2, "4": 3, "5": 4},
    }


def test_metric_without_answers_has_no_value_and_every_score_of_the_scale():
    metric = measure(NPS, Histogram.empty(11)).as_json()
    assert (metric["value"], metric["low"], metric["high"], metric["n"]) == (None, None, None, 0)
    assert metric["distribution"] == {str(score): 0 for score in range(11)}
    assert metric["suppressed"] is False


def test_suppressed_metric_tells_neither_value_nor_distribution():
    metric = measure(NPS, nps_answers(3, 0, 1), suppressed=True).as_json()
    assert (metric["value"], metric["low"], metric["high"]) == (None, None, None)
    assert set(metric["distribution"].values()) == {0}
    assert metric["suppressed"] is True


@pytest.mark.parametrize(
    ("n", "word"), [(0, "anecdote"), (9, "anecdote"), (10, "weak"), (29, "weak"), (30, "usable"), (5000, "usable")]
)
def test_reliability_follows_the_number_of_answers(n, word):
    assert reliability_of(n) == word


@given(rule_and_histogram())
def test_interval_holds_the_value_and_stays_on_the_scale(case):
    rule, histogram = case
    metric = measure(rule, histogram)
    if not histogram.n:
        assert metric.value is None
        return
    lowest, highest = rule.limits(histogram.scale)
    assert lowest <= metric.low <= metric.high <= highest
    assert lowest <= metric.value <= highest
    if rule.id != "nps.v1":  # the adjusted interval belongs to the adjusted score, not to the plain one
        assert metric.low - 1e-9 <= metric.value <= metric.high + 1e-9


@given(counts(11))
def test_nps_of_mirrored_answers_is_the_negative(histogram):
    promoters, detractors, n = NPS.parts(histogram)
    if not n:
        return
    metric = measure(NPS, nps_answers(promoters, n - promoters - detractors, detractors))
    mirror = measure(NPS, nps_answers(detractors, n - promoters - detractors, promoters))
    assert metric.value == pytest.approx(-mirror.value)
    assert metric.low == pytest.approx(-mirror.high)


@given(counts(7), counts(7))
def test_histograms_add(first, second):
    total = first + second
    assert total.n == first.n + second.n
    if first.n and second.n:
        assert total.mean * total.n == pytest.approx(first.mean * first.n + second.mean * second.n)
    assert first + second == second + first
    assert first + Histogram.empty(7) == first


def test_histograms_of_two_scales_never_add():
    with pytest.raises(ValueError, match="cannot be added"):
        Histogram.empty(5) + Histogram.empty(7)


@given(counts(10, most=9))
def test_median_and_variance_equal_those_of_the_answers_themselves(histogram):
    import statistics

    answers = [score for score, count in histogram for _ in range(count)]
    assert histogram.median == (statistics.median(answers) if answers else None)
    expected = statistics.variance(answers) if len(answers) > 1 else None
    assert histogram.variance == (pytest.approx(expected) if expected is not None else None)


@given(rule_and_histogram(), st.data())
def test_a_comparison_turns_its_sign_when_turned_round(case, data):
    rule, before = case
    after = data.draw(counts(before.scale))
    there, back = compare(rule, before, after), compare(rule, after, before)
    if there is None:
        assert back is None
        return
    assert there.value == pytest.approx(-back.value, abs=1e-9)
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.significant == back.significant


@given(rule_and_histogram())
def test_a_sample_never_differs_significantly_from_itself(case):
    rule, histogram = case
    change = compare(rule, histogram, histogram)
    assert change is None or not change.significant


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share_and_mirrors(case):
    hits, n = case
    interval, mirror = wilson(hits, n), wilson(n - hits, n)
    assert 0 <= interval.low <= hits / n <= interval.high <= 1
    assert interval.low == pytest.approx(1 - mirror.high)


def test_differences_stay_within_what_two_scores_can_differ_by():
    far = adjusted_net_difference((0, 1, 1), (1, 0, 1))
    assert -200 <= far.low <= far.high <= 200
    shares = newcombe_difference((0, 1), (1, 1))
    assert -100 <= shares.low <= shares.high <= 100


def test_response_rate_is_completed_of_delivered_with_wilson():
    rate = measure_response_rate(80, 100)
    assert (rate.value, round(rate.low, 1), round(rate.high, 1), rate.n) == (80.0, 71.1, 86.7, 100)
    assert measure_response_rate(0, 0).value is None


def test_rule_of_another_metric_is_refused():
    with pytest.raises(KeyError):
        rule_for("nps", "csat.top.v1")
    with pytest.raises(KeyError):
        rule_for("nps", "nps.v9")


def test_a_stage_shows_its_worst_usable_touchpoint():
    weak = measure(NPS, nps_answers(0, 0, 29))
    good, bad = measure(NPS, nps_answers(30, 0, 0)), measure(NPS, nps_answers(10, 10, 15))
    assert worst_usable([weak, good, bad]) is bad
    assert worst_usable([weak]) is None


# Anonymity


# Belief against measurement


def test_ranks_spread_over_the_scale_and_ties_share_the_middle():
    assert rank_positions([10, 30, 20]) == [-2, 2, 0]
    assert rank_positions([1, 1, 5]) == [-1, -1, 2]
    assert rank_positions([7]) == [0]
    assert rank_positions([3, 3, 3]) == [0, 0, 0]


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=12))
def test_ranks_do_not_depend_on_how_strongly_a_team_draws(beliefs):
    # Two different floats may become equal when halved only below the smallest normal number; whole steps cannot.
    steps = [round(belief * 10) for belief in beliefs]
    assert rank_positions(steps) == rank_positions([step * 3 + 1 for step in steps])


def reading(key: str, belief: float | None, satisfied: int | None, n: int = 400) -> Reading:
    metric = None if satisfied is None else measure(CSAT, csat_answers(satisfied * n // 100, n - satisfied * n // 100))
    return Reading(key, belief, metric)


def test_delusion_is_a_large_gap_on_usable_answers_outside_the_interval():
    compared = compare_beliefs(
        [
            reading("order", 1.5, 90),
            reading("delivery", 1.0, 40),
            reading("invoice", -1.0, 60),
            reading("help", 0.0, 75),
        ]
    )
    by_key = {item.key: item for item in compared}
    assert by_key["delivery"].delusion and by_key["delivery"].gap == pytest.approx(2 / 3 + 2)
    assert not by_key["order"].delusion
    assert by_key["order"].measured == 2


def test_gap_on_few_answers_is_no_delusion():
    compared = compare_beliefs([reading("a", 2, 10, n=20), reading("b", 0, 50, n=20), reading("c", -2, 90, n=20)])
    assert [item.delusion for item in compared] == [False, False, False]


def test_wide_interval_that_reaches_the_believed_rank_is_no_delusion():
    compared = compare_beliefs([reading("a", 2, 48, n=30), reading("b", 0, 50, n=30), reading("c", -2, 52, n=30)])
    assert [item.delusion for item in compared] == [False, False, False]


def test_step_without_measurement_is_placed_between_its_neighbours_and_not_compared():
    compared = compare_beliefs(
        [reading("a", -2, 10), reading("b", 0, None), reading("c", 2, 90), reading("d", None, 50)]
    )
    assert [(item.believed, item.measured) for item in compared] == [(-2, -2), (0, None), (2, 2), (None, 0)]
    assert compared[1].gap is None


def test_lower_effort_ranks_higher():
    effort = rule_for("ces", "ces1.mean.v1")
    low = Reading("easy", 1, measure(effort, Histogram.of(5, {1: 40, 2: 20})))
    high = Reading("hard", -1, measure(effort, Histogram.of(5, {4: 40, 5: 20})))
    assert [item.measured for item in compare_beliefs([low, high])] == [2, -2]
