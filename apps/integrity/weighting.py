"""Scores that weigh answers so that respondents look like the customers. Pure: counts in, a score out.

Post-stratification (Holt, D. and Smith, T. M. F. (1979), Journal of the Royal Statistical Society A 142): customers and
answers are counted in cells of segment x tenure, and an answer of cell h weighs

    w_h = (N_h / N) / (D_h / D)

where N_h are the customers of the cell, D_h its answers, each counted 1 / probability where only a sample was asked
(Horvitz, D. G. and Thompson, D. J. (1952), JASA 47). Weights are scaled to a mean of 1 and trimmed at 5. All answers
alike give weights of 1 and, to the last digit, the plain score with the plain interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from apps.metrics.statistics import (
    Histogram,
    Interval,
    MeanRule,
    NetRule,
    Rule,
    TopBoxRule,
    adjusted_wald,
    t_quantile,
    wilson,
)

LEAST_IN_CELL: Final = 10
"""A cell with fewer answers is pooled with its neighbour."""
LEAST_ANSWERS: Final = 30
"""With fewer answers in all, no weighted score is defined."""
HEAVIEST: Final = 5.0
"""No answer weighs more than this many average answers."""
LEAST_SHARE: Final = 0.01
"""A segment or a band of tenure with a smaller share of the customers may be without answers."""
LEAST_PROBABILITY: Final = 0.001
"""A sampling probability below this is taken for this, so that one answer cannot outweigh all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Customers and answers of one segment and one band of tenure; answers by the probability of being asked."""

    customers: int = 0
    answers: Mapping[float, Histogram] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Answers, unweighted."""
        return sum(histogram.n for histogram in self.answers.values())

    @property
    def sampled(self) -> float:
        """Answers, each counted 1 / probability."""
        return sum(histogram.n / max(chance, LEAST_PROBABILITY) for chance, histogram in self.answers.items())

    def __add__(self, other: Cell) -> Cell:
        answers = dict(self.answers)
        for chance, histogram in other.answers.items():
            answers[chance] = answers[chance] + histogram if chance in answers else histogram
        return Cell(self.customers + other.customers, answers)


Grid = Sequence[Sequence[Cell]]
"""Segments in order, each with its cells from the shortest to the longest tenure."""


@dataclass(frozen=True, slots=True)
class Part:
    """Answers that all weigh the same."""

    weight: float
    answers: Histogram


@dataclass(frozen=True, slots=True)
class Weighting:
    """The parts, the number of cells they come from, and how many answers had their weight trimmed."""

    parts: list[Part]
    cells: int
    trimmed: int


@dataclass(frozen=True, slots=True)
class WeightedScore:
    """A weighted score with its 95 % interval; `effective_n` is Kish's: how many equal answers it is worth."""

    value: float
    low: float
    high: float
    n: int
    effective_n: float
    rule: str
    unit: str


def pooled(grid: Grid) -> list[Cell]:
    """The cells after pooling: none with fewer than LEAST_IN_CELL answers, unless it is the only one.

    A segment with too few answers in all is added to the next one in order (the last to the one before it), band by
    band. Then, within each segment, the cell with the fewest answers is added to its neighbour in tenure that has fewer
    (the shorter tenure where they are equal) until all have enough. So a cell always joins the cell most like it.
    """
    rows = [list(row) for row in grid]
    while len(rows) > 1 and (few := [i for i, row in enumerate(rows) if sum(cell.n for cell in row) < LEAST_IN_CELL]):
        here = few[0]
        there = here + 1 if here + 1 < len(rows) else here - 1
        rows[there] = [a + b for a, b in zip(rows[there], rows[here], strict=True)]
        del rows[here]
    return [cell for row in rows for cell in _pooled_bands(row)]


def _pooled_bands(row: list[Cell]) -> list[Cell]:
    cells = list(row)
    while len(cells) > 1:
        here = min(range(len(cells)), key=lambda i: cells[i].n)
        if cells[here].n >= LEAST_IN_CELL:
            break
        beside = [i for i in (here - 1, here + 1) if 0 <= i < len(cells)]
        there = min(beside, key=lambda i: cells[i].n)
        first, last = sorted((here, there))
        cells[first : last + 1] = [cells[first] + cells[last]]
    return cells


