"""The pages of commercial activities."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.interactions import activities
from apps.interactions.activity_filters import ActivityFilter
from apps.interactions.conversion import figures_of
from apps.interactions.forms import ActivityForm, AddCustomersForm
from apps.interactions.models import Activity, Interaction
from apps.interactions.touch_kinds import TOUCH_KINDS
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
LATEST = 15
SORTS = {"name": "name", "kind": "kind", "starts": "starts_on"}


@permission_required("interactions.view")
def activity_list(request: MemberRequest) -> HttpResponse:
    """The activities, newest first, with how many customers each touched."""
    found = ActivityFilter(request.GET or None, queryset=activities.activities(), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"))
    sign = "-" if sort.startswith("-") or column is None else ""
    page = Paginator(rows.order_by(f"{sign}{column or 'created_at'}", "-id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    touched = (
        Interaction.objects.filter(activity__in=[row.pk for row in page.object_list])
        .order_by()
        .values_list("activity")
        .annotate(n=Count("customer", distinct=True))
    )
    counts = dict(touched)
    context = {"filter": found, "page": page, "rows": [(row, counts.get(row.pk, 0)) for row in page.object_list]}
    return render_page(request, "interactions/activity_list.html", context, partial="list")


@permission_required("activities.edit")
def activity_create(request: MemberRequest) -> HttpResponse:
    """Make an activity."""
    form = ActivityForm(request.POST or None, initial={"owner": request.actor.user_id})
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            activity = activities.create_activity(actor=request.actor, values=form.cleaned_data)
            messages.success(request, _("Activity added."))
            return see_other(request, address(request, activity))
    return render_page(request, "interactions/activity_form.html", {"form": form, "activity": None})


@permission_required("interactions.view")
def activity_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One activity: whom it touched, how that ended, and what it led to."""
    return page(request, activities.activity_for(pk), AddCustomersForm())


@permission_required("activities.edit")
def activity_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change an activity."""
    activity = activities.activity_for(pk)
    form = ActivityForm(request.POST or None, activity=activity)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            activities.update_activity(actor=request.actor, activity=activity, values=form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, address(request, activity))
    return render_page(request, "interactions/activity_form.html", {"form": form, "activity": activity})


@permission_required("activities.edit")
def activity_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove an activity; its touches stay with the customers."""
    activity = activities.activity_for(pk)
    if request.method == "POST":
        activities.delete_activity(actor=request.actor, activity=activity)
        messages.success(request, _("Activity removed. Its touches stay with the customers."))
        return see_other(request, org_url(request.organization, "interactions:activities"))
    return render_page(request, "interactions/activity_delete.html", {"activity": activity})


@permission_required("interactions.create")
def activity_add(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Write down the same touch for a pasted list of customers."""
    activity = activities.activity_for(pk)
    form = AddCustomersForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        with domain_errors_into(form):
            added = activities.add_customers(
                actor=request.actor,
                activity=activity,
                references=data["customers"],
                kind=data["kind"],
                occurred_at=data["occurred_at"],
                outcome=data["outcome"],
            )
            tell(request, added)
            return see_other(request, address(request, activity))
    return page(request, activity, form)


def tell(request: MemberRequest, added: activities.Added) -> None:
    """Say what became of a pasted list."""
    text = ngettext("%(n)d customer touched.", "%(n)d customers touched.", added.touched) % {"n": added.touched}
    messages.success(request, text)
    if added.unknown_count:
        message = ngettext(
            "%(n)d entry names nobody: %(names)s", "%(n)d entries name nobody: %(names)s", added.unknown_count
        )
        names = ", ".join(added.unknown[:10]) + (" …" if added.unknown_count > 10 else "")
        messages.warning(request, message % {"n": added.unknown_count, "names": names})


def page(request: MemberRequest, activity: Activity, form: AddCustomersForm) -> HttpResponse:
    """The page of an activity with a form to add customers. Six queries."""
    figures = figures_of(activity)
    latest = Interaction.objects.filter(activity=activity).select_related("customer").defer("customer__search_text")
    units = request.actor.visible_units("customers.view")
    if units is not None:
        latest = latest.filter(customer__unit_id__in=units)
    kinds = {kind: touch.label for kind, touch in TOUCH_KINDS.items()}
    context: dict[str, Any] = {
        "activity": activity,
        "figures": figures,
        "outcomes": [(kinds.get(row.kind, row.kind), row) for row in figures.outcomes],
        "conversion": shown(figures.conversion),
        "conditions": sorted(activity.success_where.items()),
        "latest": latest.filter(customer__isnull=False).order_by("-id")[:LATEST] if may_see(request) else None,
        "may_edit": request.actor.can(activities.EDIT),
        "may_add": request.actor.can(activities.PERMISSION),
        "form": form,
    }
    return render_page(request, "interactions/activity_detail.html", context)


def may_see(request: MemberRequest) -> bool:
    """Whether this person sees customers by name."""
    return request.actor.can("customers.view")


def shown(conversion: Any) -> dict[str, Any] | None:
    """A conversion in percent, as the page prints it."""
    if conversion is None:
        return None
    shares = (conversion.rate, conversion.low, conversion.high)
    rate, low, high = (None if share is None else f"{100 * share:.1f}" for share in shares)
    return {"figures": conversion, "rate": rate, "low": low, "high": high}


def address(request: MemberRequest, activity: Activity) -> str:
    """The page of an activity."""
    return org_url(request.organization, "interactions:activity", pk=activity.pk)
