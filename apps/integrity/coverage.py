"""Coverage: the share of eligible experiences that were asked about, by touchpoint, unit or agent.

Rule `coverage.v1`: experiences with an invitation / experiences of known customers, in percent with Wilson's interval.
Beside it stand the response rate of those invitations and the score of the group's answers. A group that differs from
all the others together is marked; the p-values of each column are judged together (comparisons.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext

from apps.integrity.comparisons import LEAST, Verdict, share_p, verdicts
from apps.integrity.experiences import Asked, Chosen, Matcher, asked_by_group, chosen_by_agent, matchers
from apps.integrity.scope import METRICS, By, Scope
from apps.metrics.counting import Slot, Split, SurveyFacts, Tally, count, surveys_for
from apps.metrics.queries import read_tally
from apps.metrics.statistics import (
    RULES,
    Difference,
    Histogram,
    Metric,
    Rule,
    TopBoxRule,
    compare,
    measure_response_rate,
    newcombe_difference,
    wilson,
)
from apps.organizations.queries import unit_tree

RULE: Final = "coverage.v1"
MOST_ROWS: Final = 200
"""Groups that are listed, the largest first; comparisons look at all."""
_SPLITS: Final[dict[By, str]] = {"touchpoint": "touchpoint", "unit": "unit", "agent": "attribute:agent"}


@dataclass(frozen=True, slots=True)
class Row:
    """One group. `coverage` is None where no event says when customers were there; `score` where nobody answered."""

    key: str | None
    label: str
    asked: Asked
    coverage: Metric | None
    coverage_verdict: Verdict
    response_rate: Metric
    score: Metric | None
    score_verdict: Verdict


@dataclass(frozen=True, slots=True)
class Skipping:
    """How much less often (in points) an agent's unhappy-looking experiences were asked about than the others."""

    agent: str
    unhappy: Metric
    others: Metric
    difference: Difference
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Coverage:
    """The table, its total, and what could not be listed."""

    by: By
    metric: str
    rows: list[Row]
    further: int
    total: Row
    unmatched: list[str]


def share(hits: int, n: int, rule: str = RULE) -> Metric:
    """A share in percent with Wilson's interval; n is what it is a share of."""
    if not n:
        return Metric(None, None, None, 0, rule, "percent", False, {})
    interval = wilson(hits, n).scaled(100)
    return Metric(100 * hits / n, interval.low, interval.high, n, rule, "percent", False, {})


def coverage(scope: Scope) -> Coverage:
    """The table of the scope's grouping. Six queries, and one for each anonymous survey."""
    touchpoints = matchers(scope)
    asked = asked_by_group(scope, touchpoints)
    metric, tallies, whole = _scores(scope, touchpoints)
    keys = set(asked) | {key for key in tallies if key is not None}
    if scope.by == "touchpoint":
        keys |= {matcher.id for matcher in touchpoints}
    total = sum(asked.values(), Asked())
    ordered = sorted(keys, key=lambda key: (-asked.get(key, Asked()).experiences, str(key)))
    told = _coverage_verdicts(ordered, asked, total)
    scored = _score_verdicts(ordered, metric, tallies, whole)
    name = _names(scope.by, touchpoints)
    known = {matcher.id for matcher in touchpoints if matcher.event}
    rows = [
        Row(
            key=_public(key),
            label=name(key),
            asked=asked.get(key, Asked()),
            coverage=_coverage_of(asked.get(key, Asked())) if scope.by != "touchpoint" or key in known else None,
            coverage_verdict=told[place],
            response_rate=_response_rate(asked.get(key, Asked())),
            score=_measured(metric, tallies.get(key)),
            score_verdict=scored[place],
        )
        for place, key in enumerate(ordered)
    ]
    whole_row = Row(
        None, gettext("All"), total, _coverage_of(total) if known else None, Verdict.SAME, _response_rate(total),
        _measured(metric, whole), Verdict.SAME,
    )  # fmt: skip
    return Coverage(
        by=scope.by,
        metric=metric,
        rows=rows[:MOST_ROWS],
        further=len(rows) - len(rows[:MOST_ROWS]),
        total=whole_row,
        unmatched=[matcher.name for matcher in touchpoints if not matcher.event],
    )


def coverage_of(scope: Scope) -> Metric | None:
    """The coverage of everything in the scope; None when no event says when customers were there. Two queries."""
    touchpoints = matchers(scope)
    if not any(matcher.event for matcher in touchpoints):
        return None
    return _coverage_of(sum(asked_by_group(scope, touchpoints, "touchpoint").values(), Asked()))


