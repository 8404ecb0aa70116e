"""Every answer that counts towards a score, as rows of SQL: the one source of the histograms and of their check.

A response carries the score of its survey's headline question in columns. A survey may ask more questions that are
measured; their scores stand in the answers and are read from there, by the definition of the version that was answered.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from apps.surveys.models import Response, SurveyVersion
from cxm.scope import current_tenant_id

DIMENSIONS = ("survey_id", "question", "metric", "scale", "touchpoint_id", "channel", "unit_id", "day")
COUNTS = tuple(f"c{score}" for score in range(11))

SCORED_ANSWERS = """
    SELECT r.survey_id, r.score_question AS question, r.metric, r.scale,
           r.touchpoint_id, r.channel, r.unit_id, r.day, r.score
      FROM surveys_response r
     WHERE r.tenant_id = %(tenant)s AND r.state = ANY(%(states)s)
       AND r.score IS NOT NULL AND r.metric <> '' AND {bucket}
    UNION ALL
    SELECT r.survey_id, q.question, q.metric, q.scale,
           r.touchpoint_id, r.channel, r.unit_id, r.day, (r.answers ->> q.question)::numeric::smallint
      FROM surveys_response r
      JOIN unnest(%(surveys)s::uuid[], %(versions)s::int[],
                  %(questions)s::text[], %(metrics)s::text[], %(scales)s::int[])
           AS q(survey_id, version, question, metric, scale)
        ON q.survey_id = r.survey_id AND q.version = r.version
     WHERE r.tenant_id = %(tenant)s AND r.state = ANY(%(states)s)
       AND q.question <> r.score_question AND jsonb_typeof(r.answers -> q.question) = 'number' AND {bucket}
"""

HISTOGRAMS = f"""
    SELECT {", ".join(DIMENSIONS)}, {", ".join(f"count(*) FILTER (WHERE score = {i}) AS c{i}" for i in range(11))}
      FROM ({SCORED_ANSWERS}) answers
     GROUP BY {", ".join(DIMENSIONS)}
"""


@dataclass(frozen=True, slots=True)
class ScoredQuestion:
    """A measured question of one published version."""

    survey_id: UUID
    version: int
    question: str
    metric: str
    scale: int


def counted_states(include_provisional: bool) -> list[str]:
    """The states of a response that count: submitted, and provisional ones where the organisation wants them."""
    states = Response.State
    provisional = [states.PROVISIONAL_INTERACTION, states.PROVISIONAL_DWELL] if include_provisional else []
    return [str(state) for state in (states.SUBMITTED, *provisional)]


def further_questions(survey_ids: Collection[UUID] | None = None) -> list[ScoredQuestion]:
    """Measured questions of the surveys (None = all) beyond one a version.

    Where a version measures a single question its score stands in the columns of the response, so only surveys with
    more are listed. One query for the numbers of versions; definitions, which never change, are read once a process.
    """
    versions = SurveyVersion.objects.filter(survey__in=survey_ids) if survey_ids is not None else SurveyVersion.objects
    found = []
    for survey_id, number in versions.values_list("survey_id", "number"):
        measured = _measured(current_tenant_id(), survey_id, number)
        if len(measured) > 1:
            found += [ScoredQuestion(survey_id, number, *question) for question in measured]
    return found


@lru_cache(maxsize=4096)
def _measured(tenant_id: UUID, survey_id: UUID, version: int) -> tuple[tuple[str, str, int], ...]:
    """(question, metric, scale) of a published version; cached because a version is frozen."""
    definition = SurveyVersion.objects.values_list("definition", flat=True).get(survey_id=survey_id, number=version)
    return tuple(
        (question["id"], question["metric"], question["scale"])
        for page in definition.get("pages", ())
        for question in page.get("questions", ())
        if question.get("metric") and question.get("scale")
    )


def parameters(states: list[str], questions: list[ScoredQuestion]) -> dict[str, Any]:
    """Parameters of SCORED_ANSWERS without those of its bucket."""
    return {
        "tenant": current_tenant_id(),
        "states": states,
        "surveys": [str(question.survey_id) for question in questions],
        "versions": [question.version for question in questions],
        "questions": [question.question for question in questions],
        "metrics": [question.metric for question in questions],
        "scales": [question.scale for question in questions],
    }
