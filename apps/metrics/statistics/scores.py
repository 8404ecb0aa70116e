"""The rules: which arithmetic turns a histogram into a score, and the metric they all answer with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import ClassVar

from .differences import Difference, adjusted_net_difference, newcombe_difference, welch_difference
from .histogram import SCALES, Histogram
from .intervals import Interval, adjusted_wald, t_interval, t_quantile, wilson


class Reliability(StrEnum):
    """How much a number of answers can carry."""

    ANECDOTE = "anecdote"
    WEAK = "weak"
    USABLE = "usable"


def reliability_of(n: int) -> Reliability:
    """Fewer than 10 answers are an anecdote, 10 to 29 weak, 30 and more usable."""
    return Reliability.ANECDOTE if n < 10 else Reliability.WEAK if n < 30 else Reliability.USABLE


@dataclass(frozen=True, slots=True)
class Metric:
    """One score with all that belongs to it: the same on page, API, mail and export.

    `unit` is `points` (NPS, -100..100), `percent` (0..100) or `mean` (a point of the scale). `value`, `low` and `high`
    are None when nobody answered or the answers are suppressed; then `distribution` counts nothing either. `imported`
    of the n came as totals of a past month, without their answers: a list of answers does not show those.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    rule: str
    unit: str
    suppressed: bool
    distribution: dict[str, int]
    imported: int = 0

    @property
    def reliability(self) -> Reliability:
        return reliability_of(self.n)

    @property
    def usable(self) -> bool:
        return self.value is not None and self.reliability is Reliability.USABLE

    def as_json(self) -> dict[str, object]:
        """The shape promised to outsiders. Numbers keep four decimals, enough for any page and free of float noise.

        `imported` stands there only where some of the n came as totals.
        """
        shape: dict[str, object] = {
            "value": _rounded(self.value),
            "low": _rounded(self.low),
            "high": _rounded(self.high),
            "n": self.n,
            "rule": self.rule,
            "unit": self.unit,
            "reliability": self.reliability.value,
            "suppressed": self.suppressed,
            "distribution": self.distribution,
        }
        return shape | {"imported": self.imported} if self.imported else shape


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4) + 0.0  # + 0.0 turns -0.0 into 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """One way to score a histogram. `scales` are the numbers of points it is defined on."""

    id: str
    metric: str
    scales: tuple[int, ...]
    higher_is_better: bool = True
    unit: ClassVar[str]

    def value(self, histogram: Histogram) -> float:
        raise NotImplementedError

    def interval(self, histogram: Histogram) -> Interval:
        raise NotImplementedError

    def difference(self, before: Histogram, after: Histogram) -> Difference | None:
        raise NotImplementedError

    def limits(self, scale: int) -> tuple[float, float]:
        """The lowest and the highest value the rule can give."""
        raise NotImplementedError


class NetRule(Rule):
    """Promoters (9-10) minus detractors (0-6), in points."""

    unit = "points"

    @staticmethod
    def parts(histogram: Histogram) -> tuple[int, int, int]:
        return histogram.between(9, 10), histogram.between(0, 6), histogram.n

    def value(self, histogram: Histogram) -> float:
        promoters, detractors, n = self.parts(histogram)
        return 100 * (promoters - detractors) / n

    def interval(self, histogram: Histogram) -> Interval:
        return adjusted_wald(*self.parts(histogram))

    def difference(self, before: Histogram, after: Histogram) -> Difference | None:
        return adjusted_net_difference(self.parts(before), self.parts(after))

    def limits(self, scale: int) -> tuple[float, float]:
        return -100.0, 100.0


class TopBoxRule(Rule):
    """Share of answers in the top box, in percent."""

    unit = "percent"
    BOXES: ClassVar[dict[int, int]] = {3: 1, 4: 2, 5: 2, 6: 2, 7: 2, 10: 3}
    """Number of points of the scale -> how many of its highest scores count as satisfied."""

    def box(self, scale: int) -> int:
        """The lowest score that counts."""
        return scale - self.BOXES[scale] + 1

    def parts(self, histogram: Histogram) -> tuple[int, int]:
        return histogram.between(self.box(histogram.scale), histogram.highest), histogram.n

    def value(self, histogram: Histogram) -> float:
        hits, n = self.parts(histogram)
        return 100 * hits / n

    def interval(self, histogram: Histogram) -> Interval:
        return wilson(*self.parts(histogram)).scaled(100)

    def difference(self, before: Histogram, after: Histogram) -> Difference | None:
        return newcombe_difference(self.parts(before), self.parts(after))

    def limits(self, scale: int) -> tuple[float, float]:
        return 0.0, 100.0


class EaseRule(TopBoxRule):
    """CES 2.0: share that agrees it was easy, 5 to 7 of 7."""

    BOXES: ClassVar[dict[int, int]] = {7: 3}


