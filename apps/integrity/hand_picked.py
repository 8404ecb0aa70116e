"""Invitees chosen by hand against those that a segment, a plan, an event or another system chose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import connection
from django.utils.translation import gettext

from apps.integrity.comparisons import LEAST, Verdict, share_p, verdicts
from apps.integrity.scope import Scope
from apps.metrics.counting import Tally, surveys_for
from apps.metrics.queries import read_tally
from apps.metrics.scored_answers import counted_states
from apps.metrics.statistics import RULES, Difference, Histogram, Metric, TopBoxRule, compare
from cxm.scope import current_tenant_id

FEW: Final = 50
"""Customers in one sending that somebody can have picked one by one."""

HAND_PICKED_BATCHES: Final = f"""
    SELECT b.id AS batch_id, b.survey_id, b.created_by_id AS sender
      FROM dispatch_invitationbatch b
     WHERE b.tenant_id = %(tenant)s AND b.plan_id IS NULL AND b.created_by_id IS NOT NULL
       AND (SELECT count(*) FROM (SELECT 1 FROM dispatch_invitation v
             WHERE v.tenant_id = b.tenant_id AND v.batch_id = b.id LIMIT {FEW + 1}) few) <= {FEW}
"""
"""Sendings by a person (not by a key of another system), without a plan, to few customers. More may follow with AND."""

_SCORES: Final = """
    WITH picked AS ({picked} AND b.survey_id = ANY(%(surveys)s::uuid[]))
    SELECT r.survey_id, p.batch_id IS NOT NULL, p.sender, r.metric, r.scale, r.score, count(*)
      FROM surveys_response r
      JOIN dispatch_invitation v ON v.tenant_id = r.tenant_id AND v.id = r.invitation_id
      LEFT JOIN picked p ON p.batch_id = v.batch_id
     WHERE r.tenant_id = %(tenant)s AND r.survey_id = ANY(%(surveys)s::uuid[]) AND r.state = ANY(%(states)s)
       AND r.score IS NOT NULL AND r.metric <> '' AND r.invitation_id IS NOT NULL
       AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {units} {touchpoints}
       AND EXISTS (SELECT 1 FROM picked)
     GROUP BY 1, 2, 3, 4, 5, 6
"""


@dataclass(frozen=True, slots=True)
class Picking:
    """Answers of those chosen by hand and of all others invited to the same surveys. `difference` is None where either
    has no answer or too few for the rule."""

    key: str
    label: str
    picked: Metric
    others: Metric
    difference: Difference | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Pickings:
    """By survey, and by colleague who chose; those above the others first."""

    surveys: list[Picking]
    senders: list[Picking]


Scores = dict[tuple[str, int], list[int]]
"""Eleven counts by metric and scale."""


def pickings(scope: Scope) -> Pickings:
    """Whether customers chosen by hand score higher than the others. Three queries; nothing without such a sending."""
    surveys = {
        survey.id: survey for survey in surveys_for(scope.selection) if not survey.anonymous and not survey.employees
    }
    picked: dict[UUID, Scores] = defaultdict(dict)
    others: dict[UUID, Scores] = defaultdict(dict)
    of_sender: dict[UUID, Scores] = defaultdict(dict)
    surveys_of: dict[UUID, set[UUID]] = defaultdict(set)
    for survey, is_picked, sender, metric, scale, score, n in _read(scope, [str(pk) for pk in surveys]):
        _add((picked if is_picked else others)[survey], metric, scale, score, n)
        if is_picked:
            _add(of_sender[sender], metric, scale, score, n)
            surveys_of[sender].add(survey)
    names = {
        user.pk: user.name or user.email for user in get_user_model().objects.filter(pk__in=of_sender)
    }  # fmt: skip
    by_survey = [
        (str(pk), surveys[pk].name, scores, others.get(pk, {})) for pk, scores in picked.items()
    ]  # fmt: skip
    by_sender = [
        (str(pk), names.get(pk) or gettext("Somebody who left"), scores, _sum(others, surveys_of[pk]))
        for pk, scores in of_sender.items()
    ]
    return Pickings(_compared(by_survey), _compared(by_sender))


def _read(scope: Scope, surveys: Sequence[str]) -> list[tuple[Any, ...]]:
    selection = scope.selection
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "surveys": surveys,
        "states": [str(state) for state in counted_states(selection.include_provisional)],
        "start": scope.start,
        "end": scope.end,
        "units": [str(pk) for pk in selection.units or ()],
        "touchpoints": [str(pk) for pk in selection.touchpoints or ()],
    }
    statement = _SCORES.format(
        picked=HAND_PICKED_BATCHES,
        units="AND r.unit_id = ANY(%(units)s::uuid[])" if selection.units is not None else "",
        touchpoints="AND r.touchpoint_id = ANY(%(touchpoints)s::uuid[])" if selection.touchpoints is not None else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _add(scores: Scores, metric: str, scale: int, score: int, n: int) -> None:
    scores.setdefault((metric, scale), [0] * 11)[score] += n


def _sum(others: Mapping[UUID, Scores], surveys: set[UUID]) -> Scores:
    found: Scores = {}
    for survey in surveys:
        for key, counts in others.get(survey, {}).items():
            found[key] = [a + b for a, b in zip(found.get(key, [0] * 11), counts, strict=True)]
    return found


def _compared(rows: Sequence[tuple[str, str, Scores, Scores]]) -> list[Picking]:
    """Each compared on the metric and scale that most of those chosen answered; all judged together."""
    found = []
    tests: list[tuple[float, float | None]] = []
    for key, label, picked, others in rows:
        metric, scale = max(picked, key=lambda of: (sum(picked[of]), of))
        counts = (others.get((metric, scale), [0] * 11), picked[metric, scale])
        readings = [read_tally(metric, None, Tally(scales={scale: list(count)})) for count in counts]
        if readings[0] is None or readings[1] is None:
            continue
        rule = RULES[readings[1].metric.rule]
        before, after = (Histogram.from_columns(scale, count) for count in counts)
        difference = compare(rule, before, after)
        p = None
        if difference is not None and min(before.n, after.n) >= LEAST:
            p = (
                share_p(*rule.parts(after), *rule.parts(before))
                if isinstance(rule, TopBoxRule)
                else 1.0
                if difference.p is None
                else difference.p
            )
        better = 0.0 if difference is None else difference.value if rule.higher_is_better else -difference.value
        tests.append((better, p))
        found.append((key, label, readings[1].metric, readings[0].metric, difference))
    told = verdicts(tests)
    compared = [Picking(*row, verdict) for row, verdict in zip(found, told, strict=True)]
    return sorted(compared, key=lambda row: (row.verdict is not Verdict.ABOVE, -row.picked.n, row.label))
