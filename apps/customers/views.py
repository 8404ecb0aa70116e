"""The customer pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.customers import queries, services
from apps.customers.filters import CustomerFilter
from apps.customers.forms import ConsentForm, CustomerForm
from apps.customers.models import Customer
from apps.customers.timeline import Position, TimelineItem, sources_for, timeline_of
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
TIMELINE_SIZE = 30
SORTS = {"name": "name", "created": "created_at", "external_id": "external_id", "stage": "stage"}


@permission_required("customers.view")
def customer_list(request: MemberRequest) -> HttpResponse:
    """The customers one may see, searched, filtered and sorted."""
    found = CustomerFilter(request.GET or None, queryset=queries.customers(request.actor), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    page = Paginator(rows.order_by(*ordering(request.GET.get("sort", ""))), PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(request, "customers/list.html", {"filter": found, "page": page}, partial="list")


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
    return render_page(request, "customers/detail.html", profile(request, customer, ConsentForm()), partial="timeline")


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
    """What the profile page shows. Three queries and one for each timeline source."""
    sources = sources_for(request.actor)
    kind = request.GET.get("kind", "")
    kind = kind if kind in {source.kind for source in sources} else ""
    items = timeline_of(
        actor=request.actor,
        customer_id=customer.pk,
        kinds=[kind] if kind else [],
        before=position(request.GET.get("before", "")),
        limit=TIMELINE_SIZE + 1,
    )
    return {
        "customer": customer,
        "attributes": queries.attribute_rows(customer),
        "consents": queries.consents_in_force(customer),
        "consent_form": form,
        "form": form,
        "sources": sources,
        "kind": kind,
        "items": [(item, link_of(request, item)) for item in items[:TIMELINE_SIZE]],
        "older": position_text(items[TIMELINE_SIZE - 1]) if len(items) > TIMELINE_SIZE else "",
        "is_first_page": not request.GET.get("before"),
    }


def ordering(sort: str) -> list[str]:
    """Order of the list from `?sort=`; newest first unless one of SORTS is named."""
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        return ["-created_at", "-id"]
    sign = "-" if sort.startswith("-") else ""
    return [f"{sign}{column}", f"{sign}id"]


def position(text: str) -> Position | None:
    """A place in the timeline from the address, `<time>_<id>`; None for anything else."""
    at, _underscore, pk = text.partition("_")
    found = parse_uuid(pk)
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment.replace(tzinfo=moment.tzinfo or UTC), found) if found else None


def position_text(item: TimelineItem) -> str:
    """The place of an item as `position` reads it."""
    return f"{item.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}_{item.id}"


def link_of(request: MemberRequest, item: TimelineItem) -> str:
    """The page of a timeline item, or "" when it has none."""
    if not item.page:
        return ""
    try:
        return org_url(request.organization, item.page, **item.page_kwargs)
    except NoReverseMatch:
        return ""


def page_of(request: MemberRequest, customer: Customer) -> str:
    """The address of a customer's profile."""
    return org_url(request.organization, "customers:detail", pk=customer.pk)
