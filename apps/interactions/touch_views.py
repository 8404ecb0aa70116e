"""The pages on which colleagues write down touches of a customer."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.customers.models import Customer
from apps.customers.queries import customer_for
from apps.interactions import touches
from apps.interactions.forms import TouchForm
from apps.interactions.models import Interaction
from apps.interactions.touch_kinds import TOUCH_KINDS
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


@permission_required("interactions.create")
def touch_add(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Write down a call, meeting, visit, event attended, message or note of the kind in the address."""
    person = customer_for(request.actor, pk)
    kind = request.GET.get("kind", "")
    kind = kind if kind in TOUCH_KINDS else next(iter(TOUCH_KINDS))
    initial = {"activity": parse_uuid(request.GET.get("activity"))}
    form = TouchForm(request.POST or None, kind=kind, owner=request.actor.user_id, initial=initial)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            touches.add_touch(actor=request.actor, customer=person, values=form.values())
            messages.success(request, _("Written down."))
            return see_other(request, profile_of(request, person))
    return page(request, person, form, None)


@permission_required("interactions.create")
def touch_edit(request: MemberRequest, pk: UUID, touch_id: UUID) -> HttpResponse:
    """Change a touch that was written down by hand."""
    person = customer_for(request.actor, pk)
    touch = touches.touch_of(person, touch_id)
    form = TouchForm(request.POST or None, kind=touch.kind, touch=touch)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            touches.update_touch(actor=request.actor, customer=person, touch=touch, values=form.values())
            messages.success(request, _("Saved."))
            return see_other(request, profile_of(request, person))
    return page(request, person, form, touch)


@permission_required("interactions.create")
@require_POST
def touch_delete(request: MemberRequest, pk: UUID, touch_id: UUID) -> HttpResponse:
    """Remove a touch that was written down by hand."""
    person = customer_for(request.actor, pk)
    touches.delete_touch(actor=request.actor, customer=person, touch=touches.touch_of(person, touch_id))
    messages.success(request, _("Removed."))
    return see_other(request, profile_of(request, person))


def page(request: MemberRequest, customer: Customer, form: TouchForm, touch: Interaction | None) -> HttpResponse:
    """The form, with the other kinds beside it while it is a new touch."""
    context: dict[str, Any] = {
        "customer": customer,
        "form": form,
        "touch": touch,
        "kinds": [] if touch else TOUCH_KINDS.values(),
        "profile_url": profile_of(request, customer),
    }
    return render_page(request, "interactions/touch_form.html", context)


def profile_of(request: MemberRequest, customer: Customer) -> str:
    """The address of a customer's profile."""
    return org_url(request.organization, "customers:detail", pk=customer.pk)
