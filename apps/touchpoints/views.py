"""The pages of the touchpoint library."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse, QueryDict
from django.urls import NoReverseMatch
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.interactions.event_match import text_of
from apps.touchpoints import queries, registry, rules, services
from apps.touchpoints.backstage import backstage_of, set_backstage
from apps.touchpoints.durations import duration_words
from apps.touchpoints.filters import LibraryFilter
from apps.touchpoints.forms import BulkForm, MatcherForm, TouchpointForm, at_form_fields
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.periods import USUAL_DAYS, PeriodForm, instants_of, period_parameters, with_usual_period
from apps.touchpoints.promises import Kept, broken_promises, promises_kept, starts_with
from apps.touchpoints.volume import Tried, try_matcher
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
MOST_BROKEN_SHOWN = 15
PROMISE_DAYS = 7
"""Over which the list counts promises: it counts those of all its rows at once."""
SORTS = {"name": "name", "channel": "channel", "owner": "owner_unit__name", "changed": "updated_at"}
METRICS = ("nps", "csat", "ces")


@permission_required("touchpoints.view")
def touchpoint_list(request: MemberRequest) -> HttpResponse:
    """The library with coverage, the scores of the last 90 days and how its promises were kept."""
    in_use = list(queries.touchpoints().filter(archived_at=None))
    maps = queries.placed_on_maps(request.actor, [row.pk for row in in_use])
    found = LibraryFilter(request.GET, queryset=queries.touchpoints(), request=request, maps=maps)
    rows = found.qs if found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "name")
    sign = "-" if sort.startswith("-") else ""
    page = Paginator(rows.order_by(f"{sign}{column}", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    params = with_usual_period(QueryDict())
    scores = registry.scores_of(actor=request.actor, organization=request.organization, params=params)
    known = queries.known_of(actor=request.actor, organization=request.organization, rows=in_use, scores=scores)
    shown = list(page.object_list)
    uses = registry.uses_of(request.actor, [row.pk for row in shown])
    former = queries.former_names([row.pk for row in shown])
    recently = timezone.now() - timedelta(days=PROMISE_DAYS)
    kept = promises_kept(shown, start=recently, end=None) if request.actor.can("metrics.view") else {}
    context = {
        "filter": found,
        "page": page,
        "rows": [
            {
                "touchpoint": row,
                "former": ", ".join(name.name for name in former.get(row.pk, [])),
                "metrics": measured(request, row, scores.get(row.pk, {}), params),
                "kept": kept.get(row.pk),
                "counts": [len(of_kind.get(row.pk, [])) for of_kind in uses.values()],
            }
            for row in shown
        ],
        "kinds": [registry.USES[name].title for name in uses],
        "coverage": queries.coverage_lines(queries.coverage_of(known.values())),
        "can_measure": request.actor.can("metrics.view"),
        "bulk": BulkForm() if request.actor.can("touchpoints.edit") else None,
    }
    return render_page(request, "touchpoints/list.html", context, partial="list")


def kept_of(request: MemberRequest, rows: list[Touchpoint], params: QueryDict) -> dict[UUID, Kept]:
    """How the promises made at these touchpoints went in the period; nothing for who may not see measures."""
    if not request.actor.can("metrics.view"):
        return {}
    start, end = instants_of(params, request.organization)
    return promises_kept(rows, start=start, end=end)


@permission_required("touchpoints.view")
def touchpoint_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One touchpoint: what it is, its scores, what is asked and promised there, and where it is used."""
    touchpoint = queries.touchpoint_for(pk)
    params = with_usual_period(request.GET)
    asking = {"actor": request.actor, "organization": request.organization, "params": params}
    scores, changes = registry.scores_of(**asking), registry.changes_of(**asking)
    uses = registry.uses_of(request.actor, [touchpoint.pk])
    start, end = instants_of(params, request.organization)
    kept = kept_of(request, [touchpoint], params).get(touchpoint.pk)
    context = {
        "touchpoint": touchpoint,
        "former": queries.former_names([touchpoint.pk]).get(touchpoint.pk, []),
        "period": PeriodForm(params),
        "metrics": measured(request, touchpoint, scores.get(touchpoint.pk, {}), params, changes.get(touchpoint.pk)),
        "uses": [
            {"title": registry.USES[name].title, "uses": linked(request, of_kind.get(touchpoint.pk, []))}
            for name, of_kind in uses.items()
        ],
        "asked": [
            (one, page_url(request, one.url_name, "surveys.view", pk=one.object_id))
            for one in registry.asked_at(request.actor, touchpoint.pk)
        ],
        "volume": volume_of(request, touchpoint, params),
        "tried": tried(request, touchpoint.event_match),
        "conditions": conditions_of(touchpoint.event_match),
        "promise": promise_words(touchpoint),
        "kept": kept,
        "median": duration_words(kept.median_seconds) if kept and kept.median_seconds is not None else "",
        "broken": broken_promises(touchpoint, actor=request.actor, start=start, end=end, limit=MOST_BROKEN_SHOWN)
        if kept and kept.broken
        else [],
        "backstage": backstage_of([touchpoint.pk]).get(touchpoint.pk, []),
        "can_measure": request.actor.can("metrics.view"),
        "may_edit": request.actor.can("touchpoints.edit", touchpoint.owner_unit_id),
        "survey_url": new_survey(request, touchpoint),
        "coverage_url": coverage_url(request, touchpoint, params),
    }
    return render_page(request, "touchpoints/detail.html", context)


