"""`journeys/{id}/curves/`: belief, insights and measurement of every step of the published map, and where they part."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.journeys import queries
from apps.journeys.curves import Point
from apps.journeys.overlay import curves_over, read_overlay
from cxm.api.problems import BadBody
from cxm.api.viewsets import TenantViewSet

FILTER_PARAMETERS = [
    OpenApiParameter("from", str, description="Day (included, in the organisation's zone) or time."),
    OpenApiParameter("to", str, description="Day (included) or time (excluded)."),
    OpenApiParameter("segment", str, description="Only answers of customers in this segment."),
    OpenApiParameter("persona", str, description="Only answers of the people behind this persona."),
    OpenApiParameter("channel", str, description="Only answers that came by this channel."),
    OpenApiParameter("version", int, description="Only experiences while this version was in force."),
]
METRIC_SCHEMA: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "value": {"type": ["number", "null"]},
        "low": {"type": ["number", "null"]},
        "high": {"type": ["number", "null"]},
        "n": {"type": "integer"},
        "rule": {"type": "string"},
        "unit": {"type": "string", "enum": ["points", "percent", "mean"]},
        "reliability": {"type": "string", "enum": ["anecdote", "weak", "usable"]},
        "suppressed": {"type": "boolean"},
        "distribution": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}
POSITION: dict[str, Any] = {"type": ["number", "null"], "minimum": -2, "maximum": 2}
COMPARISON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["position", "measured", "low", "high", "gap", "clear"],
    "properties": {
        "position": {**POSITION, "description": "Rank of the belief (or insights) within the map, on -2..+2."},
        "measured": {**POSITION, "description": "Rank of the measured score among the same steps."},
        "low": {**POSITION, "description": "Rank that the lower end of the interval would take."},
        "high": POSITION,
        "gap": {"type": ["number", "null"], "description": "position - measured: above 0 customers rate it worse."},
        "clear": {
            "type": "boolean",
            "description": "A gap of 1 or more, on 30 answers or more, outside the interval. Of a belief: a delusion.",
        },
    },
}


def curves_schema() -> dict[str, Any]:
    """The answer's shape."""
    step = {
        "type": "object",
        "required": ["step", "name", "stage", "moment_of_truth", "belief", "score", "touchpoint", "insights", "reason"],
        "properties": {
            "step": {"type": "string", "format": "uuid"},
            "name": {"type": "string"},
            "stage": {"type": "string"},
            "moment_of_truth": {"type": "boolean"},
            "belief": {**POSITION, "description": "What the team drew."},
            "score": METRIC_SCHEMA,
            "touchpoint": {
                "type": ["string", "null"],
                "description": "The step's worst touchpoint: whose score it is.",
            },
            "insights": {
                "type": ["object", "null"],
                "properties": {
                    "score": POSITION,
                    "count": {"type": "integer"},
                    "scored": {"type": "integer"},
                    "low": POSITION,
                    "high": POSITION,
                },
            },
            "against_belief": COMPARISON_SCHEMA,
            "against_insights": COMPARISON_SCHEMA,
            "reason": {
                "type": "string",
                "enum": ["", "no_touchpoint", "no_answers", "hidden", "weak", "not_comparable"],
                "description": "Why no measured point counts here.",
            },
            "reason_text": {"type": "string"},
        },
    }
    ids = {"type": "array", "items": {"type": "string", "format": "uuid"}}
    return {
        "type": "object",
        "required": ["version", "metric", "steps", "delusions", "disagreements"],
        "properties": {
            "version": {"type": ["integer", "null"]},
            "metric": {"type": "string", "enum": ["nps", "csat", "ces"]},
            "steps": {"type": "array", "items": step},
            "delusions": {**ids, "description": "Steps the team is clearly wrong about, the largest gap first."},
            "disagreements": {**ids, "description": "Steps where insights and measurement clearly part."},
        },
    }


class CurvesAction(TenantViewSet):
    """Adds `curves/` to the resource of maps."""

    @extend_schema(parameters=FILTER_PARAMETERS, responses={200: curves_schema()})
    @action(detail=True, filterset_class=None)
    def curves(self, request: Request, id: str) -> Response:
        """What is believed, told and measured of every step of the published map, as ranks on -2..+2."""
        journey = self.get_object()
        version = read_version(request.query_params.get("version", ""))
        number = version if version is not None else journey.published_version
        if number is None:
            empty: dict[str, Any] = {"steps": [], "delusions": [], "disagreements": []}
            return Response({"version": None, "metric": journey.metric, **empty})
        view = queries.version_view(journey, number)
        over = read_overlay(
            actor=self.request.actor,
            organization=self.request.organization,
            view=view,
            params=request.query_params,
            while_in_force=version is not None,
        )
        curves = curves_over(view, over)
        return Response(
            {
                "version": view.number,
                "metric": curves.metric,
                "steps": [_step(point) for point in curves.points],
                "delusions": [gap.point.step.id for gap in curves.delusions],
                "disagreements": [gap.point.step.id for gap in curves.disagreements],
            }
        )


def _step(point: Point) -> dict[str, Any]:
    insights, place = point.insights, point.measured.place
    return {
        "step": point.step.id,
        "name": point.step.name,
        "stage": point.step.stage,
        "moment_of_truth": point.step.moment_of_truth,
        "belief": point.step.belief,
        "score": point.metric.as_json() if point.metric else None,
        "touchpoint": place.key if place and point.metric else None,
        "insights": {name: getattr(insights, name) for name in ("score", "count", "scored", "low", "high")}
        if insights
        else None,
        **{
            name: {
                "position": found.believed,
                "measured": found.measured,
                "low": found.low,
                "high": found.high,
                "gap": found.gap,
                "clear": found.delusion,
            }
            for name, found in (("against_belief", point.against_belief), ("against_insights", point.against_insights))
        },
        "reason": point.code,
        "reason_text": point.why,
    }


def read_version(text: str) -> int | None:
    """`?version=`: the number of a version, None when it is not given. Raises BadBody (400) for anything else."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise BadBody(_("Give the number of a version, such as 2."), field="version", code="invalid")
    return int(text)
