"""Which survey, and which of its answers: what page, API and download of results ask for, read from a query string."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.http import QueryDict

from apps.metrics.counting import SurveyFacts
from apps.metrics.filters import Errors, read_answer_filters, read_selection
from apps.metrics.queries import METRICS
from apps.metrics.selection import Selection
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.actor import Actor


def facts_of(survey: Survey) -> SurveyFacts:
    """What counting needs to know of a survey."""
    return SurveyFacts(
        survey.pk,
        survey.name,
        survey.kind,
        survey.relationship,
        survey.anonymous,
        employees=survey.audience == Survey.Audience.EMPLOYEES,
        touchpoint_id=survey.touchpoint_id,
        languages=tuple(survey.languages),
    )


def metric_of(survey: Survey) -> str:
    """What the survey measures first; empty when nothing it asks is measured."""
    if survey.kind != Survey.Kind.CUSTOM:
        return survey.kind
    questions = [question for page in survey.definition.get("pages", ()) for question in page.get("questions", ())]
    own = (question.get("metric") or question.get("type") for question in questions)
    return next((metric for metric in own if metric in METRICS), "")


def survey_facts(survey_id: UUID) -> tuple[SurveyFacts, str] | None:
    """A survey of the organisation in force and what it measures first; None when there is none. One query."""
    survey = Survey.objects.filter(pk=survey_id).first()
    return (facts_of(survey), metric_of(survey)) if survey else None


def read_results_filter(
    params: QueryDict, survey: SurveyFacts, *, actor: Actor, organization: Organization
) -> Selection:
    """The answers of this survey that a query string names, within what the actor may see.

    The filters of scores and of single answers; `survey` is the address. Raises DomainErrors naming what cannot be
    understood.
    """
    problems = Errors()
    query = params.copy()
    query.pop("survey", None)
    selection = read_selection(query, actor=actor, organization=organization, errors=problems)
    selection = read_answer_filters(query, selection, errors=problems)
    problems.raise_if_any()
    return replace(selection, surveys=frozenset({survey.id}), which="any")
