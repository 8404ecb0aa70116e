"""Respondents against customers, by segment and tenure; the score weighted to the customers beside the plain one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from django.db import connection
from django.utils.timezone import now
from django.utils.translation import gettext

from apps.dispatch.queries import DELIVERED_STATES
from apps.integrity.comparisons import Verdict, benjamini_hochberg
from apps.integrity.coverage import share
from apps.integrity.scope import METRICS, Scope
from apps.integrity.weighting import (
    LEAST_ANSWERS,
    Cell,
    WeightedScore,
    pooled,
    unanswered,
    weigh,
    weighted_score,
)
from apps.metrics.counting import Tally, surveys_for
from apps.metrics.queries import read_tally
from apps.metrics.scored_answers import counted_states
from apps.metrics.statistics import RULES, Histogram, Metric, normal_p
from apps.segments.models import Segment
from cxm.scope import current_tenant_id

DAYS: Final = (90, 365, 3 * 365)
"""Ends of the bands of tenure, in days, excluded: less than 90 days, up to a year, up to three, and longer."""
RULE: Final = "share.v1"
LEAST_ASKED: Final = 10


@dataclass(frozen=True, slots=True)
class Group:
    """One segment or band: shares in percent of the customers, the invited and the respondents.

    The customers are counted, not sampled, so their share has no error of its own: the difference (respondents less
    customers, in points) has the interval of the respondents' share.
    """

    dimension: str
    key: str
    label: str
    customers: Metric
    invited: Metric
    respondents: Metric
    difference: float | None
    low: float | None
    high: float | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Representation:
    """The table, the plain score, and the weighted one or why there is none.

    `customers`, `invited` and `respondents` count people. `outside` are scored answers that stand for nobody in the
    table: without a customer, of prospects, or of people whose data is not to be used. `sampled`: not everybody was
    asked with certainty, and answers count by their probability.
    """

    groups: list[Group]
    customers: int
    invited: int
    respondents: int
    metric: str
    plain: Metric | None
    weighted: WeightedScore | None
    reason: str
    cells: int
    trimmed: int
    sampled: bool
    outside: int


_STATEMENT: Final = """
    WITH people AS MATERIALIZED (
        SELECT c.id AS customer, COALESCE(s.place, %(others)s) AS segment,
               CASE WHEN since > %(new)s THEN 0 WHEN since > %(year)s THEN 1 WHEN since > %(long)s THEN 2 ELSE 3 END
               AS band
          FROM (SELECT p.id, LEAST(p.created_at, f.at) AS since
                  FROM customers_customer p
                  LEFT JOIN (SELECT customer_id, min(occurred_at) AS at FROM interactions_interaction
                              WHERE tenant_id = %(tenant)s AND customer_id IS NOT NULL GROUP BY customer_id) f
                    ON f.customer_id = p.id
                 WHERE p.tenant_id = %(tenant)s AND p.merged_into_id IS NULL AND p.restricted_at IS NULL
                   AND p.stage <> 'prospect' {of_units}) c
          LEFT JOIN (SELECT m.customer_id, min(w.place) - 1 AS place
                       FROM unnest(%(segments)s::uuid[]) WITH ORDINALITY AS w(segment, place)
                       JOIN segments_segmentmember m ON m.segment_id = w.segment
                      WHERE m.tenant_id = %(tenant)s GROUP BY m.customer_id) s ON s.customer_id = c.id
    ), answers AS MATERIALIZED (
        SELECT r.customer_id AS customer, r.invitation_id, r.metric, r.scale, r.score
          FROM surveys_response r
         WHERE r.tenant_id = %(tenant)s AND r.survey_id = ANY(%(surveys)s::uuid[]) AND r.state = ANY(%(states)s)
           AND {window} {of_answers}
    ), invited AS (
        SELECT DISTINCT v.customer_id AS customer FROM dispatch_invitation v
         WHERE v.tenant_id = %(tenant)s AND v.survey_id = ANY(%(surveys)s::uuid[]) AND v.state = ANY(%(delivered)s)
           AND v.send_at >= %(start)s AND v.send_at < %(end)s AND v.customer_id IS NOT NULL {of_touchpoints}
    )
    SELECT 'people', p.segment, p.band, NULL::float, NULL::text, NULL::int, NULL::int,
           count(*), count(i.customer), count(a.customer)
      FROM people p
      LEFT JOIN invited i ON i.customer = p.customer
      LEFT JOIN (SELECT DISTINCT customer FROM answers WHERE customer IS NOT NULL) a ON a.customer = p.customer
     GROUP BY 2, 3
    UNION ALL
    SELECT 'answers', p.segment, p.band, COALESCE(v.probability, 1.0), a.metric, a.scale, a.score, count(*), 0, 0
      FROM answers a
      LEFT JOIN people p ON p.customer = a.customer
      LEFT JOIN dispatch_invitation v ON v.tenant_id = %(tenant)s AND v.id = a.invitation_id AND v.probability < 1
     WHERE a.score IS NOT NULL AND a.metric = ANY(%(metrics)s)
     GROUP BY 2, 3, 4, 5, 6, 7
