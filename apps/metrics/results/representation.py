"""The results of a survey in the shape of the API, and its schema. Every figure carries interval, n and rule."""

from __future__ import annotations

from typing import Any

from apps.metrics.counting import INTERVALS
from apps.metrics.results.reading import MatrixRow, NumberResult, QuestionResult, Rank, Share, SurveyResults
from apps.metrics.results.teams import TeamRow, TeamTable
from apps.metrics.statistics import Metric
from apps.surveys.breaks import Break


def represent_results(results: SurveyResults) -> dict[str, Any]:
    """The documented object of `surveys/{id}/results/`."""
    survey = str(results.survey.id)
    return {
        "survey": survey,
        "n": results.n,
        "suppressed": results.n is None,
        "metric": results.metric or None,
        "headline": results.headline.as_json() if results.headline else None,
        "interval": results.interval,
        "series": [{"period": period.start.isoformat(), **period.metric.as_json()} for period in results.series],
        "breaks": [represent_break(survey, one) for one in results.breaks],
        "questions": [_question(survey, result) for result in results.questions],
    }


def represent_break(survey: str, one: Break) -> dict[str, Any]:
    """A place where the line of a score breaks."""
    return {
        "at": one.at.isoformat().replace("+00:00", "Z"),
        "survey": survey,
        "version": one.version,
        "question": one.question,
        "reason": one.what,
    }


def figure_of(metric: Metric, **more: Any) -> dict[str, Any]:
    """A figure that counts no scores: as a metric, without the distribution."""
    shape = metric.as_json()
    del shape["distribution"]
    return {**shape, **more}


def _question(survey: str, result: QuestionResult) -> dict[str, Any]:
    question = result.question
    shape: dict[str, Any] = {
        "id": question.id,
        "type": question.type,
        "title": dict(question.question.title),
        "metric": question.question.metric or None,
        "scale": question.question.scale or None,
        "versions": question.versions,
        "retired": question.retired,
        "shown": result.shown,
        "answered": None if result.suppressed else result.answered,
        "skipped": result.skipped,
        "suppressed": result.suppressed,
        "breaks": [represent_break(survey, one) for one in result.breaks],
        "score": result.score.as_json() if result.score else None,
        "choices": [_share(share) for share in result.shares],
        "rows": [_row(row) for row in result.rows],
        "ranks": [_rank(rank) for rank in result.ranks],
        "number": _number(result.number) if result.number else None,
        "months": [{"month": month, "count": count} for month, count in result.months],
        "comments": [answer.text for answer in result.texts],
    }
    return shape


def _share(share: Share) -> dict[str, Any]:
    return figure_of(share.metric, id=share.id, label=share.label, count=share.count)


def _row(row: MatrixRow) -> dict[str, Any]:
    columns = [_share(cell) for cell in row.cells]
    return {"id": row.id, "label": row.label, "answered": row.answered, "columns": columns}


def _rank(rank: Rank) -> dict[str, Any]:
    return {
        "id": rank.id,
        "label": rank.label,
        "placed": rank.placed,
        "mean_rank": None if rank.mean is None else round(rank.mean, 4),
        "first": _share(rank.first),
    }


def _number(number: NumberResult) -> dict[str, Any]:
    spread = number.spread
    return {
        "mean": figure_of(number.mean),
        "median": spread.quartiles[1] if spread else None,
        "quartiles": list(spread.quartiles) if spread else None,
        "lowest": spread.low if spread else None,
        "highest": spread.high if spread else None,
        "bins": [{"from": low, "to": high, "count": count} for low, high, count in spread.bins] if spread else [],
    }


# Schema

NULLABLE_NUMBER = {"type": ["number", "null"]}
NULLABLE_INTEGER = {"type": ["integer", "null"]}
FIGURE: dict[str, Any] = {
    "value": NULLABLE_NUMBER,
    "low": NULLABLE_NUMBER,
    "high": NULLABLE_NUMBER,
    "n": {"type": "integer"},
    "rule": {"type": "string"},
    "unit": {"type": "string", "enum": ["points", "percent", "mean"]},
    "reliability": {"type": "string", "enum": ["anecdote", "weak", "usable"]},
    "suppressed": {"type": "boolean"},
}
DISTRIBUTION = {"type": "object", "additionalProperties": {"type": "integer"}}


