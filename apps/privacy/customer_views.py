"""What can be done about one customer's data without a request: copy, erase, restrict, and who looked."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.customers.holders import HOLDERS
from apps.customers.restriction import lift_restriction, restrict_customer
from apps.privacy import queries
from apps.privacy.erasure import erase_customer, person_of
from apps.privacy.personal_copy import export_customer
from cxm.web.forms import typed_confirmation
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

MANAGE = "privacy.manage"
PAGE_SIZE = 50


@permission_required(MANAGE)
def export(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """Say what the copy holds, then send it while it is read."""
    person = person_of(pk)
    if request.method == "POST":
        return StreamingHttpResponse(
            (piece.encode("utf-8", "surrogatepass") for piece in export_customer(actor=request.actor, customer=pk)),
            content_type="application/json",
            headers={
                "Content-Disposition": f'attachment; filename="personal-data-{person.pk}.json"',
                "Cache-Control": "private, no-store",
            },
        )
    parts = [holder.label for holder in HOLDERS.values()]
    return render_page(request, "privacy/export.html", {"customer": person, "parts": parts})


@permission_required(MANAGE)
def erase(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask with a typed word, then erase the person for good."""
    person = person_of(pk)
    context: dict[str, Any] = {"customer": person, "word": _("erase"), "wrong": ""}
    if request.method == "POST":
        if typed_confirmation(request.POST, context["word"]):
            erase_customer(actor=request.actor, customer=pk)
            messages.success(request, _("The person was erased. Scores and volumes stay as they were."))
            return see_other(request, org_url(request.organization, "customers:list"))
        context["wrong"] = _("Type the word to confirm.")
        return render_page(request, "privacy/erase.html", context, status=422)
    return render_page(request, "privacy/erase.html", context)


@permission_required(MANAGE)
def restrict(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then stop using the person's data, or use it again."""
    person = person_of(pk)
    if request.method == "POST":
        if person.restricted_at:
            lift_restriction(actor=request.actor, customer=person.pk)
            messages.success(request, _("The data is used again."))
        else:
            restrict_customer(actor=request.actor, customer=person.pk)
            messages.success(request, _("The data is kept, but not used any more."))
        return see_other(request, org_url(request.organization, "customers:detail", pk=person.pk))
    return render_page(request, "privacy/restrict.html", {"customer": person})


@permission_required(MANAGE)
@require_safe
def look_ups(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Who saw this customer's data, and when."""
    person = person_of(pk)
    page = Paginator(queries.look_ups(person.pk), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"customer": person, "page": page, "lines": queries.with_names(page.object_list)}
    return render_page(request, "privacy/look_ups.html", context)
