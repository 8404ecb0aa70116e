"""The pages of sendings: the list, and one sending with its progress and the decision over every person."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q, QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.dispatch import plans
from apps.dispatch.explaining import explanation, state_badge, state_name
from apps.dispatch.filters import DecisionFilter, SendPlanFilter
from apps.dispatch.holding import record_decisions_taken
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.plan_queries import Share, decisions_of, plan_for, progress_of, visible_plans
from apps.dispatch.plan_shown import as_metric, reason_words, sentences_of, shown_progress, state_words
from cxm.errors import DomainError, NotFound
from cxm.spreadsheets import csv_lines
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
COLUMNS = (
    "customer",
    "external_id",
    "name",
    "state",
    "reason",
    "why",
    "channel",
    "language",
    "decided_at",
    "send_at",
    "sent_at",
)


@permission_required("surveys.view")
@require_safe
def plan_list(request: MemberRequest) -> HttpResponse:
    """Every sending that the actor may see, the newest first."""
    rows = visible_plans(request.actor)
    found = SendPlanFilter(request.GET or None, queryset=rows, request=request)
    shown = found.qs if not found.is_bound or found.form.is_valid() else rows.none()
    page = Paginator(shown.order_by("-created_at", "-id"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"filter": found, "page": page, "lines": plan_lines(list(page.object_list))}
    return render_page(request, "dispatch/plans.html", context, partial="list")


def plan_lines(rows: list[SendPlan]) -> list[dict[str, Any]]:
    """Plans with the numbers a list shows of them. One query for any number of them."""
    state = Invitation.State
    counts = {
        row["plan"]: row
        for row in Invitation.objects.filter(plan__in=[plan.pk for plan in rows])
        .order_by()
        .values("plan")
        .annotate(
            sent=Count("pk", filter=Q(state__in=(state.SENT, state.COMPLETED, state.BOUNCED))),
            bounced=Count("pk", filter=Q(state=state.BOUNCED)),
            answered=Count("pk", filter=Q(state=state.COMPLETED)),
            queued=Count("pk", filter=Q(state=state.QUEUED)),
        )
    }
    none = {"sent": 0, "bounced": 0, "answered": 0, "queued": 0}
    lines = []
    for plan in rows:
        row = counts.get(plan.pk, none)
        rate = as_metric(Share(row["answered"], row["sent"] - row["bounced"]), "response_rate")
        words, badge = state_words(plan)
        lines.append({"plan": plan, "words": words, "badge": badge, "counts": row, "rate": rate})
    return lines


@permission_required("surveys.view")
@require_safe
def plan_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One sending: how far it is, what could stop it, and the decision over every person."""
    plan = plan_for(request.actor, pk)
    if plan.state == SendPlan.State.DRAFT:
        return _draft(request, plan)
    zone = ZoneInfo(request.organization.timezone)
    decisions = decisions_of(request.actor, plan)
    found = DecisionFilter(request.GET or None, queryset=decisions, request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else decisions.none()
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    words, badge = state_words(plan)
    context = {
        "plan": plan,
        "survey": plan.survey,
        "words": words,
        "badge": badge,
        "reason": reason_words(plan),
        "sentences": sentences_of(plan, zone),
        "progress": shown_progress(plan, progress_of(decisions)),
        "filter": found,
        "page": page,
        "rows": [
            (row, state_name(row.shown_state), state_badge(row.shown_state), explanation(row, zone))
            for row in page.object_list
        ],
        "may_change": _may_change(request, plan),
    }
    return render_page(request, "dispatch/plan.html", context, partial="progress")


def _draft(request: MemberRequest, plan: SendPlan) -> HttpResponse:
    """A draft is shown by its steps, to whom may send; to others there is nothing to see yet."""
    if not _may_change(request, plan):
        raise NotFound
    return see_other(
        request, org_url(request.organization, "dispatch:send_step", pk=plan.survey_id, plan=plan.pk, part="whom")
    )


def _may_change(request: MemberRequest, plan: SendPlan) -> bool:
    return visible_plans(request.actor, "surveys.send").filter(pk=plan.pk).exists() and request.actor.can(
        "surveys.send"
    )


@permission_required("surveys.send")
@require_POST
def plan_change(request: MemberRequest, pk: UUID, what: str) -> HttpResponse:
    """Pause, resume or stop a sending."""
    plan = plan_for(request.actor, pk, "surveys.send")
    done = {
        "pause": (plans.pause_plan, _("Paused. What waits goes on when you resume it.")),
        "resume": (plans.resume_plan, _("Sending again.")),
        "stop": (plans.stop_plan, _("Stopped. What waited was cancelled.")),
    }
    if what not in done:
        raise NotFound
    change, words = done[what]
    change(actor=request.actor, plan=plan)
    messages.success(request, words)
    return see_other(request, org_url(request.organization, "dispatch:plan", pk=pk))


@permission_required("surveys.view")
@require_safe
def plan_export(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """The decisions as the page's filters have them, as CSV. Taking them is written to the audit log."""
    request.actor.require("exports.run")
    plan = plan_for(request.actor, pk)
    found = DecisionFilter(request.GET, queryset=decisions_of(request.actor, plan), request=request)
    if not found.form.is_valid():
        raise DomainError(_("These filters cannot be read."), field="filter")
    record_decisions_taken(actor=request.actor, plan=plan)
    cells = decision_cells(found.qs, ZoneInfo(request.organization.timezone))
    return StreamingHttpResponse(
        csv_lines(chain([COLUMNS], cells)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{request.organization.slug}-decisions.csv"'},
    )


def decision_cells(rows: QuerySet[Any], zone: ZoneInfo) -> Iterator[tuple[object, ...]]:
    """A row of cells for each decision, a thousand read at a time."""
    for row in rows.iterator(chunk_size=1000):
        yield (
            row.customer_id,
            row.customer.external_id if row.customer else None,
            (row.customer.name if row.customer else None) or (str(row.member) if row.member else None),
            row.shown_state,
            row.reason,
            explanation(row, zone),
            row.channel,
            row.language,
            row.created_at,
            row.send_at,
            row.sent_at,
        )