def _object(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": ["object", "null"]}


TEXT = {"type": "string"}
COUNT = {"type": "integer"}
SHARE = _object(id=TEXT, label=TEXT, count=COUNT, **FIGURE)
SCORE = _object(**FIGURE, distribution=DISTRIBUTION)
BREAK = _object(
    at={"type": "string", "format": "date-time"},
    survey={"type": "string", "format": "uuid"},
    version=COUNT,
    question=TEXT,
    reason={"type": "string", "enum": ["wording", "scale"]},
)
QUESTION = _object(
    id=TEXT,
    type=TEXT,
    title={"type": "object", "additionalProperties": TEXT},
    metric={"type": ["string", "null"]},
    scale=NULLABLE_INTEGER,
    versions=_list(COUNT),
    retired={"type": "boolean"},
    shown=NULLABLE_INTEGER,
    answered=NULLABLE_INTEGER,
    skipped=NULLABLE_INTEGER,
    suppressed={"type": "boolean"},
    breaks=_list(BREAK),
    score=_or_null(SCORE),
    choices=_list(SHARE),
    rows=_list(_object(id=TEXT, label=TEXT, answered=COUNT, columns=_list(SHARE))),
    ranks=_list(_object(id=TEXT, label=TEXT, placed=COUNT, mean_rank=NULLABLE_NUMBER, first=SHARE)),
    number=_or_null(
        _object(
            mean=_object(**FIGURE),
            median=NULLABLE_NUMBER,
            quartiles={"type": ["array", "null"], "items": {"type": "number"}},
            lowest=NULLABLE_NUMBER,
            highest=NULLABLE_NUMBER,
            bins=_list(_object(**{"from": {"type": "number"}, "to": {"type": "number"}, "count": COUNT})),
        )
    ),
    months=_list(_object(month=TEXT, count=COUNT)),
    comments=_list(TEXT),
)
RESULTS_SCHEMA = _object(
    survey={"type": "string", "format": "uuid"},
    n=NULLABLE_INTEGER,
    suppressed={"type": "boolean"},
    metric={"type": ["string", "null"]},
    headline=_or_null(SCORE),
    interval={"type": "string", "enum": list(INTERVALS)},
    series=_list(_object(period={"type": "string", "format": "date"}, **FIGURE, distribution=DISTRIBUTION)),
    breaks=_list(BREAK),
    questions=_list(QUESTION),
)


def represent_teams(table: TeamTable) -> dict[str, Any]:
    """The documented object of `surveys/{id}/teams/`."""
    names = [question.id for question in table.questions]

    def row(of: TeamRow) -> dict[str, Any]:
        return {
            "unit": str(of.unit.id) if of.unit else None,
            "name": of.unit.name if of.unit else None,
            "level": of.level,
            "scores": [{"question": name, **metric.as_json()} for name, metric in zip(names, of.scores, strict=False)],
            "index": figure_of(of.scores[-1]) if table.has_index else None,
            "touchpoints": [
                {
                    "touchpoint": owned.touchpoint.key,
                    "name": owned.touchpoint.name,
                    "scores": {name: reading.metric.as_json() for name, reading in owned.readings.items()},
                }
                for owned in of.owned
            ],
        }

    return {"all": row(table.whole), "teams": [row(of) for of in table.rows]}


TEAM = _object(
    unit={"type": ["string", "null"], "format": "uuid"},
    name={"type": ["string", "null"]},
    level=COUNT,
    scores=_list(_object(question=TEXT, **FIGURE, distribution=DISTRIBUTION)),
    index=_or_null(_object(**FIGURE)),
    touchpoints=_list(_object(touchpoint=TEXT, name=TEXT, scores={"type": "object", "additionalProperties": SCORE})),
)
TEAMS_SCHEMA = _object(all=TEAM, teams=_list(TEAM))
