"""The privacy desk: requests from the list to the proof, and the rules of keeping data."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.timezone import localdate
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.customers.holders import HOLDERS
from apps.privacy import queries, retention, services
from apps.privacy.filters import PrivacyRequestFilter
from apps.privacy.forms import (
    AnswerDaysForm,
    IdentityForm,
    RefuseForm,
    RequestEditForm,
    RequestForm,
    RetentionForm,
)
from apps.privacy.models import PrivacyRequest
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into, typed_confirmation
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
MANAGE = "privacy.manage"

STEPS = {
    "received": lambda: _("Request received"),
    "person_found": lambda: _("Customer found"),
    "person_unset": lambda: _("Customer unset"),
    "identity_checked": lambda: _("Identity checked"),
    "assigned": lambda: _("Given to somebody"),
    "deadline_moved": lambda: _("Deadline moved"),
    "waiting": lambda: _("Waiting for the person"),
    "resumed": lambda: _("Taken up again"),
    "done": lambda: _("Done"),
    "refused": lambda: _("Refused"),
    "copy_taken": lambda: _("Copy downloaded"),
}


LABELS: dict[str, dict[str, Any]] = {
    "kind": dict(PrivacyRequest.Kind.choices),
    "came_by": dict(PrivacyRequest.CameBy.choices),
    "method": dict(PrivacyRequest.IdentityMethod.choices),
    "result": dict(PrivacyRequest.Identity.choices),
    "reason": dict(PrivacyRequest.Refusal.choices),
}


def details_of(details: dict[str, Any]) -> list[str]:
    """The figures of a step in words, a line each."""
    found: list[str] = []
    for name, value in details.items():
        if name in LABELS:
            found.append(str(LABELS[name].get(value, value)))
        elif name == "found":
            found += [f"{HOLDERS[holder].label if holder in HOLDERS else holder}: {n}" for holder, n in value.items()]
        elif name == "fields":
            found.append(_("Corrected: %(fields)s") % {"fields": ", ".join(value)})
        elif name == "bytes":
            found.append(_("%(n)d bytes") % {"n": value})
        elif name == "due_at":
            found.append(_("Until %(day)s") % {"day": value[:10]})
        elif name == "erasure":
            found.append(_("In the journal of erasures: %(id)s") % {"id": value})
        else:
            found.append(f"{name}: {value}")
    return found


@permission_required(MANAGE)
@require_safe
def request_list(request: MemberRequest) -> HttpResponse:
    """What people asked for, the most urgent first."""
    found = PrivacyRequestFilter(request.GET or None, queryset=queries.privacy_requests(), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(request, "privacy/list.html", {"filter": found, "page": page}, partial="list")


@permission_required(MANAGE)
def request_create(request: MemberRequest) -> HttpResponse:
    """Take in a request, for a customer that is known already or for somebody still to be found."""
    asked = request.GET if request.method == "GET" else request.POST
    customer = next(iter(queries.find_customers(asked.get("customer", ""))), None) if asked.get("customer") else None
    kind = asked.get("kind", "")
    form = RequestForm(
        request.POST or None, initial={"kind": kind, "person": str(customer or ""), "received_at": localdate()}
    )
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            row = services.open_request(
                actor=request.actor, customer=customer.pk if customer else None, **form.cleaned_data
            )
            messages.success(request, _("Request taken in."))
            return see_other(request, _url(request, row))
    return render_page(request, "privacy/new.html", {"form": form, "customer": customer})


@permission_required(MANAGE)
@require_safe
def request_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One request: what to do next, and the proof of what was done."""
    row = _request(pk)
    return render_page(request, "privacy/detail.html", _detail(request, row))


def _detail(request: MemberRequest, row: PrivacyRequest, **forms: Any) -> dict[str, Any]:
    text = request.GET.get("find", "")
    context = {
        "row": row,
        "proof": [(STEPS[line.step](), line, details_of(line.details)) for line in queries.proof_lines(row)],
        "find": text[:200],
        "found": queries.find_customers(text) if text and not row.is_closed else [],
        "needs_identity": row.kind in services.NEEDS_IDENTITY,
        "identity_form": forms.get("identity_form") or IdentityForm(initial={"method": row.identity_method}),
        "corrected": queries.corrected_fields(row.customer_id, since=row.created_at)
        if row.kind == PrivacyRequest.Kind.CORRECT and row.customer_id and not row.is_closed
        else [],
        "ready": row.customer_id is not None
        and (row.kind not in services.NEEDS_IDENTITY or row.identity == PrivacyRequest.Identity.CONFIRMED),
        "problem": forms.get("problem", ""),
    }
    return context | {"form": forms["identity_form"]} if "identity_form" in forms else context


