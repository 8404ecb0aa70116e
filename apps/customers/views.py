"""The customer pages."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.customers import queries, services
from apps.customers.filters import CustomerFilter
from apps.customers.forms import ConsentForm, CustomerForm
from apps.customers.look_ups import record_customers_searched
from apps.customers.models import Customer
from apps.customers.profile_page import cards_of, figures_of, menu_of
from apps.customers.timeline_page import TimelinePage, timeline_page
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.keyset import keyset_page
from cxm.web.urls import org_url
from cxm.web.views import is_htmx, permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "created": "created_at", "external_id": "external_id"}
"""Orders that an index serves: others would sort a million rows for a page."""
COUNTED, COUNTED_FOUND = 10_000, 100
"""How far a list is counted; less far where a search has to read on for each row it counts."""
MANY_ATTRIBUTES = 20
CONSENT_SHOWN = 200


@permission_required("customers.view")
def customer_list(request: MemberRequest) -> HttpResponse:
    """The customers one may see, searched, filtered and sorted, however many there are."""
    found = CustomerFilter(request.GET or None, queryset=queries.customers(request.actor), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    column, descending = ordering(request.GET.get("sort", ""))
    most = COUNTED_FOUND if request.GET.get("q") else COUNTED
    if request.GET.get("q"):
        record_customers_searched(actor=request.actor)
    count = queries.count_up_to(rows, most)
    context = {
        "filter": found,
        "page": keyset_page(request, rows, column=column, descending=descending, size=PAGE_SIZE),
        "count": min(count, most),
        "is_more": count > most,
    }
    return render_page(request, "customers/list.html", context, partial="list")


@permission_required("customers.edit")
def customer_create(request: MemberRequest) -> HttpResponse:
    """Make a customer by hand."""
    form = CustomerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            customer = services.create_customer(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("Customer added."))
            return see_other(request, page_of(request, customer))
    return render_page(request, "customers/form.html", {"form": form, "customer": None})


@permission_required("customers.view")
def customer_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One customer: identifiers, attributes, consent, timeline. Opening it is written to the audit log."""
    customer = queries.customer_for(request.actor, pk)
    services.record_customer_viewed(actor=request.actor, customer=customer)
    if is_htmx(request):
        shown = {"timeline": timeline(request, customer)}
        return render_page(request, "customers/detail.html", shown, partial="timeline")
    return render_page(request, "customers/detail.html", profile(request, customer, ConsentForm()))


@permission_required("customers.edit")
def customer_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a customer."""
    customer = queries.customer_for(request.actor, pk)
    form = CustomerForm(request.POST or None, customer=customer)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_customer(actor=request.actor, customer=customer, values=form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, page_of(request, customer))
    return render_page(request, "customers/form.html", {"form": form, "customer": customer})


@permission_required("customers.edit")
def customer_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove a customer; the answers stay without a person."""
    customer = queries.customer_for(request.actor, pk)
    if request.method == "POST":
        services.delete_customer(actor=request.actor, customer=customer)
        messages.success(request, _("Customer removed. The answers were kept, without the person."))
        return see_other(request, org_url(request.organization, "customers:list"))
    return render_page(request, "customers/delete.html", {"customer": customer})


@permission_required("customers.edit")
@require_POST
def customer_consent(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Record what the customer said about being reached."""
    customer = queries.customer_for(request.actor, pk)
    form = ConsentForm(request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            services.record_consent(actor=request.actor, customer=customer, **form.cleaned_data)
            messages.success(request, _("Recorded."))
            return see_other(request, page_of(request, customer))
    return render_page(request, "customers/detail.html", profile(request, customer, form))


def profile(request: MemberRequest, customer: Customer, form: ConsentForm) -> dict[str, Any]:
    """What the profile page shows. Five queries, one for each timeline source, and those of the other apps' cards."""
    menu = menu_of(request.actor, request.organization, customer)
    search = request.GET.get("attribute", "")[:200]
    return {
        "customer": customer,
        "account": queries.account_of(customer),
        "identifiers": queries.identifier_rows(customer),
        "attributes": queries.attribute_rows(customer, search),
        "attribute_search": search,
        "has_many_attributes": len(customer.attributes) > MANY_ATTRIBUTES,
        "consents": queries.consents_in_force(customer),
        "consent_history": queries.consent_history(customer)[:CONSENT_SHOWN],
        "consent_form": form,
        "form": form,
        "figures": figures_of(request.actor, customer),
        "cards": [
            render_to_string(card.template, {**card.context, "customer": customer}, request)
            for card in cards_of(request.actor, customer)
        ],
        "buttons": [entry for entry in menu if entry.action.is_primary],
        "menu": [entry for entry in menu if not entry.action.is_primary],
        "may_edit": request.actor.can("customers.edit", customer.unit_id),
        "timeline": timeline(request, customer),
    }


def timeline(request: MemberRequest, customer: Customer) -> TimelinePage:
    """The part of the timeline that the address names."""
    return timeline_page(actor=request.actor, organization=request.organization, customer=customer, query=request.GET)


def ordering(sort: str) -> tuple[str, bool]:
    """Column and direction of the list from `?sort=`; newest first unless one of SORTS is named."""
    column = SORTS.get(sort.removeprefix("-"))
    return (column, sort.startswith("-")) if column else ("created_at", True)


def page_of(request: MemberRequest, customer: Customer) -> str:
    """The address of a customer's profile."""
    return org_url(request.organization, "customers:detail", pk=customer.pk)