def unanswered(grid: Grid) -> tuple[list[int], list[int]]:
    """Positions of segments and of bands that hold LEAST_SHARE of the customers or more, and gave no answer at all."""
    total = sum(cell.customers for row in grid for cell in row)
    bands = list(zip(*grid, strict=True))

    def silent(lines: Sequence[Sequence[Cell]]) -> list[int]:
        return [
            i
            for i, line in enumerate(lines)
            if not sum(cell.n for cell in line)
            and (held := sum(cell.customers for cell in line))
            and held >= LEAST_SHARE * total
        ]

    return silent(grid), silent(bands)


def weigh(cells: Sequence[Cell]) -> Weighting:
    """Weights of the answers of pooled cells, mean 1 before they are trimmed at HEAVIEST.

    Answers of a cell without customers weigh nothing: there is nobody they could stand for. Needs an answer and a
    customer in one cell at least.
    """
    cells = [cell for cell in cells if cell.n and cell.customers]
    customers, sampled = sum(cell.customers for cell in cells), sum(cell.sampled for cell in cells)
    raw = [
        Part(
            (cell.customers / customers) / (cell.sampled / sampled) / max(chance, LEAST_PROBABILITY),
            histogram,
        )
        for cell in cells
        for chance, histogram in cell.answers.items()
        if histogram.n
    ]
    n = sum(part.answers.n for part in raw)
    mean = sum(part.weight * part.answers.n for part in raw) / n
    scaled = [Part(part.weight / mean, part.answers) for part in raw]
    return Weighting(
        parts=[Part(min(part.weight, HEAVIEST), part.answers) for part in scaled],
        cells=len(cells),
        trimmed=sum(part.answers.n for part in scaled if part.weight > HEAVIEST),
    )


def weighted_score(rule: Rule, parts: Sequence[Part]) -> WeightedScore:
    """The score of weighted answers, with an interval that is wider the more the weights differ. Needs an answer.

    With x = 1, 0, -1 for promoter, passive, detractor (or 1, 0 for a share, or the score itself for a mean), the value
    is sum(w x) / sum(w), and its variance, linearised, V = sum(w^2 (x - value)^2) / sum(w)^2 (Sarndal, C.-E., Swensson,
    B. and Wretman, J. (1992), Model Assisted Survey Sampling, 5.7). Shares and NPS keep the interval of their rule on
    n* = S^2 / V answers, where S^2 is the weighted variance of x (Korn, E. L. and Graubard, B. I. (1998), Survey
    Methodology 24), at most n; where nothing varies, n* is Kish's. Means have Student's interval on V n / (n - 1).
    Effective n: sum(w)^2 / sum(w^2) (Kish, L. (1965), Survey Sampling).
    """
    n = sum(part.answers.n for part in parts)
    total = sum(part.weight * part.answers.n for part in parts)
    kish = total**2 / sum(part.weight**2 * part.answers.n for part in parts)

    def weighed(first: int, last: int) -> float:
        return sum(part.weight * part.answers.between(first, last) for part in parts) / total

    def spread(of: Mapping[int, float], value: float) -> tuple[float, float]:
        squares = [(part.weight, count * (of[score] - value) ** 2) for part in parts for score, count in part.answers]
        variance = sum(weight * square for weight, square in squares) / total
        return variance, sum(weight**2 * square for weight, square in squares) / total**2

    def worth(of: Mapping[int, float], value: float) -> float:
        variance, error = spread(of, value)
        return min(variance / error, float(n)) if error > 0 else kish

    scores = [score for score, _count in parts[0].answers]
    if isinstance(rule, NetRule):
        promoters, detractors = weighed(9, 10), weighed(0, 6)
        value = promoters - detractors
        equal = worth({score: (score >= 9) - (score <= 6) for score in scores}, value)
        interval = adjusted_wald(promoters * equal, detractors * equal, equal)
        value *= 100
    elif isinstance(rule, TopBoxRule):
        box = rule.box(parts[0].answers.scale)
        value = weighed(box, scores[-1])
        equal = worth({score: float(score >= box) for score in scores}, value)
        interval = wilson(min(value * equal, equal), equal).scaled(100)
        value *= 100
    elif isinstance(rule, MeanRule):
        value = sum(part.weight * score * count for part in parts for score, count in part.answers) / total
        interval = Interval(float(scores[0]), float(scores[-1]))
        if kish > 1.5 and n > 1:
            error = spread({score: float(score) for score in scores}, value)[1] * n / (n - 1)
            reach = t_quantile(kish - 1) * sqrt(error)
            interval = Interval(value - reach, value + reach).clipped(scores[0], scores[-1])
    else:
        raise ValueError(f"{rule.id} has no weighted form.")
    return WeightedScore(value, interval.low, interval.high, n, kish, rule.id, rule.unit)
