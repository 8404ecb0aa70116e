"""`GET /api/v1/metrics/{nps,csat,ces}/`: a score with its series and groups."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.metrics import queries
from apps.metrics.filters import GROUPINGS, Errors, read_presentation, read_selection
from apps.metrics.results.representation import BREAK, represent_break
from apps.metrics.results_api import SurveyResultsView, SurveyTeamsView
from cxm.api.routers import ApiRouter
from cxm.api.viewsets import ApiView

METRIC_FIELDS: dict[str, Any] = {
    "value": {"type": ["number", "null"]},
    "low": {"type": ["number", "null"]},
    "high": {"type": ["number", "null"]},
    "n": {"type": "integer"},
    "rule": {"type": "string"},
    "unit": {"type": "string", "enum": ["points", "percent", "mean"]},
    "reliability": {"type": "string", "enum": ["anecdote", "weak", "usable"]},
    "suppressed": {"type": "boolean"},
    "distribution": {"type": "object", "additionalProperties": {"type": "integer"}},
}


def _metric_schema(**more: Any) -> dict[str, Any]:
    fields = more | METRIC_FIELDS
    return {"type": "object", "properties": fields, "required": list(fields)}


SCORES_SCHEMA = _metric_schema(
    series={"type": "array", "items": _metric_schema(period={"type": "string", "format": "date"})},
    breaks={"type": "array", "items": BREAK},
    groups={"type": "array", "items": _metric_schema(key={"type": ["string", "null"]}, label={"type": "string"})},
)

PARAMETERS = [
    OpenApiParameter(name, str, description=text, enum=choices)
    for name, text, choices in (
        ("survey", "Survey id; several are comma-separated, as with every filter.", None),
        ("touchpoint", "Touchpoint key.", None),
        ("journey", "Journey id: the touchpoints of its map.", None),
        ("persona", "Persona id.", None),
        ("segment", "Segment id.", None),
        ("channel", "Channel of the answer.", None),
        ("unit", "Unit id, with everything below it.", None),
        ("from", "Day (included, in the organisation's zone) or time.", None),
        ("to", "Day (included) or time (excluded).", None),
        ("interval", "Periods of the series; month by default.", ["day", "week", "month"]),
        ("by", f"Groups by {', '.join(GROUPINGS)} or attribute:NAME.", None),
        ("rule", "Another rule of the metric than its headline.", None),
        ("scale", "Number of points, where answers on several scales would meet.", None),
    )
]


class MetricView(ApiView):
    """One metric over the answers that the filters name."""

    required_permissions = {"get": "metrics.view"}
    metric = ""

    @extend_schema(parameters=PARAMETERS, responses={200: SCORES_SCHEMA})
    def get(self, request: Request) -> Response:
        """Score, 95 % interval, n and distribution, by period and by group.

        Without survey, touchpoint or journey: relationship surveys only.
        """
        errors = Errors()
        actor, organization = self.request.actor, self.request.organization  # type: ignore[attr-defined]
        selection = read_selection(request.query_params, actor=actor, organization=organization, errors=errors)
        shown = read_presentation(request.query_params, self.metric, errors=errors)
        errors.raise_if_any()
        scores = queries.score(
            selection, self.metric, rule=shown.rule, scale=shown.scale, interval=shown.interval, by=shown.by
        )
        return Response(as_json(scores))


class NpsView(MetricView):
    """Net Promoter Score."""

    metric = "nps"


class CsatView(MetricView):
    """Customer satisfaction."""

    metric = "csat"


class CesView(MetricView):
    """Customer effort."""

    metric = "ces"


def as_json(scores: queries.Scores) -> dict[str, Any]:
    """The promised shape: the metric's own fields, its series, its groups."""
    return {
        **scores.metric.as_json(),
        "series": [{"period": period.start.isoformat(), **period.metric.as_json()} for period in scores.series],
        "breaks": [represent_break(str(survey), one) for survey, one in scores.breaks],
        "groups": [{"key": group.key, "label": group.label, **group.metric.as_json()} for group in scores.groups],
    }


def register(router: ApiRouter) -> None:
    """Add the three metrics and the results of surveys to the API."""
    router.register_view("surveys/<uuid:survey_id>/results/", SurveyResultsView, name="survey-results")
    router.register_view("surveys/<uuid:survey_id>/teams/", SurveyTeamsView, name="survey-teams")
    for view in (NpsView, CsatView, CesView):
        router.register_view(f"metrics/{view.metric}/", view, name=f"metrics-{view.metric}")
