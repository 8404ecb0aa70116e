"""Planning a sending in five steps: whom, how, when, reminders and limits, then what would happen, and the start.

The steps are plain forms over a draft plan, so that nothing is lost between them and each works without scripts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from apps.dispatch import plans
from apps.dispatch.audience_files import (
    keep_unknown,
    kept_unknown,
    lines_of_file,
    lines_of_text,
    match_people,
    segment_of_people,
)
from apps.dispatch.audiences import segment_of_stage
from apps.dispatch.models import SendPlan
from apps.dispatch.plan_forms import (
    EVERYONE,
    LIST,
    SEGMENT,
    STAGE,
    HowForm,
    LimitsForm,
    WhenForm,
    WhomForm,
    for_form,
)
from apps.dispatch.plan_queries import plan_for, visible_plans
from apps.dispatch.plan_shown import sentences_of, shown_simulation
from apps.dispatch.previewing import PreviewedMail, preview_of, send_test
from apps.surveys.models import Survey
from cxm.errors import Conflict, DomainError, NotAllowed, NotFound
from cxm.spreadsheets import csv_lines
from cxm.web.forms import add_domain_errors
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

STEPS: Final[dict[str, Any]] = {
    "whom": gettext_lazy("Whom"),
    "how": gettext_lazy("How"),
    "when": gettext_lazy("When"),
    "limits": gettext_lazy("Reminders and limits"),
    "check": gettext_lazy("Check and start"),
}
"""The steps in order, with the words for them."""

UNKNOWN_SHOWN: Final = 20


@permission_required("surveys.send")
def send(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The first step of a new plan. A link may have chosen a segment already, or one customer."""
    survey = get_object_or_404(Survey, pk=pk)
    if customer := request.GET.get("customer", ""):
        once = org_url(request.organization, "dispatch:send_once", pk=pk)
        return see_other(request, f"{once}?customer={quote(customer[:254])}")
    return _whom(request, survey, None)


@permission_required("surveys.send")
def step(request: MemberRequest, pk: UUID, plan: UUID, part: str) -> HttpResponse:
    """One step of a draft. A plan that was started is changed on its own page."""
    draft = _draft(request, pk, plan)
    if part == "whom":
        return _whom(request, draft.survey, draft)
    if part == "how":
        return _how(request, draft)
    if part == "when":
        hours_kept = request.organization.business_hours_enabled
        zone = ZoneInfo(request.organization.timezone)
        form: Any = WhenForm(request.POST or None, plan=draft, zone=zone, hours_kept=hours_kept, at=now())
        return _form_step(request, draft, part, form)
    if part == "limits":
        return _form_step(request, draft, part, LimitsForm(request.POST or None, plan=draft))
    if part == "check":
        return _check(request, draft)
    raise Http404


@permission_required("surveys.send")
def mail_frame(request: MemberRequest, pk: UUID, plan: UUID) -> HttpResponse:
    """The message in its frame as it was typed so far: a POST of the second step; else as it was saved."""
    draft = _draft(request, pk, plan)
    typed = None
    if request.method == "POST":
        form = HowForm(request.POST, plan=draft)
        form.is_valid()
        typed = form.texts()
    return preview_of(
        request.organization,
        draft,
        texts=draft.texts if typed is None else typed,
        channel=request.POST.get("channel") or draft.channel,
        wish=PreviewedMail.read(request.POST if request.method == "POST" else request.GET),
    )


@permission_required("surveys.send")
@require_POST
def test_mail(request: MemberRequest, pk: UUID, plan: UUID) -> HttpResponse:
    """Save what was typed, and send one message to whoever asks for it."""
    draft = _draft(request, pk, plan)
    form = HowForm(request.POST, plan=draft)
    if form.is_valid() and _saved(request, draft, form):
        draft.refresh_from_db()
        wish = PreviewedMail.read(request.POST)
        try:
            send_test(request.organization, draft, to=request.user, wish=wish)
        except DomainError as error:
            add_domain_errors(form, error)
        else:
            messages.success(request, _("A test is on its way to %(address)s.") % {"address": request.user.email})
            return see_other(request, _url(request, draft, "how"))
    return render_page(request, "dispatch/plan_how.html", _context(draft, "how", form))


