"""The pages of the touchpoint library."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.touchpoints import queries, registry, services
from apps.touchpoints.filters import TouchpointFilter
from apps.touchpoints.forms import TouchpointForm
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.periods import PeriodForm, instants_of, period_parameters, with_usual_period
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "channel": "channel", "owner": "owner_unit__name"}
METRICS = ("nps", "csat", "ces")


@permission_required("touchpoints.view")
def touchpoint_list(request: MemberRequest) -> HttpResponse:
    """The library with coverage and the scores of the last 90 days."""
    found = TouchpointFilter(request.GET, queryset=queries.touchpoints(), request=request)
    rows = found.qs if found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "name")
    sign = "-" if sort.startswith("-") else ""
    page = Paginator(rows.order_by(f"{sign}{column}", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    params = with_usual_period(QueryDict())
    scores = registry.scores_of(actor=request.actor, organization=request.organization, params=params)
    uses = registry.uses_of(request.actor, [row.pk for row in page.object_list])
    context = {
        "filter": found,
        "page": page,
        "rows": [
            {
                "touchpoint": row,
                "metrics": measured(request, row, scores.get(row.pk, {}), params),
                "counts": [len(of_kind.get(row.pk, [])) for of_kind in uses.values()],
            }
            for row in page.object_list
        ],
        "kinds": [registry.USES[name].title for name in uses],
        "coverage": queries.coverage(request.actor),
        "can_measure": request.actor.can("metrics.view"),
    }
    return render_page(request, "touchpoints/list.html", context, partial="list")


@permission_required("touchpoints.view")
def touchpoint_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One touchpoint: what it is, its scores, and where it is used."""
    touchpoint = queries.touchpoint_for(pk)
    params = with_usual_period(request.GET)
    scores = registry.scores_of(actor=request.actor, organization=request.organization, params=params)
    uses = registry.uses_of(request.actor, [touchpoint.pk])
    context = {
        "touchpoint": touchpoint,
        "period": PeriodForm(params),
        "metrics": measured(request, touchpoint, scores.get(touchpoint.pk, {}), params),
        "uses": [
            {"title": registry.USES[name].title, "uses": linked(request, of_kind.get(touchpoint.pk, []))}
            for name, of_kind in uses.items()
        ],
        "volume": volume_of(request, touchpoint, params),
        "conditions": sorted((touchpoint.event_match or {}).get("where", {}).items()),
        "can_measure": request.actor.can("metrics.view"),
        "may_edit": request.actor.can("touchpoints.edit", touchpoint.owner_unit_id),
        "survey_url": new_survey(request, touchpoint),
    }
    return render_page(request, "touchpoints/detail.html", context)


@permission_required("touchpoints.edit")
def touchpoint_create(request: MemberRequest) -> HttpResponse:
    """Add a touchpoint to the library."""
    form = TouchpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            touchpoint = services.create_touchpoint(actor=request.actor, **form.values())
            messages.success(request, _("Touchpoint added."))
            return see_other(request, org_url(request.organization, "touchpoints:detail", pk=touchpoint.pk))
    return render_page(request, "touchpoints/form.html", {"form": form, "touchpoint": None})


@permission_required("touchpoints.edit")
def touchpoint_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a touchpoint."""
    touchpoint = queries.touchpoint_for(pk)
    form = TouchpointForm(request.POST or None, touchpoint=touchpoint)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_touchpoint(actor=request.actor, touchpoint=touchpoint, **form.values())
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "touchpoints:detail", pk=pk))
    return render_page(request, "touchpoints/form.html", {"form": form, "touchpoint": touchpoint})


@permission_required("touchpoints.edit")
@require_POST
def touchpoint_archive(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Put a touchpoint away or bring it back."""
    touchpoint = queries.touchpoint_for(pk)
    if touchpoint.archived_at is None:
        services.archive_touchpoint(actor=request.actor, touchpoint=touchpoint)
        messages.success(request, _("Archived. Maps, surveys and answers keep it."))
    else:
        services.unarchive_touchpoint(actor=request.actor, touchpoint=touchpoint)
        messages.success(request, _("Back in the list."))
    return see_other(request, org_url(request.organization, "touchpoints:detail", pk=pk))


@permission_required("touchpoints.edit")
@require_POST
def touchpoint_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a touchpoint that nothing uses."""
    touchpoint = queries.touchpoint_for(pk)
    services.delete_touchpoint(actor=request.actor, touchpoint=touchpoint)
    messages.success(request, _("Touchpoint deleted."))
    return see_other(request, org_url(request.organization, "touchpoints:list"))


def measured(request: MemberRequest, touchpoint: Touchpoint, metrics: Any, params: QueryDict) -> list[dict[str, Any]]:
    """The three scores of a touchpoint, each with its target and the answers behind it."""
    feedback = page_url(request, "dashboards:feedback", "feedback.view")
    period = period_parameters(params)
    return [
        {
            "label": name.upper(),
            "metric": metrics.get(name),
            "target": touchpoint.target.get(name),
            "url": f"{feedback}?{urlencode({'touchpoint': touchpoint.key, 'metric': name, **period})}"
            if feedback and metrics.get(name)
            else "",
        }
        for name in METRICS
    ]


def volume_of(request: MemberRequest, touchpoint: Touchpoint, params: QueryDict) -> int | None:
    """How often its event came in the period shown; None when it has no matcher, or for who may see no measures."""
    if touchpoint.event_match is None or not request.actor.can("metrics.view"):
        return None
    start, end = instants_of(params, request.organization)
    return registry.figure("volume", [touchpoint.pk], start, end).get(touchpoint.pk, 0)


def linked(request: MemberRequest, uses: list[registry.Use]) -> list[tuple[registry.Use, str]]:
    """Uses with the addresses of their pages."""
    return [(use, page_url(request, use.url_name, None, pk=use.object_id)) for use in uses]


def new_survey(request: MemberRequest, touchpoint: Touchpoint) -> str:
    """Where a survey for this touchpoint is made, "" for those who may not."""
    url = page_url(request, "surveys:create", "surveys.edit")
    return f"{url}?{urlencode({'touchpoint': touchpoint.key})}" if url else ""


def page_url(request: MemberRequest, name: str, permission: str | None, **kwargs: Any) -> str:
    """The address of a page of another app, "" when this person may not open it."""
    if permission and not request.actor.can(permission):
        return ""
    try:
        return org_url(request.organization, name, **kwargs)
    except NoReverseMatch:
        return ""
