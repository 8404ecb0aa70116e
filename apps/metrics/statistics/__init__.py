"""The arithmetic of every score the product shows. Pure Python: no database, no Django.

A question on a scale is kept as a `Histogram`: how often each score was given. Scores, intervals and comparisons are
functions of histograms, and histograms add. The rule id (`nps.v1`, `csat.top.v1`, ...) names the arithmetic:

    rule = rule_for("nps")
    metric = measure(rule, Histogram.of(11, {9: 50, 7: 30, 0: 20}))
    metric.value, metric.low, metric.high        # 30.0, 14.1, 44.2
    compare(rule, before, after).significant

All intervals are 95 % intervals.
"""

from .beliefs import Comparison, Reading, compare_beliefs, rank_positions
from .differences import Difference, adjusted_net_difference, newcombe_difference, normal_p, welch_difference
from .histogram import SCALES, Histogram, lowest_score
from .intervals import Interval, adjusted_wald, t_interval, t_quantile, wilson
from .privacy import COMMENT_THRESHOLD
from .scores import (
    HEADLINE_RULES,
    NUMBER_RULE,
    RATING,
    RULES,
    SHARE_RULE,
    MeanRule,
    Metric,
    NetRule,
    Reliability,
    Rule,
    TopBoxRule,
    compare,
    hidden_metric,
    measure,
    measure_mean,
    measure_response_rate,
    measure_share,
    reliability_of,
    rule_for,
    worst_usable,
)

__all__ = [
    "COMMENT_THRESHOLD",
    "HEADLINE_RULES",
    "NUMBER_RULE",
    "RATING",
    "RULES",
    "SCALES",
    "SHARE_RULE",
    "Comparison",
    "Difference",
    "Histogram",
    "Interval",
    "MeanRule",
    "Metric",
    "NetRule",
    "Reading",
    "Reliability",
    "Rule",
    "TopBoxRule",
    "adjusted_net_difference",
    "adjusted_wald",
    "compare",
    "compare_beliefs",
    "hidden_metric",
    "lowest_score",
    "measure",
    "measure_mean",
    "measure_response_rate",
    "measure_share",
    "newcombe_difference",
    "normal_p",
    "rank_positions",
    "reliability_of",
    "rule_for",
    "t_interval",
    "t_quantile",
    "welch_difference",
    "wilson",
    "worst_usable",
]
