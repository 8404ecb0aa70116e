"""`GET /api/v1/surveys/{id}/results/`: every question of a survey with its numbers."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.metrics.filters import read_presentation
from apps.metrics.results import results_of_survey
from apps.metrics.results.asking import read_results_filter, survey_facts
from apps.metrics.results.representation import (
    RESULTS_SCHEMA,
    TEAMS_SCHEMA,
    represent_results,
    represent_teams,
)
from apps.metrics.results.teams import results_by_team
from cxm.api.viewsets import ApiView

PARAMETERS = [
    OpenApiParameter(name, str, description=text, enum=choices)
    for name, text, choices in (
        ("from", "Day (included, in the organisation's zone) or time.", None),
        ("to", "Day (included) or time (excluded).", None),
        ("touchpoint", "Touchpoint key; several are comma-separated, as with every filter.", None),
        ("channel", "Channel of the answer.", None),
        ("unit", "Unit id, with everything below it.", None),
        ("persona", "Persona id.", None),
        ("segment", "Segment id.", None),
        ("language", "Language of the answer.", None),
        ("version", "Version of the survey that was answered.", None),
        ("state", "Completed answers by default.", ["completed", "partial", "provisional", "any"]),
        ("flag", "Code of a flag of the answer.", None),
        ("interval", "Periods of the series; month by default.", ["day", "week", "month"]),
    )
]


class SurveyResultsView(ApiView):
    """What came of a survey."""

    required_permissions = {"get": "surveys.view"}

    @extend_schema(parameters=PARAMETERS, responses={200: RESULTS_SCHEMA})
    def get(self, request: Request, survey_id: UUID) -> Response:
        """Every question over all versions, with intervals and n.

        Of an anonymous survey `suppressed` says where there are answers of too few people to be shown; `answered` is
        null then, and nothing else is told.
        """
        actor, organization = request.actor, request.organization  # type: ignore[attr-defined]
        actor.require("metrics.view")
        survey = survey_facts(survey_id)
        if survey is None:
            raise Http404
        facts, metric = survey
        selection = read_results_filter(request.query_params, facts, actor=actor, organization=organization)
        shown = read_presentation(request.query_params, metric)
        results = results_of_survey(facts, selection, metric=metric, interval=shown.interval, actor=actor)
        return Response(represent_results(results))


class SurveyTeamsView(ApiView):
    """A survey's scores by team."""

    required_permissions = {"get": "surveys.view"}

    @extend_schema(parameters=[*PARAMETERS[:2], *PARAMETERS[4:5]], responses={200: TEAMS_SCHEMA})
    def get(self, request: Request, survey_id: UUID) -> Response:
        """Every unit with everything below it, beside the customers' scores at the touchpoints it owns.

        Of an anonymous survey a score is suppressed where it, or what is left when it is taken from another, rests on
        too few people.
        """
        actor, organization = request.actor, request.organization  # type: ignore[attr-defined]
        actor.require("metrics.view")
        survey = survey_facts(survey_id)
        if survey is None:
            raise Http404
        selection = read_results_filter(request.query_params, survey[0], actor=actor, organization=organization)
        return Response(represent_teams(results_by_team(survey[0], selection)))
