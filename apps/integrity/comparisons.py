"""Which of many groups really differ from the others. Pure.

Twenty agents compared at 5 % give one "clear" difference by chance alone. So the p-values of one column of a table
are judged together (Benjamini-Hochberg): of the groups that are marked, at most one in ten is expected to be marked
wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt
from typing import Final

from apps.metrics.statistics import normal_p

FALSE_DISCOVERIES: Final = 0.10
"""Expected share of wrong marks among the marks of one column."""
LEAST: Final = 10
"""Of fewer than this many (on either side) nothing is said: an anecdote is not compared."""


class Verdict(StrEnum):
    """What may be said of a group against the others of its table."""

    ABOVE = "above"
    BELOW = "below"
    SAME = "not_distinguishable"
    FEW = "too_few"


def share_p(hits: int, n: int, other_hits: int, other_n: int) -> float | None:
    """Two-sided p that two shares differ by chance; None with fewer than LEAST on a side.

    The "N - 1" chi-squared test of Campbell, I. (2007), Statistics in Medicine 26: z of the pooled share times
    sqrt((N - 1) / N). Where nobody or everybody is a hit nothing differs: 1.
    """
    if min(n, other_n) < LEAST:
        return None
    total = n + other_n
    pooled = (hits + other_hits) / total
    if pooled in (0.0, 1.0):
        return 1.0
    error = sqrt(pooled * (1 - pooled) * (1 / n + 1 / other_n))
    return normal_p((hits / n - other_hits / other_n) / error * sqrt((total - 1) / total))


def benjamini_hochberg(ps: Sequence[float | None], rate: float = FALSE_DISCOVERIES) -> list[bool]:
    """Which hypotheses are rejected so that the expected share of false rejections is at most `rate`.

    Benjamini, Y. and Hochberg, Y. (1995), Journal of the Royal Statistical Society B 57: with the m p-values in order,
    all up to the largest k with p_k <= k / m * rate are rejected. None is not a test and never rejected.
    """
    tested = sorted((p, index) for index, p in enumerate(ps) if p is not None)
    reach = max((rank for rank, (p, _index) in enumerate(tested, 1) if p <= rank / len(tested) * rate), default=0)
    rejected = {index for _p, index in tested[:reach]}
    return [index in rejected for index in range(len(ps))]


def verdicts(tests: Sequence[tuple[float, float | None]], rate: float = FALSE_DISCOVERIES) -> list[Verdict]:
    """One verdict for each (difference from the others, p); the p-values are judged together."""
    clear = benjamini_hochberg([p for _difference, p in tests], rate)
    return [
        Verdict.FEW
        if p is None
        else Verdict.SAME
        if not marked or difference == 0
        else Verdict.ABOVE
        if difference > 0
        else Verdict.BELOW
        for (difference, p), marked in zip(tests, clear, strict=True)
    ]
