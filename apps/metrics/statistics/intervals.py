"""95 % intervals of one sample, in closed form where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from cxm.statistics import Z95, wilson_bounds

from .histogram import Histogram


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float

    def clipped(self, low: float, high: float) -> Interval:
        return Interval(min(max(self.low, low), high), max(min(self.high, high), low))

    def scaled(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.high * factor)

    def excludes(self, value: float) -> bool:
        return value < self.low or value > self.high


@dataclass(frozen=True, slots=True)
class AdjustedNet:
    """The adjusted net share of Rocks (2016): its estimate and its variance, both as shares (-1..1)."""

    estimate: float
    variance: float


def adjusted_net(promoters: float, detractors: float, n: float) -> AdjustedNet:
    """Net share after adding 3/4 of an answer to each of promoters and detractors, and 3 answers in all.

    Rocks, B. (2016). Interval Estimation for the "Net Promoter Score". The American Statistician 70(4).
    """
    size = n + 3
    p, d = (promoters + 0.75) / size, (detractors + 0.75) / size
    return AdjustedNet(p - d, (p + d - (p - d) ** 2) / size)


def adjusted_wald(promoters: float, detractors: float, n: float) -> Interval:
    """Interval of 100 (P - D), clipped to -100..100. Asymmetric about the plain score, as it should be."""
    net = adjusted_net(promoters, detractors, n)
    reach = Z95 * sqrt(net.variance)
    return Interval(net.estimate - reach, net.estimate + reach).scaled(100).clipped(-100, 100)


def wilson(hits: float, n: float) -> Interval:
    """Wilson's score interval of a share, 0..1. Needs n > 0."""
    return Interval(*wilson_bounds(hits, n))


def t_interval(histogram: Histogram) -> Interval:
    """Student's interval of the mean, clipped to the scale. One answer alone says nothing: the whole scale. n > 0."""
    if histogram.n < 2:
        return Interval(float(histogram.lowest), float(histogram.highest))
    mean, variance = histogram.moments()
    reach = t_quantile(histogram.n - 1) * sqrt(variance / histogram.n)
    return Interval(mean - reach, mean + reach).clipped(histogram.lowest, histogram.highest)


def t_quantile(degrees: float) -> float:
    """Two-sided 95 % point of Student's t. SciPy is loaded here, not at start: only means need it."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.975))
