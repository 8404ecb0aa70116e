"""The dashboard, and the feedback behind its numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.utils.timezone import localdate, localtime
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET

from apps.customers.masking import mask_values
from apps.customers.models import Customer
from apps.dashboards.answers import answered_questions
from apps.dashboards.flags import flag_words
from apps.dashboards.forms import FeedbackFilterForm, ScoreFilterForm, with_usual_period
from apps.dashboards.lines import lines
from apps.dashboards.overview import METRICS, Links, overview, usual_interval
from apps.dashboards.tables import MOST_ROWS, feedback_rows, score_rows
from apps.metrics.counting import INTERVALS, Interval, SurveyFacts, all_surveys
from apps.metrics.feedback import (
    answer,
    feedback,
    older_than,
    read_feedback_filter,
)
from apps.metrics.filters import read_selection
from apps.metrics.populations import population_choices
from apps.metrics.selection import Selection
from apps.organizations.models import Organization
from apps.organizations.queries import unit_tree
from apps.surveys.holding import readable
from apps.surveys.models import Response
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.spreadsheets import csv_lines
from cxm.web.http import MemberRequest
from cxm.web.templatetags.cx import cx_count
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list by keyset."""

    rows: list[Response]
    total: int
    next_url: str | None
    previous_url: str | None = None


@permission_required("metrics.view")
@require_GET
def home(request: MemberRequest) -> HttpResponse:
    """The dashboard: tiles, trend, distribution, touchpoints, comments."""
    actor, organization = _who(request)
    params = with_usual_period(request.GET, localdate())
    selection = read_selection(params, actor=actor, organization=organization)
    surveys = all_surveys()
    touchpoints = list(Touchpoint.objects.order_by("name", "id"))
    shown = params.get("show") or ""
    found = overview(
        selection,
        surveys,
        touchpoints,
        links=Links(org_url(organization, "dashboards:feedback"), params),
        interval=_interval(params, selection),
        shown_metric=shown if shown in METRICS else METRICS[0],
    )
    form = ScoreFilterForm(params, **filter_choices(request, surveys, touchpoints))
    context = {
        "page_title": gettext("Dashboard"),
        "form": form,
        "overview": found,
        "lines": lines(organization, found.comments.rows, actor=actor),
        "note": _note(found.n, organization.timezone),
        "intervals": [("day", gettext("Day")), ("week", gettext("Week")), ("month", gettext("Month"))],
        "metrics": [("nps", "NPS"), ("csat", "CSAT"), ("ces", "CES")],
        "export_query": params.urlencode(),
    }
    return render_page(request, "dashboards/home.html", context)


@permission_required("metrics.view")
@require_GET
def export_scores(request: MemberRequest) -> StreamingHttpResponse:
    """What the dashboard shows, as a CSV table: headlines, periods and touchpoints."""
    params = with_usual_period(request.GET, localdate())
    actor, organization = _who(request)
    selection = read_selection(params, actor=actor, organization=organization)
    return csv_response(score_rows(selection, _interval(params, selection)), "scores")


@permission_required("feedback.view")
@require_GET
def feedback_list(request: MemberRequest) -> HttpResponse:
    """Answers, newest first, with every filter that a number of the product can have."""
    actor, organization = _who(request)
    surveys = all_surveys()
    wanted = read_feedback_filter(request.GET, actor=actor, organization=organization)
    found = feedback(wanted, among=surveys)
    customer = Customer.objects.filter(pk=wanted.customer).first() if wanted.customer else None
    touchpoints = list(Touchpoint.objects.order_by("name", "id"))
    form = FeedbackFilterForm(
        request.GET,
        languages=_languages(organization, surveys, wanted.selection.languages or ()),
        customer=customer,
        answers=wanted.answers,
        **filter_choices(request, surveys, touchpoints),
    )
    page = _page(request, found.rows)
    context = {
        "page_title": gettext("Feedback"),
        "form": form,
        "page": page,
        "lines": lines(organization, page.rows, actor=actor),
        "hidden_surveys": found.hidden_surveys,
        "note": organization.timezone,
        "filtered": any(request.GET.get(name) for name in form.fields),
        "export_query": request.GET.urlencode(),
    }
    return render_page(request, "feedback/list.html", context, partial="list")