"""


def representation(scope: Scope) -> Representation:
    """The table and the two scores. Four queries.

    Answers to the headline questions of surveys of customers that are not anonymous: an anonymous answer has no
    customer. A customer belongs to the first of the scope's segments that holds them, and to the band of the time from
    their first known day (their record or their first interaction) to the end of the window.
    """
    surveys = [survey for survey in surveys_for(scope.selection) if not survey.anonymous and not survey.employees]
    names = dict(Segment.objects.filter(pk__in=scope.segments).values_list("pk", "name"))
    segments = [pk for pk in scope.segments if pk in names]
    labels = [*(names[pk] for pk in segments), gettext("In none of these segments")]
    rows = _read(scope, [str(survey.id) for survey in surveys], [str(pk) for pk in segments])
    people: dict[tuple[int, int], tuple[int, int, int]] = {}
    answers: dict[tuple[str, int], dict[tuple[int, int], dict[float, dict[int, int]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    outside: dict[tuple[str, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for kind, segment, band, chance, metric, scale, score, n, invited, answered in rows:
        if kind == "people":
            people[segment, band] = (n, invited, answered)
        elif segment is None:
            outside[metric, scale][score] += n
        else:
            of_score = answers[metric, scale][segment, band][chance]
            of_score[score] = of_score.get(score, 0) + n
    metric, scale = _asked_most(scope, answers, outside)
    tally = Tally()
    for (name, points), counts in _all_counts(answers, outside).items():
        if name == metric:
            tally.scales[points] = counts
    reading = read_tally(metric, None, tally)
    plain = reading.metric if reading and reading.metric.n else None
    grid = [
        [
            Cell(
                people.get((row, band), (0, 0, 0))[0],
                {chance: Histogram.of(scale, counts) for chance, counts in answers[metric, scale][row, band].items()}
                if scale
                else {},
            )
            for band in range(len(DAYS) + 1)
        ]
        for row in range(len(segments) + 1)
    ]
    grid = [row for row in grid if any(cell.customers or cell.n for cell in row)] or grid[:1]
    weighted, reason, cells, trimmed = _weighted(grid, plain, len(tally.scales), bool(surveys), labels, people)
    return Representation(
        groups=_groups(people, labels, [str(pk) for pk in segments]),
        customers=sum(n for n, _invited, _answered in people.values()),
        invited=sum(invited for _n, invited, _answered in people.values()),
        respondents=sum(answered for _n, _invited, answered in people.values()),
        metric=metric,
        plain=plain,
        weighted=weighted,
        reason=reason,
        cells=cells,
        trimmed=trimmed,
        sampled=any(chance < 1 for cell in answers[metric, scale].values() for chance in cell),
        outside=sum(outside[metric, scale].values()),
    )


def _read(scope: Scope, surveys: list[str], segments: list[str]) -> list[tuple[Any, ...]]:
    selection = scope.selection
    end = min(scope.end, now())
    if selection.since is not None or selection.until is not None:
        window = "r.occurred_at >= %(start)s AND r.occurred_at < %(end)s"
    else:
        window = "r.day >= %(first)s AND r.day <= %(last)s"
    of_answers = "AND r.unit_id = ANY(%(units)s::uuid[])" if selection.units is not None else ""
    touchpoints = selection.touchpoints is not None
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "surveys": surveys,
        "segments": segments,
        "others": len(segments),
        "units": [str(pk) for pk in selection.units or ()],
        "touchpoints": [str(pk) for pk in selection.touchpoints or ()],
        "states": [str(state) for state in counted_states(selection.include_provisional)],
        "delivered": [str(state) for state in DELIVERED_STATES],
        "metrics": [scope.metric] if scope.metric else list(METRICS),
        "start": scope.start,
        "end": scope.end,
        "first": selection.first or date(1900, 1, 1),
        "last": selection.last or date(2200, 1, 1),
        "new": end - timedelta(days=DAYS[0]),
        "year": end - timedelta(days=DAYS[1]),
        "long": end - timedelta(days=DAYS[2]),
    }
    statement = _STATEMENT.format(
        window=window,
        of_units="AND p.unit_id = ANY(%(units)s::uuid[])" if selection.units is not None else "",
        of_answers=of_answers + (" AND r.touchpoint_id = ANY(%(touchpoints)s::uuid[])" if touchpoints else ""),
        of_touchpoints="AND v.touchpoint_id = ANY(%(touchpoints)s::uuid[])" if touchpoints else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _all_counts(answers: Any, outside: Any) -> dict[tuple[str, int], list[int]]:
    """Every scored answer, as the columns of a tally."""
    found: dict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * 11)
    for key, cells in answers.items():
        for cell in cells.values():
            for counts in cell.values():
                for score, n in counts.items():
                    found[key][score] += n
    for key, counts in outside.items():
        for score, n in counts.items():
            found[key][score] += n
    return {key: counts for key, counts in found.items() if sum(counts)}


def _asked_most(scope: Scope, answers: Any, outside: Any) -> tuple[str, int]:
    """The metric asked for, else the one with the most answers; and its scale with the most (0 without answers)."""
    totals = {key: sum(counts) for key, counts in _all_counts(answers, outside).items()}
    if not totals:
        return scope.metric or METRICS[0], 0
    return max(totals, key=lambda key: (totals[key], -METRICS.index(key[0]), key[1]))


def _weighted(
    grid: Sequence[Sequence[Cell]],
    plain: Metric | None,
    scales: int,
    any_survey: bool,
    labels: Sequence[str],
    people: dict[tuple[int, int], tuple[int, int, int]],
) -> tuple[WeightedScore | None, str, int, int]:
    """The weighted score, or why it is not defined; from how many cells; how many weights were trimmed."""
    inside = sum(cell.n for row in grid for cell in row if cell.customers)
    if not any_survey:
        return None, gettext("Anonymous answers have no customer to be weighted by."), 0, 0
    if scales > 1:
        return None, gettext("The answers are on several scales. Choose one survey."), 0, 0
    if plain is None or inside < LEAST_ANSWERS:
        message = gettext("Weighting needs at least %(least)s answers of known customers; there are %(n)s.")
        return None, message % {"least": LEAST_ANSWERS, "n": inside}, 0, 0
    if silent := _silent(people, labels):
        message = gettext("Nobody answered of: %(groups)s. No weight can make up for that.")
        return None, message % {"groups": ", ".join(silent)}, 0, 0
    cells = pooled(grid)
    weighting = weigh(cells)
    return (
        weighted_score(RULES[plain.rule], weighting.parts),
        "",
        weighting.cells,
        weighting.trimmed,
    )


def _silent(people: dict[tuple[int, int], tuple[int, int, int]], labels: Sequence[str]) -> list[str]:
    one = Histogram.of(11, {10: 1})
    grid = [
        [
            Cell(held, {1.0: one} if answered else {})
            for held, _invited, answered in (people.get((row, band), (0, 0, 0)) for band in range(len(DAYS) + 1))
        ]
        for row in range(len(labels))
    ]
    rows, bands = unanswered(grid)
    named = [labels[row] for row in rows] if len(labels) > 1 else []
    return [*named, *(band_labels()[band] for band in bands)]


def band_labels() -> list[str]:
    """The bands of tenure in words."""
    return [
        gettext("Less than 90 days"),
        gettext("90 days to a year"),
        gettext("1 to 3 years"),
        gettext("More than 3 years"),
    ]


BAND_KEYS: Final = ("under_90_days", "90_to_365_days", "1_to_3_years", "over_3_years")


def _groups(
    people: dict[tuple[int, int], tuple[int, int, int]], labels: Sequence[str], segments: Sequence[str]
) -> list[Group]:
    """Segments (where any are told apart), then bands. All differences are judged together."""
    lines: list[tuple[str, str, str, tuple[int, int, int]]] = []
    if segments:
        for place, label in enumerate(labels):
            key = segments[place] if place < len(segments) else "none"
            lines.append(("segment", key, label, _sum(people, lambda where, p=place: where[0] == p)))  # type: ignore[misc]
    for band, label in enumerate(band_labels()):
        lines.append(("tenure", BAND_KEYS[band], label, _sum(people, lambda where, b=band: where[1] == b)))  # type: ignore[misc]
    customers, invited, respondents = _sum(people, lambda _where: True)
    tests = [_against(held, answered, customers, respondents) for _d, _k, _l, (held, _i, answered) in lines]
    marked = benjamini_hochberg(tests)
    found = []
    for (dimension, key, label, (held, asked, answered)), p, clear in zip(lines, tests, marked, strict=True):
        of_all, of_answers = share(held, customers, RULE), share(answered, respondents, RULE)
        difference = low = high = None
        if of_all.value is not None and of_answers.value is not None:
            assert of_answers.low is not None and of_answers.high is not None
            difference = of_answers.value - of_all.value
            low, high = of_answers.low - of_all.value, of_answers.high - of_all.value
        verdict = Verdict.FEW if p is None else Verdict.SAME
        if clear and difference:
            verdict = Verdict.ABOVE if difference > 0 else Verdict.BELOW
        found.append(
            Group(
                dimension, key, label, of_all, share(asked, invited, RULE), of_answers, difference, low, high, verdict
            )
        )
    return found


def _sum(people: dict[tuple[int, int], tuple[int, int, int]], fits: Any) -> tuple[int, int, int]:
    rows = [counts for where, counts in people.items() if fits(where)]
    return sum(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows)


def _against(held: int, answered: int, customers: int, respondents: int) -> float | None:
    """Two-sided p of a respondents' share against a known share of the customers (score test of one proportion)."""
    if respondents < LEAST_ASKED or not customers:
        return None
    share_held = held / customers
    if share_held in (0.0, 1.0):
        return 1.0
    error = (share_held * (1 - share_held) / respondents) ** 0.5
    return normal_p((answered / respondents - share_held) / error)