@permission_required("surveys.send")
@require_safe
def unknown_lines(request: MemberRequest, pk: UUID, plan: UUID) -> HttpResponseBase:
    """The lines of the list that named nobody, as CSV."""
    draft = _draft(request, pk, plan)
    lines = kept_unknown(draft.pk)
    if not lines:
        raise Http404
    rows: Iterator[tuple[object, ...]] = ((line.number, line.text) for line in lines)
    return StreamingHttpResponse(
        csv_lines(chain([("line", "text")], rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="unknown-lines.csv"'},
    )


@permission_required("surveys.send")
@require_POST
def discard(request: MemberRequest, pk: UUID, plan: UUID) -> HttpResponse:
    """Remove a draft."""
    draft = _draft(request, pk, plan)
    plans.delete_plan(actor=request.actor, plan=draft)
    messages.success(request, _("Draft removed."))
    return see_other(request, org_url(request.organization, "dispatch:send", pk=pk))


def _draft(request: MemberRequest, survey_id: UUID, plan_id: UUID) -> SendPlan:
    plan = plan_for(request.actor, plan_id, "surveys.send")
    if plan.survey_id != survey_id:
        raise NotFound
    if plan.state != SendPlan.State.DRAFT:
        raise Conflict(_("This sending was started. Its own page shows it."), code="started")
    return plan


def _whom(request: MemberRequest, survey: Survey, plan: SendPlan | None) -> HttpResponse:
    initial = {}
    if segment := request.GET.get("segment", "")[:40]:
        initial = {"who": SEGMENT, "segment": segment}
    form = WhomForm(
        request.POST or None, request.FILES or None, actor=request.actor, survey=survey, plan=plan, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        try:
            saved = _save_whom(request, survey, plan, form)
        except (NotAllowed, NotFound):
            raise
        except DomainError as error:
            add_domain_errors(form, for_form(error))
        else:
            return see_other(request, _url(request, saved, "how"))
    context = {
        **_context(plan, "whom", form),
        "survey": survey,
        "drafts": visible_plans(request.actor, "surveys.send")
        .filter(survey=survey, state=SendPlan.State.DRAFT)
        .order_by("-created_at")[:10]
        if plan is None
        else [],
    }
    return render_page(request, "dispatch/plan_whom.html", context)


@transaction.atomic
def _save_whom(request: MemberRequest, survey: Survey, plan: SendPlan | None, form: WhomForm) -> SendPlan:
    """Make the draft, or change it, and the segment of a list; all or nothing."""
    actor, data = request.actor, form.cleaned_data
    segment_id: UUID | None = None
    unknown = None
    if data["who"] == LIST:
        upload = data.get("file")
        lines = lines_of_file(upload.read()) if upload else lines_of_text(data["ids"])
        matched = match_people(actor, lines)
        unknown = matched.unknown
        name = plan.name if plan else survey.name
        before = plan.segment_id if plan and kept_unknown(plan.pk) else None
        segment_id = segment_of_people(actor=actor, name=name, customer_ids=matched.customer_ids, into=before).pk
    elif data["who"] in (EVERYONE, STAGE):
        segment_id = segment_of_stage(actor, data["stage"] if data["who"] == STAGE else "").pk
    fields = form.fields_of_plan(segment_id)
    if plan is None:
        saved = plans.create_plan(actor=actor, survey=survey, **fields)
    else:
        saved = plans.update_plan(actor=actor, plan=plan, **fields)
    keep_unknown(saved.pk, unknown or [])
    return saved


def _how(request: MemberRequest, plan: SendPlan) -> HttpResponse:
    form = HowForm(request.POST or None, plan=plan)
    if request.method == "POST" and form.is_valid() and _saved(request, plan, form):
        return see_other(request, _url(request, plan, "when"))
    unknown = kept_unknown(plan.pk)
    context = {
        **_context(plan, "how", form),
        "unknown": unknown[:UNKNOWN_SHOWN],
        "unknown_total": len(unknown),
    }
    return render_page(request, "dispatch/plan_how.html", context)


def _form_step(request: MemberRequest, plan: SendPlan, name: str, form: Any) -> HttpResponse:
    if request.method == "POST" and form.is_valid() and _saved(request, plan, form):
        return see_other(request, _url(request, plan, _after(name)))
    return render_page(request, f"dispatch/plan_{name}.html", _context(plan, name, form))


def _saved(request: MemberRequest, plan: SendPlan, form: Any) -> bool:
    """Write what a step says; what the service refuses stands on the form then."""
    try:
        plans.update_plan(actor=request.actor, plan=plan, **form.fields_of_plan())
    except (NotAllowed, NotFound):
        raise
    except DomainError as error:
        add_domain_errors(form, for_form(error))
        return False
    return True


def _check(request: MemberRequest, plan: SendPlan) -> HttpResponse:
    """What would happen; a POST starts exactly what was looked at."""
    if request.method == "POST":
        if request.POST.get("seen") != _seal(plan):
            raise Conflict(_("Something changed since you looked. Look again, then start."), code="changed")
        plans.start_plan(actor=request.actor, plan=plan)
        messages.success(request, _("It is on its way. This page shows how far it is."))
        return see_other(request, org_url(request.organization, "dispatch:plan", pk=plan.pk))
    context = {
        **_context(plan, "check", None),
        "simulation": shown_simulation(
            plan, anew="anew" in request.GET, stop="stop" in request.GET, seconds=4.0 if "go" in request.GET else 1.0
        ),
        "sentences": sentences_of(plan, ZoneInfo(request.organization.timezone)),
        "seal": _seal(plan),
        "is_live": plan.survey.state == Survey.State.LIVE,
    }
    return render_page(request, "dispatch/plan_check.html", context, partial="simulation")


def _seal(plan: SendPlan) -> str:
    """Of the plan as it was looked at."""
    return plan.updated_at.isoformat()


def _after(name: str) -> str:
    names = list(STEPS)
    return names[names.index(name) + 1]


def _url(request: MemberRequest, plan: SendPlan, name: str) -> str:
    return org_url(request.organization, "dispatch:send_step", pk=plan.survey_id, plan=plan.pk, part=name)


def _context(plan: SendPlan | None, name: str, form: Any) -> dict[str, Any]:
    names = list(STEPS)
    place = names.index(name)
    context: dict[str, Any] = {
        "plan": plan,
        "form": form,
        "steps": [(one, STEPS[one], names.index(one) < place, one == name) for one in names],
    }
    if plan is not None:
        context["survey"] = plan.survey
    return context
