"""What scored insights say together: a weighted mean with its interval. How it was decided: adr/0176.

An insight weighs the square root of the people it speaks for, at most that of 100 of them: a survey of 500 weighs as
much as ten interviews, no more. Age takes nothing away; it is shown instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt
from typing import Final

from apps.metrics.statistics.intervals import t_quantile

LOWEST, HIGHEST = -2.0, 2.0
MOST_PEOPLE: Final = 100
"""People beyond these add no weight."""
LEAST_DEVIATION: Final = 0.5
"""The standard deviation is taken to be at least this: two equal marks on so coarse a scale do not make a certainty."""


@dataclass(frozen=True, slots=True)
class WeightedMean:
    """A mean of -2..+2 of `n` scores; `effective` is as how many equal ones it counts (Kish 1965: (sum w)^2 / sum w^2).

    `low` and `high` are the 95 % interval (Student's t on `effective` - 1 degrees, clipped to the scale), None under
    two scores.
    """

    value: float
    n: int
    effective: float
    low: float | None
    high: float | None


def weight_of(people: int) -> float:
    """What an insight weighs that speaks for so many people (1 or more): 1 to 10."""
    return sqrt(min(max(people, 1), MOST_PEOPLE))


def weighted_mean(scored: Iterable[tuple[float, int]]) -> WeightedMean | None:
    """The mean of (score, people) pairs; None without any.

    The variance is the weighted one times e/(e-1), e being the effective number; its root is at least 0.5.
    """
    pairs = [(score, weight_of(people)) for score, people in scored]
    if not pairs:
        return None
    total = sum(weight for _score, weight in pairs)
    mean = sum(score * weight for score, weight in pairs) / total
    effective = total * total / sum(weight * weight for _score, weight in pairs)
    if len(pairs) < 2:
        return WeightedMean(mean, 1, effective, None, None)
    spread = sum(weight * (score - mean) ** 2 for score, weight in pairs) / total
    deviation = max(sqrt(spread * effective / (effective - 1)), LEAST_DEVIATION)
    reach = t_quantile(effective - 1) * deviation / sqrt(effective)
    return WeightedMean(mean, len(pairs), effective, max(mean - reach, LOWEST), min(mean + reach, HIGHEST))
