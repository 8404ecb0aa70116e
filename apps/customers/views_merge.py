"""Merging two customers, and taking it back."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.customers import merging, queries
from apps.customers.models import Customer, CustomerMerge
from apps.customers.search import matching
from cxm.errors import DomainError, NotFound
from cxm.ids import parse_uuid
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

MOST_FOUND = 10


@permission_required("customers.edit")
def customer_merge(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Find the other customer, see what the person will be, and merge."""
    customer = queries.customer_for(request.actor, pk)
    request.actor.require("customers.edit", customer.unit_id)
    chosen = parse_uuid(request.POST.get("with") or request.GET.get("with") or "")
    other = queries.customer_for(request.actor, chosen) if chosen else None
    problem = ""
    if request.method == "POST" and other:
        try:
            merging.merge_customers(actor=request.actor, kept=customer, merged=other)
        except DomainError as error:
            problem = error.message
        else:
            messages.success(request, _("Merged. You can undo this on the profile."))
            return see_other(request, org_url(request.organization, "customers:detail", pk=customer.pk))
    text = request.GET.get("q", "").strip()[:200]
    context = {
        "customer": customer,
        "other": other,
        "rows": merging.preview(customer, other) if other and other.pk != customer.pk else [],
        "problem": problem,
        "text": text,
        "found": _found(request, customer, text) if text else [],
        "duplicates": [] if text or other else merging.possible_duplicates(request.actor, customer),
    }
    return render_page(request, "customers/merge.html", context, partial="results", status=409 if problem else 200)


@permission_required("customers.edit")
@require_POST
def merge_undo(request: MemberRequest, pk: UUID, merge: UUID) -> HttpResponse:
    """Make a merged record a customer of its own again."""
    customer = queries.customer_for(request.actor, pk)
    row = CustomerMerge.objects.filter(pk=merge, merged__merged_into=customer).first()
    if row is None:
        raise NotFound
    restored = merging.undo_merge(actor=request.actor, merge=row)
    messages.success(request, _("The merge was undone: this customer is back as it was."))
    return see_other(request, org_url(request.organization, "customers:detail", pk=restored.pk))


def _found(request: MemberRequest, customer: Customer, text: str) -> list[Customer]:
    """Customers whom the search finds, newest first, without the one that is looked at."""
    rows = matching(queries.customers(request.actor), text).exclude(pk=customer.pk)
    return list(rows.order_by("-created_at", "-id")[:MOST_FOUND])
