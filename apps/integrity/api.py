"""`GET /api/v1/integrity/{coverage,representativeness,flags}/`: the same figures as the pages."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.integrity.coverage import Row, coverage, skipped
from apps.integrity.doubts import doubts
from apps.integrity.hand_picked import Picking, pickings
from apps.integrity.representation import Group, representation
from apps.integrity.scope import METRICS, Scope, read_scope
from apps.metrics.statistics import Difference, Metric
from cxm.api.routers import ApiRouter
from cxm.api.viewsets import ApiView

NUMBER: dict[str, Any] = {"type": ["number", "null"]}
COUNT: dict[str, Any] = {"type": "integer"}
TEXT: dict[str, Any] = {"type": "string"}
VERDICT: dict[str, Any] = {"type": "string", "enum": ["above", "below", "not_distinguishable", "too_few"]}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(**properties: Any) -> dict[str, Any]:
    return {"type": "array", "items": _object(**properties)}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


METRIC = _object(
    value=NUMBER,
    low=NUMBER,
    high=NUMBER,
    n=COUNT,
    rule=TEXT,
    unit={"type": "string", "enum": ["points", "percent", "mean"]},
    reliability={"type": "string", "enum": ["anecdote", "weak", "usable"]},
    suppressed={"type": "boolean"},
    distribution={"type": "object", "additionalProperties": {"type": "integer"}},
)
DIFFERENCE = _or_null(_object(value=NUMBER, low=NUMBER, high=NUMBER))
_ROW: dict[str, Any] = {
    "key": {"type": ["string", "null"]},
    "label": TEXT,
    "experiences": COUNT,
    "invited": COUNT,
    "held_back": COUNT,
    "coverage": _or_null(METRIC),
    "coverage_verdict": VERDICT,
    "response_rate": METRIC,
    "score": _or_null(METRIC),
    "score_verdict": VERDICT,
}
COVERAGE_SCHEMA = _object(
    by=TEXT,
    metric=TEXT,
    total=_object(**_ROW),
    groups=_list(**_ROW),
    further=COUNT,
    without_event={"type": "array", "items": TEXT},
    skipped=_list(agent=TEXT, unhappy=METRIC, others=METRIC, difference=DIFFERENCE, verdict=VERDICT),
)
REPRESENTATIVENESS_SCHEMA = _object(
    metric=TEXT,
    customers=COUNT,
    invited=COUNT,
    respondents=COUNT,
    plain=_or_null(METRIC),
    weighted=_or_null(
        _object(value=NUMBER, low=NUMBER, high=NUMBER, n=COUNT, effective_n=NUMBER, rule=TEXT, unit=TEXT)
    ),
    not_defined=TEXT,
    cells=COUNT,
    trimmed=COUNT,
    sampled={"type": "boolean"},
    without_customer=COUNT,
    groups=_list(
        dimension={"type": "string", "enum": ["segment", "tenure"]},
        key=TEXT,
        label=TEXT,
        customers=METRIC,
        invited=METRIC,
        respondents=METRIC,
        difference=DIFFERENCE,
        verdict=VERDICT,
    ),
)
_PICKINGS = _list(key=TEXT, label=TEXT, picked=METRIC, others=METRIC, difference=DIFFERENCE, verdict=VERDICT)
FLAGS_SCHEMA = _object(
    metric=TEXT,
    plain=_or_null(METRIC),
    without_any=_or_null(METRIC),
    answers=COUNT,
    flags=_list(code=TEXT, label=TEXT, why=TEXT, caution=TEXT, answers=COUNT, scored=COUNT, without=_or_null(METRIC)),
    hand_picked=_object(surveys=_PICKINGS, senders=_PICKINGS),
)


def _parameters(**more: tuple[str, list[str] | None]) -> list[OpenApiParameter]:
    shared: dict[str, tuple[str, list[str] | None]] = {
        "survey": ("Survey id; several are comma-separated, as with every filter.", None),
        "touchpoint": ("Touchpoint key.", None),
        "unit": ("Unit id, with everything below it.", None),
        "from": ("Day (included, in the organisation's zone) or time; without a period, the last 90 days.", None),
        "to": ("Day (included) or time (excluded).", None),
        "period": ("`all` for no period at all.", ["all"]),
        "metric": ("Metric of the scores; without it the one with the most answers.", list(METRICS)),
    }
    return [
        OpenApiParameter(name, str, description=text, enum=choices) for name, (text, choices) in (shared | more).items()
    ]


class IntegrityView(ApiView):
    """What the three views share."""

    def scope(self, permission: str = "metrics.view") -> Scope:
        """What the query string names. Raises DomainErrors."""
        actor, organization = self.request.actor, self.request.organization  # type: ignore[attr-defined]
        return read_scope(self.request.query_params, actor=actor, organization=organization, permission=permission)


class CoverageView(IntegrityView):
    """Coverage by touchpoint, unit or agent."""

    required_permissions = {"get": "metrics.view"}

    @extend_schema(
        parameters=_parameters(by=("Groups; touchpoint by default.", ["touchpoint", "unit", "agent"])),
        responses={200: COVERAGE_SCHEMA},
    )
    def get(self, request: Request) -> Response:
        """Share of eligible experiences that were asked about, with response rate and score of each group.

        `key` is the id of the touchpoint or unit, or the agent's name. `skipped` is filled by agent alone.
        """
        scope = self.scope()
        table = coverage(scope)
        return Response(
            {
                "by": table.by,
                "metric": table.metric,
                "total": _row(table.total),
                "groups": [_row(row) for row in table.rows],
                "further": table.further,
                "without_event": table.unmatched,
                "skipped": [
                    {
                        "agent": row.agent,
                        "unhappy": row.unhappy.as_json(),
                        "others": row.others.as_json(),
                        "difference": _difference(row.difference),
                        "verdict": row.verdict,
                    }
                    for row in (skipped(scope) if scope.by == "agent" else ())
                ],
            }
        )


class RepresentativenessView(IntegrityView):
    """Respondents against customers."""

    required_permissions = {"get": "metrics.view"}

    @extend_schema(
        parameters=_parameters(
            by_segment=("At most six segment ids, in order; without it the segments of personas.", None)
        ),
        responses={200: REPRESENTATIVENESS_SCHEMA},
    )
    def get(self, request: Request) -> Response:
        """Customers, invited and respondents by segment and tenure; the weighted score beside the plain one.

        `weighted` is null where it is not defined; `not_defined` then says why.
        """
        found = representation(self.scope())
        weighted = found.weighted
        return Response(
            {
                "metric": found.metric,
                "customers": found.customers,
                "invited": found.invited,
                "respondents": found.respondents,
                "plain": found.plain.as_json() if found.plain else None,
                "weighted": {
                    "value": _rounded(weighted.value),
                    "low": _rounded(weighted.low),
                    "high": _rounded(weighted.high),
                    "n": weighted.n,
                    "effective_n": _rounded(weighted.effective_n),
                    "rule": weighted.rule,
                    "unit": weighted.unit,
                }
                if weighted
                else None,
                "not_defined": found.reason,
                "cells": found.cells,
                "trimmed": found.trimmed,
                "sampled": found.sampled,
                "without_customer": found.outside,
                "groups": [_group(group) for group in found.groups],
            }
        )


class FlagsView(IntegrityView):
    """Answers in doubt."""

    required_permissions = {"get": "metrics.view"}

    @extend_schema(parameters=_parameters(), responses={200: FLAGS_SCHEMA})
    def get(self, request: Request) -> Response:
        """Marks on answers, with the score as it is and as it would be without them; customers chosen by hand.

        The answers themselves are in the surveys' responses, with their `flags`.
        """
        scope = self.scope()
        found, picked = doubts(scope), pickings(scope)
        return Response(
            {
                "metric": found.metric,
                "plain": _metric(found.plain),
                "without_any": _metric(found.without),
                "answers": found.answers,
                "flags": [
                    {
                        "code": mark.flag.code,
                        "label": str(mark.flag.label),
                        "why": str(mark.flag.why),
                        "caution": str(mark.flag.caution),
                        "answers": mark.answers,
                        "scored": mark.scored,
                        "without": _metric(mark.without),
                    }
                    for mark in found.marks
                ],
                "hand_picked": {
                    "surveys": [_picking(row) for row in picked.surveys],
                    "senders": [_picking(row) for row in picked.senders],
                },
            }
        )


def _metric(metric: Metric | None) -> dict[str, object] | None:
    return metric.as_json() if metric else None


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4) + 0.0


def _difference(difference: Difference | None) -> dict[str, float | None] | None:
    if difference is None:
        return None
    return {
        "value": _rounded(difference.plain),
        "low": _rounded(difference.low),
        "high": _rounded(difference.high),
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "label": row.label,
        "experiences": row.asked.experiences,
        "invited": row.asked.invited,
        "held_back": row.asked.held_back,
        "coverage": _metric(row.coverage),
        "coverage_verdict": row.coverage_verdict,
        "response_rate": row.response_rate.as_json(),
        "score": _metric(row.score),
        "score_verdict": row.score_verdict,
    }


def _group(group: Group) -> dict[str, Any]:
    known = group.difference is not None
    return {
        "dimension": group.dimension,
        "key": group.key,
        "label": group.label,
        "customers": group.customers.as_json(),
        "invited": group.invited.as_json(),
        "respondents": group.respondents.as_json(),
        "difference": {
            "value": _rounded(group.difference),
            "low": _rounded(group.low),
            "high": _rounded(group.high),
        }
        if known
        else None,
        "verdict": group.verdict,
    }


def _picking(row: Picking) -> dict[str, Any]:
    return {
        "key": row.key,
        "label": row.label,
        "picked": row.picked.as_json(),
        "others": row.others.as_json(),
        "difference": _difference(row.difference),
        "verdict": row.verdict,
    }


def register(router: ApiRouter) -> None:
    """Add the three views to the API."""
    router.register_view("integrity/coverage/", CoverageView, name="integrity-coverage")
    router.register_view("integrity/representativeness/", RepresentativenessView, name="integrity-representativeness")
    router.register_view("integrity/flags/", FlagsView, name="integrity-flags")
