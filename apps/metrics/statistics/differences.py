"""The difference of two independent samples, later minus earlier, with its 95 % interval."""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt

from cxm.statistics import Z95

from .histogram import Histogram
from .intervals import Interval, adjusted_net, t_quantile, wilson


@dataclass(frozen=True, slots=True)
class Difference:
    """`value` is the estimate the interval belongs to; `plain` the difference of the two printed scores.

    They differ for NPS alone, whose estimate is adjusted. `z` and `p` (two-sided) are None where the method has none.
    """

    value: float
    low: float
    high: float
    plain: float
    z: float | None = None
    p: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the interval excludes no change at all."""
        return self.low > 0 or self.high < 0


def adjusted_net_difference(before: tuple[int, int, int], after: tuple[int, int, int]) -> Difference:
    """Difference of two NPS in points; each sample is (promoters, detractors, n) with n > 0.

    The squared standard errors of the two adjusted scores add: SE = sqrt(SE1'^2 + SE2'^2). A difference of two scores
    can reach from -200 to 200.
    """
    first, second = adjusted_net(*before), adjusted_net(*after)
    estimate = second.estimate - first.estimate
    error = sqrt(first.variance + second.variance)
    z = estimate / error
    interval = Interval(estimate - Z95 * error, estimate + Z95 * error).scaled(100).clipped(-200, 200)
    plain = 100 * ((after[0] - after[1]) / after[2] - (before[0] - before[1]) / before[2])
    return Difference(100 * estimate, interval.low, interval.high, plain, z, normal_p(z))


def newcombe_difference(before: tuple[int, int], after: tuple[int, int]) -> Difference:
    """Difference of two shares in percentage points; each sample is (hits, n) with n > 0.

    Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions: comparison of eleven
    methods. Statistics in Medicine 17, method 10: from the Wilson limits of the two shares.
    """
    (hits1, n1), (hits2, n2) = before, after
    share1, share2 = hits1 / n1, hits2 / n2
    wilson1, wilson2 = wilson(hits1, n1), wilson(hits2, n2)
    estimate = share2 - share1
    low = estimate - sqrt((share2 - wilson2.low) ** 2 + (wilson1.high - share1) ** 2)
    high = estimate + sqrt((wilson2.high - share2) ** 2 + (share1 - wilson1.low) ** 2)
    interval = Interval(low, high).clipped(-1, 1).scaled(100)
    return Difference(100 * estimate, interval.low, interval.high, 100 * estimate)


def welch_difference(before: Histogram, after: Histogram) -> Difference | None:
    """Difference of two means by Welch's t, variances not assumed equal; None for fewer than two answers in a sample.

    Welch, B. L. (1947), Biometrika 34, with the Welch-Satterthwaite degrees of freedom. Where neither sample varies at
    all there is no standard error, and so no statement: None, unless the means agree too.
    """
    if before.n < 2 or after.n < 2:
        return None
    (mean1, variance1), (mean2, variance2) = before.moments(), after.moments()
    part1, part2 = variance1 / before.n, variance2 / after.n
    estimate = mean2 - mean1
    if part1 + part2 == 0:
        return Difference(0.0, 0.0, 0.0, 0.0) if estimate == 0 else None
    error = sqrt(part1 + part2)
    degrees = (part1 + part2) ** 2 / (part1**2 / (before.n - 1) + part2**2 / (after.n - 1))
    reach, t = t_quantile(degrees) * error, estimate / error
    return Difference(estimate, estimate - reach, estimate + reach, estimate, t, t_p(t, degrees))


def normal_p(z: float) -> float:
    """Two-sided p of a standard normal deviate."""
    return erfc(abs(z) / sqrt(2))


def t_p(t: float, degrees: float) -> float:
    """Two-sided p of Student's t."""
    from scipy.special import stdtr

    return float(2 * stdtr(degrees, -abs(t)))