@permission_required(MANAGE)
def request_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change what is known of a request."""
    row = _request(pk)
    initial = {name: getattr(row, name) for name in ("person", "reply_to", "wish", "notes", "assigned_to")}
    initial |= {"due_at": row.due_at.date(), "waiting": row.state == PrivacyRequest.State.WAITING}
    form = RequestEditForm(request.POST or None, members=queries.members(), initial=initial)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        if "due_at" not in form.changed_data:
            del values["due_at"]
        with domain_errors_into(form):
            services.update_request(actor=request.actor, request=row.pk, values=values)
            messages.success(request, _("Saved."))
            return see_other(request, _url(request, row))
    return render_page(request, "privacy/edit.html", {"form": form, "row": row})


@permission_required(MANAGE)
@require_POST
def request_customer(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Tie the request to the customer that was found."""
    row = _request(pk)
    wanted = parse_uuid(request.POST.get("customer", ""))
    if wanted is None:
        raise DomainError(_("Choose a customer."), field="customer")
    services.update_request(actor=request.actor, request=row.pk, values={"customer": wanted})
    return see_other(request, _url(request, row))


@permission_required(MANAGE)
@require_POST
def request_identity(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Record how it was made sure who asks."""
    row = _request(pk)
    form = IdentityForm(request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            services.check_identity(actor=request.actor, request=row.pk, **form.cleaned_data)
            messages.success(request, _("Recorded."))
            return see_other(request, _url(request, row))
    return render_page(request, "privacy/detail.html", _detail(request, row, identity_form=form))


@permission_required(MANAGE)
def request_complete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then do what was asked for. Erasing takes a typed word."""
    row = _request(pk)
    context: dict[str, Any] = {"row": row, "word": _("erase"), "wrong": ""}
    if request.method == "POST":
        if row.kind == PrivacyRequest.Kind.ERASE and not typed_confirmation(request.POST, context["word"]):
            context["wrong"] = _("Type the word to confirm.")
            return render_page(request, "privacy/complete.html", context, status=422)
        services.complete_request(actor=request.actor, request=row.pk)
        messages.success(request, _("Done. The proof is kept with the request."))
        return see_other(request, _url(request, row))
    return render_page(request, "privacy/complete.html", context)


@permission_required(MANAGE)
def request_refuse(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Close a request without doing it, saying why."""
    row = _request(pk)
    form = RefuseForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.refuse_request(actor=request.actor, request=row.pk, **form.cleaned_data)
            messages.success(request, _("Refused. The reason is kept with the request."))
            return see_other(request, _url(request, row))
    return render_page(request, "privacy/refuse.html", {"form": form, "row": row})


@permission_required(MANAGE)
@require_POST
def request_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a request that was taken in by mistake."""
    row = _request(pk)
    services.delete_request(actor=request.actor, request=row.pk)
    messages.success(request, _("Removed."))
    return see_other(request, org_url(request.organization, "privacy:list"))


@permission_required(MANAGE)
@require_POST
def request_file(request: MemberRequest, pk: UUID) -> FileResponse:
    """The copy that was made for the person. Taking it is written down."""
    row = _request(pk)
    path = Path(settings.MEDIA_ROOT) / row.file
    if not row.file or not path.is_file():
        raise Http404
    services.record_copy_taken(actor=request.actor, request=row)
    response = FileResponse(path.open("rb"), as_attachment=True, filename=f"personal-data-{row.pk}.json")
    response["Cache-Control"] = "private, no-store"
    return response


@permission_required(MANAGE)
def retention_rules(request: MemberRequest) -> HttpResponse:
    """How long each kind of data is kept. A look at what new numbers would remove comes before saving them."""
    rules = retention.rules(counted=request.method == "GET")
    form = RetentionForm(request.POST if "save" in request.POST or "preview" in request.POST else None, rules=rules)
    days_form = AnswerDaysForm(
        request.POST if "days" in request.POST else None, initial={"answer_days": queries.answer_days()}
    )
    here = org_url(request.organization, "privacy:retention")
    if days_form.is_bound and days_form.is_valid():
        with domain_errors_into(days_form):
            services.set_answer_days(actor=request.actor, days=days_form.cleaned_data["answer_days"])
            messages.success(request, _("Saved."))
            return see_other(request, here)
    if form.is_bound and form.is_valid():
        with domain_errors_into(form):
            if "save" in request.POST:
                retention.set_retention(actor=request.actor, months=form.months())
                messages.success(request, _("Saved. What is older goes within the next hours."))
                return see_other(request, here)
            rules = retention.preview(form.months())
    context = {
        "retention_form": form,
        "form": form,
        "days_form": days_form,
        "rules": [(rule, form[rule.kind.name]) for rule in rules],
        "previewed": "preview" in request.POST,
    }
    return render_page(request, "privacy/retention.html", context)


def _request(pk: UUID) -> PrivacyRequest:
    rows = PrivacyRequest.objects.select_related("customer", "assigned_to", "identity_by")
    return get_object_or_404(rows, pk=pk)


def _url(request: MemberRequest, row: PrivacyRequest) -> str:
    return org_url(request.organization, "privacy:detail", pk=row.pk)