def skipped(scope: Scope) -> list[Skipping]:
    """By agent, whether those who looked unhappy were asked less often than the others. Three queries.

    Agents with fewer than LEAST experiences of either kind are left out.
    """
    found = chosen_by_agent(scope, matchers(scope))
    enough = {
        agent: chosen for agent, chosen in found.items() if min(chosen.unhappy, chosen.others) >= LEAST
    }  # fmt: skip
    told = verdicts([_skipping_test(chosen) for chosen in enough.values()])
    rows = [
        Skipping(
            agent=agent,
            unhappy=share(chosen.unhappy_invited, chosen.unhappy),
            others=share(chosen.others_invited, chosen.others),
            difference=newcombe_difference(
                (chosen.others_invited, chosen.others), (chosen.unhappy_invited, chosen.unhappy)
            ),
            verdict=verdict,
        )
        for (agent, chosen), verdict in zip(enough.items(), told, strict=True)
    ]
    return sorted(rows, key=lambda row: (row.verdict is not Verdict.BELOW, row.difference.value, row.agent))[:MOST_ROWS]


def _skipping_test(chosen: Chosen) -> tuple[float, float | None]:
    difference = chosen.unhappy_invited / chosen.unhappy - chosen.others_invited / chosen.others
    return difference, share_p(chosen.unhappy_invited, chosen.unhappy, chosen.others_invited, chosen.others)


def _coverage_of(asked: Asked) -> Metric:
    return share(asked.invited, asked.experiences)


def _response_rate(asked: Asked) -> Metric:
    return measure_response_rate(asked.completed, asked.delivered)


def _coverage_verdicts(keys: Sequence[Any], asked: Mapping[Any, Asked], total: Asked) -> list[Verdict]:
    tests: list[tuple[float, float | None]] = []
    for key in keys:
        one = asked.get(key, Asked())
        rest = total - one
        p = share_p(one.invited, one.experiences, rest.invited, rest.experiences)
        difference = 0.0 if p is None else one.invited / one.experiences - rest.invited / rest.experiences
        tests.append((difference, p))
    return verdicts(tests)


# Scores of the groups


def _scores(scope: Scope, touchpoints: Sequence[Matcher]) -> tuple[str, dict[Any, Tally], Tally]:
    """The metric, its answers by group, and those of all groups together; anonymous ones as far as they may be shown.

    Without a metric asked for it is the one with the most answers. Surveys of the touchpoints alone: an experience is
    compared with what was said about it.
    """
    ids = {matcher.id for matcher in touchpoints}
    surveys: list[SurveyFacts] = [survey for survey in surveys_for(scope.selection) if survey.touchpoint_id in ids]
    metrics = [scope.metric] if scope.metric else list(METRICS)
    found = count(scope.selection, surveys, metrics, split=Split(by=_SPLITS[scope.by])) if surveys else {}
    answers: dict[str, int] = dict.fromkeys(metrics, 0)
    for slot, tally in found.items():
        answers[slot.metric] += sum(map(sum, tally.scales.values()))
    metric = max(metrics, key=lambda name: (answers[name], -METRICS.index(name)))
    of_metric = {slot.key: tally for slot, tally in found.items() if slot.metric == metric}
    whole = count(scope.selection, surveys, [metric]).get(Slot(metric), Tally()) if surveys else Tally()
    return metric, of_metric, whole


def _measured(metric: str, tally: Tally | None) -> Metric | None:
    """The headline score; None without answers, or where they are on several scales."""
    reading = read_tally(metric, None, tally) if tally else None
    return reading.metric if reading and (reading.metric.n or reading.metric.suppressed) else None


def _score_verdicts(keys: Sequence[Any], metric: str, tallies: Mapping[Any, Tally], whole: Tally) -> list[Verdict]:
    """Each group's score against that of all the other answers shown, on the scale that most were given on."""
    total = _measured(metric, whole)
    if total is None or total.suppressed:
        return [Verdict.FEW] * len(keys)
    rule, scale = RULES[total.rule], len(total.distribution)
    everything = whole.histogram(scale)
    return verdicts([_score_test(rule, tallies.get(key, Tally()).histogram(scale), everything) for key in keys])


def _score_test(rule: Rule, one: Histogram, everything: Histogram) -> tuple[float, float | None]:
    """(difference in the sense of better, p) of a group against the rest."""
    counts = tuple(max(0, a - b) for a, b in zip(everything.counts, one.counts, strict=True))
    rest = Histogram(one.scale, counts)
    if min(one.n, rest.n) < LEAST:
        return 0.0, None
    difference = compare(rule, rest, one)
    if difference is None:
        return 0.0, None
    p = share_p(*rule.parts(one), *rule.parts(rest)) if isinstance(rule, TopBoxRule) else difference.p
    better = difference.value if rule.higher_is_better else -difference.value
    return better, 1.0 if p is None else p


def _names(by: By, touchpoints: Sequence[Matcher]) -> Callable[[Any], str]:
    if by == "touchpoint":
        names: dict[Any, str] = {matcher.id: matcher.name for matcher in touchpoints}
    elif by == "unit":
        names = {pk: unit.name for pk, unit in unit_tree().units.items()}
    else:
        return lambda key: key or gettext("Without an agent")
    return lambda key: names.get(key) or gettext("Without a unit")


def _public(key: Any) -> str | None:
    return str(key) if isinstance(key, UUID) else key or None
