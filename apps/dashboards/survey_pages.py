"""The page of a survey: its results under filters, and what can be done with it. And its results as a table."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpResponse, QueryDict, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET

from apps.dashboards.forms import ResultsFilterForm, TeamsFilterForm
from apps.dashboards.overview import usual_interval
from apps.dashboards.survey_results import AnswerLinks, question_cards, results_trend
from apps.dashboards.survey_tables import result_rows
from apps.dashboards.survey_teams import team_columns, team_line
from apps.dashboards.views import csv_response, filter_choices
from apps.metrics.counting import INTERVALS, Interval
from apps.metrics.results import SurveyResults, results_of_survey
from apps.metrics.results.asking import facts_of, metric_of, read_results_filter
from apps.metrics.results.teams import results_by_team
from apps.metrics.selection import Selection
from apps.organizations.queries import unit_tree
from apps.surveys import queries, registry
from apps.surveys.definition import Definition, parse_definition
from apps.surveys.live import published_definition
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.web.http import MemberRequest
from cxm.web.templatetags.cx import cx_count
from cxm.web.views import permission_required, render_page

BADGES = {Survey.State.DRAFT: "", Survey.State.LIVE: "ok", Survey.State.CLOSED: "i"}


def survey_page(request: MemberRequest, survey: Survey) -> HttpResponse:
    """The results of a survey. The reader may see surveys; scores need their own permission."""
    actor, organization = request.actor, request.organization
    definition = _current(survey)
    may_measure = actor.can("metrics.view")
    context: dict[str, Any] = {
        "survey": survey,
        "badge": BADGES[Survey.State(survey.state)],
        "definition": definition,
        "states": queries.states_of(survey),
        "facts": registry.facts_of(actor=actor, survey=survey),
        "actions": registry.actions_for(actor=actor, survey=survey),
        "open_url": settings.BASE_URL + reverse("open_survey", args=[organization.slug, survey.slug]),
        "changed": _has_unpublished_changes(survey, definition),
        "employees": survey.audience == Survey.Audience.EMPLOYEES,
    }
    if may_measure:
        results, selection = _read(request, survey)
        links = AnswerLinks(organization, survey.pk, request.GET, anonymous=survey.anonymous)
        context |= {
            "form": _form(request, survey, results),
            "note": _note(results, organization.timezone),
            "results": results,
            "metric_title": results.metric.upper(),
            "metric_url": links.to(metric=results.metric) if results.metric else "",
            "trend": results_trend(results, links, request.GET),
            "cards": question_cards(results, links, organization),
            "answers_url": links.to() or links.comments(""),
            "intervals": [("day", gettext("Day")), ("week", gettext("Week")), ("month", gettext("Month"))],
            "interval": results.interval,
            "export_query": request.GET.urlencode(),
            "refused": survey.anonymous and selection.tells_people_apart,
        }
    return render_page(request, "surveys/detail.html", context)


@permission_required("exports.run")
@require_GET
def export_results(request: MemberRequest, pk: UUID) -> StreamingHttpResponse:
    """What the page of results shows under the same filters, as a CSV table."""
    request.actor.require("surveys.view")
    request.actor.require("metrics.view")
    survey = queries.surveys().filter(pk=pk).first()
    if survey is None:
        raise Http404
    results, _selection = _read(request, survey)
    return csv_response(result_rows(results), f"{survey.slug}-results")


@permission_required("surveys.view")
@require_GET
def teams_page(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The results of a survey by team, beside the touchpoints that each team owns."""
    actor, organization = request.actor, request.organization
    actor.require("metrics.view")
    survey = queries.surveys().filter(pk=pk).first()
    if survey is None:
        raise Http404
    facts = facts_of(survey)
    selection = read_results_filter(request.GET, facts, actor=actor, organization=organization)
    table = results_by_team(facts, selection)
    links = AnswerLinks(organization, survey.pk, request.GET, anonymous=survey.anonymous)
    form = TeamsFilterForm(
        request.GET,
        surveys=[],
        touchpoints=[],
        units=unit_tree(),
        visible_units=actor.visible_units("metrics.view"),
    )
    context = {
        "survey": survey,
        "form": form,
        "columns": team_columns(table),
        "whole": team_line(table, table.whole, links),
        "lines": [team_line(table, row, links) for row in table.rows],
        "branch_only": actor.visible_units("metrics.view") is not None,
        "note": organization.timezone,
    }
    return render_page(request, "surveys/teams.html", context)


def _read(request: MemberRequest, survey: Survey) -> tuple[SurveyResults, Selection]:
    facts = facts_of(survey)
    selection = read_results_filter(request.GET, facts, actor=request.actor, organization=request.organization)
    results = results_of_survey(
        facts,
        selection,
        metric=metric_of(survey),
        interval=_interval(request.GET, selection, survey),
        actor=request.actor,
    )
    return results, selection


def _interval(params: QueryDict, selection: Selection, survey: Survey) -> Interval:
    """The interval asked for, else the usual one for the length of the period."""
    return next((known for known in INTERVALS if known == params.get("interval")), usual_interval(selection))


def _form(request: MemberRequest, survey: Survey, results: SurveyResults) -> ResultsFilterForm:
    chosen = request.GET.getlist("language")
    versions = sorted({number for result in results.questions for number in result.question.versions})
    return ResultsFilterForm(
        request.GET,
        languages=sorted({*survey.languages, *chosen} - {""}),
        versions=versions,
        anonymous=survey.anonymous,
        **filter_choices(request, [], list(Touchpoint.objects.order_by("name", "id"))),
    )


def _note(results: SurveyResults, zone: str) -> str:
    """Number of answers and the zone of the days, at the end of the filter bar."""
    if results.n is None:
        return f"{gettext('too few answers')} · {zone}"
    words = ngettext("%(n)s answer", "%(n)s answers", results.n) % {"n": cx_count(results.n)}
    return f"{words} · {zone}"


def _current(survey: Survey) -> Definition:
    if survey.current_version:
        return published_definition(survey.pk, survey.current_version)
    return parse_definition(survey.definition)


def _has_unpublished_changes(survey: Survey, current: Definition) -> bool:
    return bool(survey.current_version) and current.to_json() != parse_definition(survey.definition).to_json()