@permission_required("feedback.view")
@require_GET
def feedback_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One answer, question by question, in the words of the version that was answered."""
    actor, _organization = _who(request)
    found = answer(pk, actor=actor)
    context = {
        "page_title": found.customer or gettext("Answer"),
        "response": found,
        "questions": answered_questions(found, actor=actor),
        "marks": flag_words(found.flags),
        "attributes": mask_values(found.attributes, partial(readable, found, actor)),
        "may_see_customer": actor.can("customers.view", found.customer.unit_id if found.customer else None),
    }
    return render_page(request, "feedback/detail.html", context)


@permission_required("exports.run")
@require_GET
def export_feedback(request: MemberRequest) -> StreamingHttpResponse:
    """The filtered answers as CSV, at most 50,000 rows."""
    actor, organization = _who(request)
    actor.require("feedback.view")
    found = feedback(read_feedback_filter(request.GET, actor=actor, organization=organization))
    return csv_response(feedback_rows(found.rows[:MOST_ROWS], actor=actor), "feedback")


def _who(request: MemberRequest) -> tuple[Actor, Organization]:
    return request.actor, request.organization  # type: ignore[attr-defined]


def _interval(params: QueryDict, selection: Selection) -> Interval:
    """The interval asked for, else the usual one for the length of the period."""
    return next((known for known in INTERVALS if known == params.get("interval")), usual_interval(selection))


def _languages(organization: Organization, surveys: list[SurveyFacts], chosen: Iterable[str]) -> list[str]:
    """Languages that answers may be in: the organisation's, the surveys', and the one that is asked for."""
    offered = {*organization.languages, *(language for survey in surveys for language in survey.languages), *chosen}
    return sorted(offered - {""})


def filter_choices(request: MemberRequest, surveys: list[SurveyFacts], touchpoints: list[Touchpoint]) -> dict[str, Any]:
    """What the filter bar offers. One query more: segments, and personas bound to one."""
    actor = _who(request)[0]
    return {
        "surveys": surveys,
        "touchpoints": [(touchpoint.key, touchpoint.name) for touchpoint in touchpoints],
        "units": unit_tree(),
        "visible_units": actor.visible_units("metrics.view"),
        **population_choices(actor),
    }


def _page(request: MemberRequest, rows: QuerySet[Response]) -> Page:
    """The page after the answer that `after` names. Two queries: rows and their number."""
    total = rows.count()
    position = _position(request.GET)
    rows = rows.defer("answers", "attributes", "survey__definition", "survey__languages")
    shown = list((older_than(rows, *position) if position else rows)[: PAGE + 1])
    following = None
    if len(shown) > PAGE:
        last = shown[PAGE - 1]
        query = request.GET.copy()
        query["cursor"] = f"{last.occurred_at.isoformat()}~{last.pk}"
        following = f"?{query.urlencode()}"
    first = None
    if position:
        query = request.GET.copy()
        query.pop("cursor")
        first = f"?{query.urlencode()}"
    return Page(shown[:PAGE], total, following, first)


def _position(params: QueryDict) -> tuple[datetime, Any] | None:
    when, _, text = params.get("cursor", "").partition("~")
    pk = parse_uuid(text)
    if not when:
        return None
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        moment = None
    if pk is None or moment is None or moment.tzinfo is None:
        raise DomainError(gettext("This page of the list does not exist. Start from the first one."), field="cursor")
    return moment, pk


def _note(n: int, zone: str) -> str:
    """Number of scores and the zone of the days, at the end of the filter bar."""
    scores = ngettext("%(n)s score", "%(n)s scores", n) % {"n": cx_count(n)}
    return f"{scores} · {zone}"


def csv_response(rows: Iterator[list[object]], name: str) -> StreamingHttpResponse:
    """Rows as a CSV file that spreadsheets open rightly, named after what it holds and today."""
    response = StreamingHttpResponse(
        (line.encode("utf-8-sig" if first else "utf-8") for first, line in _marked(csv_lines(rows))),
        content_type="text/csv; charset=utf-8",
    )
    response["Content-Disposition"] = f'attachment; filename="{name}-{localtime():%Y-%m-%d}.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _marked(lines: Iterator[str]) -> Iterator[tuple[bool, str]]:
    """Mark the first line, which carries the byte order mark that spreadsheets need to see UTF-8."""
    first = True
    for line in lines:
        yield first, line
        first = False
