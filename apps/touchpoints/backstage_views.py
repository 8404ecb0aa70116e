"""The pages of what stands behind touchpoints."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.touchpoints import backstage
from apps.touchpoints.filters import BackstageFilter
from apps.touchpoints.forms import BackstageForm
from apps.touchpoints.models import BackstageRecord
from cxm.errors import NotFound
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "kind": "kind", "owner": "owner_unit__name", "uses": "use_count"}


def record_for(pk: UUID) -> BackstageRecord:
    """One record. Raises NotFound."""
    row = backstage.records().filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


@permission_required("touchpoints.view")
def backstage_list(request: MemberRequest) -> HttpResponse:
    """All processes, systems and teams."""
    found = BackstageFilter(request.GET, queryset=backstage.records(), request=request)
    rows = found.qs if found.form.is_valid() else found.queryset.none()
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "name")
    sign = "-" if sort.startswith("-") else ""
    page = Paginator(rows.order_by(f"{sign}{column}", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(request, "touchpoints/backstage_list.html", {"filter": found, "page": page}, partial="list")


@permission_required("touchpoints.view")
def backstage_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One record and the touchpoints it stands behind."""
    row = record_for(pk)
    context = {
        "row": row,
        "touchpoints": backstage.touchpoints_before(row),
        "may_edit": request.actor.can("touchpoints.edit"),
    }
    return render_page(request, "touchpoints/backstage_detail.html", context)


@permission_required("touchpoints.edit")
def backstage_create(request: MemberRequest) -> HttpResponse:
    """Write down a process, system or team."""
    form = BackstageForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            row = backstage.create_record(actor=request.actor, **form.values())
            messages.success(request, _("Added."))
            return see_other(request, org_url(request.organization, "touchpoints:backstage_detail", pk=row.pk))
    return render_page(request, "touchpoints/backstage_form.html", {"form": form, "row": None})


@permission_required("touchpoints.edit")
def backstage_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a record."""
    row = record_for(pk)
    form = BackstageForm(request.POST or None, row=row)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            backstage.update_record(actor=request.actor, row=row, **form.values())
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "touchpoints:backstage_detail", pk=pk))
    return render_page(request, "touchpoints/backstage_form.html", {"form": form, "row": row})


@permission_required("touchpoints.edit")
@require_POST
def backstage_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a record; its touchpoints stay."""
    backstage.delete_record(actor=request.actor, row=record_for(pk))
    messages.success(request, _("Deleted. The touchpoints stay."))
    return see_other(request, org_url(request.organization, "touchpoints:backstage"))