def volume_of(request: MemberRequest, touchpoint: Touchpoint, params: QueryDict) -> int | None:
    """How often its event came in the period shown; None when it has no matcher, or for who may see no measures."""
    if touchpoint.event_match is None or not request.actor.can("metrics.view"):
        return None
    start, end = instants_of(params, request.organization)
    return registry.figure("volume", [touchpoint.pk], start, end).get(touchpoint.pk, 0)


def promise_words(touchpoint: Touchpoint) -> dict[str, Any] | None:
    """The promise as sentences are made of it."""
    if not touchpoint.promise:
        return None
    start = starts_with(touchpoint) or {}
    kept = touchpoint.promise["kept"]
    return {
        "text": touchpoint.promise["text"],
        "within": duration_words(touchpoint.promise["within_seconds"]),
        "start": start.get("event", ""),
        "start_where": conditions_of(start),
        "kept": kept["event"],
        "kept_where": conditions_of(kept),
    }


def conditions_of(match: dict[str, Any] | None) -> list[tuple[str, str]]:
    """The conditions of a matcher by name, as people type them."""
    return sorted((name, text_of(value)) for name, value in ((match or {}).get("where") or {}).items())


def tried(request: MemberRequest, match: dict[str, Any] | None) -> Tried | None:
    """What a matcher fitted in the last 90 days; None without one, and for who may see no measures."""
    if not match or not request.actor.can("metrics.view"):
        return None
    end = timezone.now()
    return try_matcher(match, start=end - timedelta(days=USUAL_DAYS), end=end + timedelta(days=1))


def coverage_url(request: MemberRequest, touchpoint: Touchpoint, params: QueryDict) -> str:
    """Where it stands who of those who were here was asked, "" for those who may not see it."""
    url = page_url(request, "integrity:coverage", "metrics.view")
    return f"{url}?{urlencode({'touchpoint': touchpoint.key, **period_parameters(params)})}" if url else ""


@permission_required("touchpoints.edit")
def touchpoint_create(request: MemberRequest) -> HttpResponse:
    """Add a touchpoint to the library."""
    form = TouchpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form), at_form_fields(), transaction.atomic():
            touchpoint = services.create_touchpoint(actor=request.actor, **form.values())
            set_backstage(actor=request.actor, touchpoint=touchpoint, record_ids=form.record_ids())
            messages.success(request, _("Touchpoint added."))
            return see_other(request, org_url(request.organization, "touchpoints:detail", pk=touchpoint.pk))
    return render_page(request, "touchpoints/form.html", {"form": form, "touchpoint": None})


@permission_required("touchpoints.edit")
def touchpoint_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a touchpoint."""
    touchpoint = queries.touchpoint_for(pk)
    form = TouchpointForm(request.POST or None, touchpoint=touchpoint)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form), at_form_fields(), transaction.atomic():
            services.update_touchpoint(actor=request.actor, touchpoint=touchpoint, **form.values())
            set_backstage(actor=request.actor, touchpoint=touchpoint, record_ids=form.record_ids())
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "touchpoints:detail", pk=pk))
    return render_page(request, "touchpoints/form.html", {"form": form, "touchpoint": touchpoint})


@permission_required("touchpoints.edit")
@require_GET
def touchpoint_try(request: MemberRequest) -> HttpResponse:
    """What an event and its conditions fit, before they are saved."""
    form = MatcherForm(request.GET or None)
    match = form.match() if form.is_bound and form.is_valid() else None
    if match is not None:
        with domain_errors_into(form), at_form_fields():
            match = rules.clean_event_match(match)
    context = {"form": form, "tried": tried(request, match if form.is_valid() else None)}
    return render_page(request, "touchpoints/try.html", context, partial="tried")


@permission_required("touchpoints.edit")
@require_POST
def touchpoint_bulk(request: MemberRequest) -> HttpResponse:
    """Give the ticked touchpoints an owner, or put them away."""
    ids = [identifier for text in request.POST.getlist("sel")[:PAGE_SIZE] if (identifier := parse_uuid(text))]
    back = see_other(request, org_url(request.organization, "touchpoints:list"))
    if not ids:
        messages.error(request, _("Tick the touchpoints first."))
        return back
    form = BulkForm(request.POST)
    if request.POST.get("action") == "archive":
        n = services.archive_touchpoints(actor=request.actor, touchpoints=ids)
        words = ngettext("%(n)d touchpoint archived.", "%(n)d touchpoints archived.", n)
    elif form.is_valid():
        unit = form.cleaned_data["owner_unit"]
        n = services.assign_owner(actor=request.actor, touchpoints=ids, owner_unit=unit)
        words = ngettext("%(n)d touchpoint has another owner.", "%(n)d touchpoints have another owner.", n)
    else:
        messages.error(request, _("There is no such unit."))
        return back
    messages.success(request, words % {"n": n})
    return back


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


def measured(
    request: MemberRequest, touchpoint: Touchpoint, metrics: Any, params: QueryDict, changes: Any = None
) -> list[dict[str, Any]]:
    """The three scores of a touchpoint, each with its change, its target and the answers behind it."""
    feedback = page_url(request, "dashboards:feedback", "feedback.view")
    period = period_parameters(params)
    return [
        {
            "label": name.upper(),
            "metric": metrics.get(name),
            "change": (changes or {}).get(name),
            "target": touchpoint.target.get(name),
            "url": f"{feedback}?{urlencode({'touchpoint': touchpoint.key, 'metric': name, **period})}"
            if feedback and metrics.get(name)
            else "",
        }
        for name in METRICS
    ]


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
