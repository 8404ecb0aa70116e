"""The pages about how far the scores can be trusted: coverage, respondents against customers, marked answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import HttpResponse, QueryDict
from django.utils.text import Truncator
from django.utils.translation import gettext
from django.views.decorators.http import require_GET

from apps.integrity.coverage import coverage, skipped
from apps.integrity.doubts import doubts, flagged_answers
from apps.integrity.flags import FLAGS, Flag
from apps.integrity.forms import IntegrityFilterForm
from apps.integrity.hand_picked import pickings
from apps.integrity.representation import Representation, representation
from apps.integrity.scope import Scope, read_scope, with_period
from apps.integrity.weighting import WeightedScore
from apps.metrics.counting import all_surveys
from apps.metrics.statistics import Metric
from apps.organizations.queries import unit_tree
from apps.segments.models import Segment
from apps.surveys.holding import readable_comment
from apps.surveys.models import Response
from apps.touchpoints.models import Touchpoint
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page

PAGE: Final = 50
MOST_CHOICES: Final = 500
LONGEST_COMMENT: Final = 600


@permission_required("metrics.view")
@require_GET
def coverage_page(request: MemberRequest) -> HttpResponse:
    """Who of those who could have been asked was asked, by touchpoint, unit or agent."""
    params, scope, form = _read(request)
    table = coverage(scope)
    context = {
        "page_title": gettext("Integrity"),
        "here": "coverage",
        "form": form,
        "table": table,
        "by": scope.by,
        "groupings": [("touchpoint", gettext("Touchpoint")), ("unit", gettext("Unit")), ("agent", gettext("Agent"))],
        "skipped": skipped(scope) if scope.by == "agent" else [],
        "kept": _kept(params),
    }
    return render_page(request, "integrity/coverage.html", context)


@permission_required("metrics.view")
@require_GET
def respondents_page(request: MemberRequest) -> HttpResponse:
    """Whether those who answered are like the customers, and the score weighted to them beside the plain one."""
    params, scope, form = _read(request, segments=True)
    found = representation(scope)
    context = {
        "page_title": gettext("Respondents and customers"),
        "here": "respondents",
        "form": form,
        "found": found,
        "weighted": _as_metric(found),
        "kept": _kept(params),
    }
    return render_page(request, "integrity/respondents.html", context)


@permission_required("feedback.view")
@require_GET
def flags_page(request: MemberRequest) -> HttpResponse:
    """Answers in doubt: why, how much hangs on them, and the answers."""
    params, scope, form = _read(request, permission="feedback.view", with_flags=True)
    page = _page(request, flagged_answers(scope))
    may_see_metrics = request.actor.can("metrics.view")
    context = {
        "page_title": gettext("Answers in doubt"),
        "here": "flags",
        "form": form,
        "found": doubts(scope) if may_see_metrics else None,
        "pickings": pickings(scope) if may_see_metrics else None,
        "page": page,
        "lines": [_line(row, request) for row in page.rows],
        "flag": scope.flag,
        "kept": _kept(params),
    }
    return render_page(request, "integrity/flags.html", context, partial="list")


def _read(
    request: MemberRequest, *, permission: str = "metrics.view", segments: bool = False, with_flags: bool = False
) -> tuple[QueryDict, Scope, IntegrityFilterForm]:
    """The parameters with the usual period, what they mean, and the filter bar."""
    params = with_period(request.GET)
    scope = read_scope(params, actor=request.actor, organization=request.organization, permission=permission)
    asked = [survey for survey in all_surveys() if not survey.employees]
    form = IntegrityFilterForm(
        params,
        surveys=[(str(survey.id), survey.name) for survey in asked],
        touchpoints=list(Touchpoint.objects.order_by("name", "id").values_list("key", "name")[:MOST_CHOICES]),
        units=unit_tree(),
        visible_units=request.actor.visible_units(permission),
        segments=[
            (str(pk), name) for pk, name in Segment.objects.order_by("name").values_list("pk", "name")[:MOST_CHOICES]
        ]
        if segments
        else (),
        with_flags=with_flags,
    )
    return params, scope, form


def _kept(params: QueryDict) -> str:
    """The filters that the three pages share, for the links between them."""
    kept = QueryDict(mutable=True)
    for name in ("from", "to", "period", "survey", "touchpoint", "unit"):
        for value in params.getlist(name):
            kept.appendlist(name, value)
    return kept.urlencode()


def _as_metric(found: Representation) -> Metric | None:
    """The weighted score in the form in which scores are printed."""
    score: WeightedScore | None = found.weighted
    if score is None or found.plain is None:
        return None
    return Metric(score.value, score.low, score.high, score.n, score.rule, score.unit, False, found.plain.distribution)


# The list of marked answers


@dataclass(frozen=True, slots=True)
class Line:
    """One marked answer as this actor may read it."""

    response: Response
    comment: str
    marks: list[Flag]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list by keyset."""

    rows: list[Response]
    next_url: str | None
    previous_url: str | None


def _line(row: Response, request: MemberRequest) -> Line:
    return Line(
        row,
        Truncator(readable_comment(row, request.actor)).chars(LONGEST_COMMENT),
        [flag for code, flag in FLAGS.items() if code in row.flags],
    )


def _page(request: MemberRequest, rows: QuerySet[Response]) -> Page:
    """The page after the answer that `cursor` names. One query."""
    position = _position(request.GET.get("cursor", ""))
    if position:
        moment, pk = position
        rows = rows.filter(Q(occurred_at__lt=moment) | Q(occurred_at=moment, pk__lt=pk))
    shown = list(rows.defer("answers", "attributes", "survey__definition", "survey__languages")[: PAGE + 1])
    query = request.GET.copy()
    following = None
    if len(shown) > PAGE:
        last = shown[PAGE - 1]
        query["cursor"] = f"{last.occurred_at.isoformat()}~{last.pk}"
        following = f"?{query.urlencode()}"
    query.pop("cursor", None)
    return Page(shown[:PAGE], following, f"?{query.urlencode()}" if position else None)


def _position(text: str) -> tuple[datetime, Any] | None:
    if not text:
        return None
    when, _tilde, name = text.partition("~")
    try:
        moment = datetime.fromisoformat(when)
    except ValueError:
        moment = None
    pk = parse_uuid(name)
    if pk is None or moment is None or moment.tzinfo is None:
        raise DomainError(gettext("This page of the list does not exist. Start from the first one."), field="cursor")
    return moment, pk
