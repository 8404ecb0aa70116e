"""Belief against measurement on one map: ranks, not scales.

What a team believes (-2..+2, drawn in a workshop) and what customers measured live on different scales, and mapping one
scale onto the other would put every ordinary score near the top. So both become rank positions within the map, spread
over -2..+2. A delusion is a step whose believed position lies at least 1 away from the measured one, on 30 answers or
more, and outside the positions that its interval could give it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from .scores import RULES, Metric

LOWEST, HIGHEST = -2.0, 2.0
DELUSION_GAP = 1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One step of the map: what the team believes (-2..+2) and what customers measured, either of them perhaps None."""

    key: str
    belief: float | None
    metric: Metric | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rank positions of one step, -2..+2; None where there is no belief or no measurement.

    `gap` = believed minus measured: above 0 the team thinks better of the step than its customers do.
    """

    key: str
    believed: float | None
    measured: float | None
    low: float | None = None
    high: float | None = None
    delusion: bool = False

    @property
    def gap(self) -> float | None:
        return None if self.believed is None or self.measured is None else self.believed - self.measured


def rank_positions(values: Sequence[float]) -> list[float]:
    """Rank each value among all, spread over -2..+2; equal values share their middle rank, one alone is at 0."""
    ordered = sorted(values)
    return [_position(value, ordered) for value in values]


def _position(value: float, ordered: Sequence[float]) -> float:
    """Where a value that stands in `ordered`, sorted, ranks among them, on -2..+2."""
    others = len(ordered) - 1
    if others < 1:
        return 0.0
    below = bisect_left(ordered, value)
    equal_others = bisect_right(ordered, value) - below - 1
    return LOWEST + (HIGHEST - LOWEST) * (below + equal_others / 2) / others


def compare_beliefs(readings: Sequence[Reading]) -> list[Comparison]:
    """Compare belief and measurement of every step of a map, in the given order.

    Ranks are taken among the steps that have both, on 30 answers or more, so that what is compared is the same set
    and a handful of answers moves no other step. Every other step is placed between the neighbours its value lies
    between. All metrics must be of one rule.
    """
    if len({reading.metric.rule for reading in readings if reading.metric is not None}) > 1:
        raise ValueError("A map is compared by one rule at a time.")
    scores = [_score(reading.metric) for reading in readings]
    both = [
        (reading.belief, score)
        for reading, score in zip(readings, scores, strict=True)
        if reading.belief is not None and score is not None and reading.metric and reading.metric.usable
    ]
    usable = [
        score for reading, score in zip(readings, scores, strict=True) if reading.metric and reading.metric.usable
    ]
    beliefs = sorted([belief for belief, _ in both] or [r.belief for r in readings if r.belief is not None])
    measured = sorted([score for _, score in both] or [score for score in usable or scores if score is not None])
    return [_compared(reading, score, beliefs, measured) for reading, score in zip(readings, scores, strict=True)]


def _compared(reading: Reading, score: float | None, beliefs: Sequence[float], scores: Sequence[float]) -> Comparison:
    believed, measured = _place(reading.belief, beliefs), _place(score, scores)
    if believed is None or measured is None or score is None or reading.metric is None:
        return Comparison(reading.key, believed, measured)
    low, high = _reach(reading.metric, score, scores)
    outside = believed < low or believed > high
    delusion = reading.metric.usable and abs(believed - measured) >= DELUSION_GAP and outside
    return Comparison(reading.key, believed, measured, low, high, delusion)


def _score(metric: Metric | None) -> float | None:
    """The measured value with better always higher, so that ranks point the same way as beliefs."""
    if metric is None or metric.value is None:
        return None
    return metric.value * _direction(metric)


def _direction(metric: Metric) -> int:
    return 1 if RULES[metric.rule].higher_is_better else -1


def _reach(metric: Metric, score: float, scores: Sequence[float]) -> tuple[float, float]:
    """The positions the step would take if its true score lay at either end of its interval."""
    others = list(scores)
    if score in others:
        others.remove(score)
    ends = sorted(end * _direction(metric) for end in (metric.low, metric.high) if end is not None)
    low, high = (_position(end, sorted([*others, end])) for end in ends)
    return low, high


def _place(value: float | None, ordered: Sequence[float]) -> float | None:
    """Position of a value by the ranks of `ordered`: its own if it is one of them, else between its neighbours'."""
    if value is None:
        return None
    at = bisect_left(ordered, value)
    if at < len(ordered) and ordered[at] == value:
        return _position(value, ordered)
    if at in (0, len(ordered)):
        return HIGHEST if at else LOWEST
    start, end = ordered[at - 1], ordered[at]
    share = (value - start) / (end - start)
    left, right = _position(start, ordered), _position(end, ordered)
    return left + (right - left) * share
