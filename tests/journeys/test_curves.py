"""The curves of a map, as arithmetic: ranks, delusions, insights, and what may not be compared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from apps.journeys.curves import Curves, CurveStep, build_curves
from apps.journeys.live import Chip, Place, measured_of
from apps.journeys.registry import StepInsights
from apps.metrics.asked import Asked
from apps.metrics.statistics import Histogram, measure, rule_for

CSAT = rule_for("csat")


def chip(satisfied: int | None, n: int = 400, *, points: int = 5, words: str = "howsatisfied", **values: Any) -> Chip:
    """A CSAT score with this share of satisfied answers, in percent."""
    hits = 0 if satisfied is None else satisfied * n // 100
    counted = Histogram.of(points, {points: hits, 1: n - hits}) if satisfied is not None else Histogram.empty(points)
    metric = measure(CSAT, counted, suppressed=values.pop("hidden", False))
    return Chip("csat", metric, "/answers/", None, [Asked(uuid4(), points, {"en": words}, words)], **values)


def place(name: str, *chips: Chip) -> Place:
    return Place(name, 1, name, name, "circle-dot", None, list(chips))


def step(name: str, belief: float | None, *chips: Chip, moment: bool = False) -> CurveStep:
    return CurveStep(name, name, belief, [place(f"{name}-{n}", one) for n, one in enumerate(chips)], "S", moment)


def told(score: float | None, scored: int = 3) -> StepInsights:
    return StepInsights(score, scored, scored, None)


def curves(*steps: CurveStep, **values: Any) -> Curves:
    return build_curves(steps, "csat", **values)


def test_delusions_come_with_both_sides_score_and_n_the_largest_first() -> None:
    found = curves(
        step("order", 1.5, chip(90)),
        step("delivery", 1.0, chip(40)),
        step("invoice", -1.0, chip(60)),
        step("help", 0.0, chip(75)),
    )
    gaps = [(gap.step, round(gap.gap, 2)) for gap in found.delusions]
    assert gaps == [("delivery", 2.67), ("invoice", -1.33), ("help", -1.33)]
    first = found.delusions[0]
    assert first.words == "worse than the team thinks"
    assert first.theirs == "the team: good (+1.0), rank 2 of 4"
    assert first.customers.startswith("customers: 40")
    assert first.customers.endswith("n 400, rank 4 of 4")
    assert first.point.url == "/answers/"


def test_a_handful_of_answers_moves_no_other_step() -> None:
    """One bad answer to the step believed best must not make all others look underrated."""
    steps = [step(name, belief, chip(share)) for name, belief, share in (("b", 1, 80), ("c", 0, 60), ("d", -1, 40))]
    weak = step("a", 2, chip(0, n=5))
    assert not curves(*steps, weak).delusions
    drawn = {point.step.name: point for point in curves(*steps, weak).points}
    assert [drawn[name].against_belief.measured for name in "bcd"] == [2, 0, -2]
    assert (drawn["a"].code, drawn["a"].against_belief.measured) == ("weak", -2)
    assert "Only 5 of 30 answers" in drawn["a"].why
    assert "cx-ehol" in curves(*steps, weak).drawing


def test_equal_beliefs_and_equal_scores_share_their_rank() -> None:
    found = curves(step("a", 1, chip(50)), step("b", 1, chip(50)), step("c", 1, chip(50)))
    assert [point.against_belief.gap for point in found.points] == [0, 0, 0]
    assert not found.delusions


def test_a_single_step_and_an_empty_map_are_drawn_without_a_gap() -> None:
    assert not curves(step("only", 2, chip(1))).delusions
    empty = curves()
    assert (empty.points, empty.delusions, empty.measured, empty.table.rows) == ([], [], False, [])
    assert empty.drawing.startswith("<svg")


def test_map_without_belief_or_measurement_says_of_each_step_why() -> None:
    found = curves(
        step("bare", None), CurveStep("asked", "asked", None, [place("x")]), step("anon", 1, chip(None, hidden=True))
    )
    assert [point.code for point in found.unplaced] == ["no_touchpoint", "no_answers", "hidden"]
    assert not found.measured
    assert not curves(step("bare", None), is_live=False).unplaced


def test_scores_of_other_scales_or_words_are_never_ranked_together() -> None:
    mixed = step("mixed", 0, chip(90), chip(10, points=7))
    worded = step("worded", 0, chip(90), chip(10, words="howwasit"))
    found = {
        point.step.name: point for point in curves(mixed, worded, step("a", 1, chip(50)), step("b", 0, chip(60))).points
    }
    for name in ("mixed", "worded"):
        assert (found[name].code, found[name].metric) == ("not_comparable", None)
    assert "on 5 points" in found["mixed"].why and "on 7" in found["mixed"].why
    assert "“howsatisfied”" in found["worded"].why


def test_step_asked_otherwise_than_most_stays_off_the_curve() -> None:
    found = curves(step("a", 2, chip(10)), step("b", 1, chip(50)), step("odd", -2, chip(90, points=7)))
    points = {point.step.name: point for point in found.points}
    assert points["odd"].code == "not_comparable"
    assert points["odd"].against_belief.measured is None
    assert [points[name].against_belief.measured for name in "ab"] == [-2, 2]


def test_stage_is_measured_by_its_worst_usable_touchpoint_each_counted_once() -> None:
    worst, good, weak = place("w", chip(30)), place("g", chip(80)), place("k", chip(0, n=5))
    found = measured_of([good, worst, weak, worst], "csat")
    assert (found.place, found.is_usable, found.answers) == (worst, True, 805)
    alone = measured_of([weak], "csat")
    assert (alone.place, alone.worst) == (weak, None)


def test_insights_are_a_curve_of_their_own_and_where_they_disagree_is_listed() -> None:
    steps = [step("a", None, chip(90)), step("b", None, chip(60)), step("c", None, chip(30))]
    found = curves(*steps, insights={"a": told(-2), "b": told(0), "c": told(2)})
    assert [gap.step for gap in found.disagreements] == ["a", "c"]
    assert found.disagreements[0].theirs == "insights: −2.0 from 3, rank 3 of 3"
    assert not found.delusions
    assert found.drawing.count("cx-edia") == 3
    agreeing = curves(*steps, insights={"a": told(2), "b": told(None, 0), "c": told(-1)})
    assert not agreeing.disagreements


@pytest.mark.parametrize("paint", ["css", "literal"])
def test_curves_are_told_apart_without_colour_and_painted_for_paper(paint: Any) -> None:
    steps = [step("a", 1, chip(50), moment=True), step("b", 0, chip(60))]
    drawing = curves(*steps, insights={"a": told(1), "b": told(0)}, paint=paint).drawing
    if paint == "literal":
        assert "class=" not in drawing
        assert drawing.count("stroke-dasharray") >= 2
    else:
        assert all(name in drawing for name in ("cx-eline", "cx-elive", "cx-eins", "cx-estar"))
    assert drawing.count("<polyline") == 3


def test_table_says_all_that_is_drawn() -> None:
    table = curves(step("a", 1, chip(50), moment=True), step("b", 0, chip(60))).table
    assert table.columns[5:7] == ["Measured CSAT", "n"]
    assert table.rows[0][0] == "a (moment of truth)"
    assert table.rows[0][6] == "400"
    assert len(curves(step("a", 1), is_live=False).table.columns) == 5


def test_question_with_another_name_in_it_is_the_same_question() -> None:
    one, other = (
        Asked(uuid4(), 5, {"en": "howsatisfiedwereyouwith", **more}, "") for more in ({"de": "x"}, {"fr": "y"})
    )
    assert one.same_question(other)
    assert not one.same_question(Asked(uuid4(), 5, {"en": "howwas"}, "", datetime.now(UTC)))