class MeanRule(Rule):
    """Arithmetic mean of the scores."""

    unit = "mean"

    def value(self, histogram: Histogram) -> float:
        mean = histogram.mean
        assert mean is not None
        return mean

    def interval(self, histogram: Histogram) -> Interval:
        return t_interval(histogram)

    def difference(self, before: Histogram, after: Histogram) -> Difference | None:
        return welch_difference(before, after)

    def limits(self, scale: int) -> tuple[float, float]:
        empty = Histogram.empty(scale)
        return float(empty.lowest), float(empty.highest)


CSAT_SCALES = (3, 4, 5, 6, 7, 10)
RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        NetRule("nps.v1", "nps", (11,)),
        TopBoxRule("csat.top.v1", "csat", CSAT_SCALES),
        MeanRule("csat.mean.v1", "csat", CSAT_SCALES),
        EaseRule("ces2.top3.v1", "ces", (7,)),
        MeanRule("ces2.mean.v1", "ces", (7,)),
        MeanRule("ces1.mean.v1", "ces", (5,), higher_is_better=False),
    )
}
RATING = MeanRule("rating.mean.v1", "rating", SCALES)
"""A rating without a metric of its own: its mean on its own scale."""
SHARE_RULE, NUMBER_RULE = "share.v1", "number.mean.v1"
HEADLINE_RULES = {"nps": "nps.v1", "csat": "csat.top.v1", "ces": "ces2.top3.v1"}


def rule_for(metric: str, rule_id: str | None = None) -> Rule:
    """The rule of that id, or the headline rule of the metric. KeyError for an unknown one or one of another metric."""
    rule = RULES[rule_id or HEADLINE_RULES[metric]]
    if rule.metric != metric:
        raise KeyError(rule_id)
    return rule


def measure(rule: Rule, histogram: Histogram, *, suppressed: bool = False) -> Metric:
    """Score a histogram by a rule. ValueError when the rule is not defined on the histogram's scale."""
    if histogram.scale not in rule.scales:
        raise ValueError(f"{rule.id} is not defined on a scale of {histogram.scale} points.")
    if suppressed or not histogram.n:
        nothing = Histogram.empty(histogram.scale).as_json()
        return Metric(None, None, None, histogram.n, rule.id, rule.unit, suppressed, nothing)
    interval = rule.interval(histogram)
    return Metric(
        value=rule.value(histogram),
        low=interval.low,
        high=interval.high,
        n=histogram.n,
        rule=rule.id,
        unit=rule.unit,
        suppressed=False,
        distribution=histogram.as_json(),
    )


def compare(rule: Rule, before: Histogram, after: Histogram) -> Difference | None:
    """The change from one sample to another by the rule's own method; None where a sample is too small to compare."""
    if not before.n or not after.n:
        return None
    return rule.difference(before, after)


def measure_response_rate(completed: int, delivered: int) -> Metric:
    """Completed / delivered in percent with Wilson's interval; n = delivered (sent less bounced)."""
    if not delivered:
        return Metric(None, None, None, 0, "response.rate.v1", "percent", False, {})
    completed = min(completed, delivered)
    interval = wilson(completed, delivered).scaled(100)
    return Metric(
        100 * completed / delivered, interval.low, interval.high, delivered, "response.rate.v1", "percent", False, {}
    )


def measure_share(hits: int, n: int) -> Metric:
    """Of `n` that answered, the share that said this, in percent with Wilson's interval."""
    if not n:
        return Metric(None, None, None, 0, SHARE_RULE, "percent", False, {})
    interval = wilson(min(hits, n), n).scaled(100)
    return Metric(100 * min(hits, n) / n, interval.low, interval.high, n, SHARE_RULE, "percent", False, {})


def measure_mean(n: int, mean: float, deviation: float | None) -> Metric:
    """The mean of numbers that are no scores, with Student's interval; a single one has none."""
    if not n:
        return Metric(None, None, None, 0, NUMBER_RULE, "mean", False, {})
    reach = t_quantile(n - 1) * (deviation or 0.0) / sqrt(n) if n > 1 else None
    low, high = (None, None) if reach is None else (mean - reach, mean + reach)
    return Metric(mean, low, high, n, NUMBER_RULE, "mean", False, {})


def hidden_metric(rule: str, unit: str, n: int = 0) -> Metric:
    """A number of an anonymous survey that rests on too few people to be shown."""
    return Metric(None, None, None, n, rule, unit, True, {})


def worst_usable(metrics: Iterable[Metric]) -> Metric | None:
    """The worst of the metrics that rest on at least 30 answers: what a stage of a map shows. All of one rule."""
    usable = [(metric.value, metric) for metric in metrics if metric.value is not None and metric.usable]
    if not usable:
        return None
    if len({metric.rule for _, metric in usable}) > 1:
        raise ValueError("Scores of different rules cannot be ranked together.")
    sign = 1 if RULES[usable[0][1].rule].higher_is_better else -1
    return min(usable, key=lambda pair: sign * pair[0])[1]
