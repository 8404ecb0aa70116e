"""The organisation tree."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.organizations import forms, queries, services
from apps.organizations.models import Unit
from apps.organizations.services.units import CSV_COLUMNS, unit_rows
from cxm.spreadsheets import csv_lines
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


@permission_required("units.view")
def unit_list(request: MemberRequest) -> HttpResponse:
    """The tree, or the branches one may see of it."""
    tree = queries.unit_tree()
    visible = request.actor.visible_units("units.view")
    managed = request.actor.visible_units("units.manage")
    context = {
        "forest": tree.forest(visible),
        "managed": frozenset(tree.units) if managed is None else managed,
        "may_manage": request.actor.can("units.manage"),
    }
    return render_page(request, "organizations/units.html", context)


@permission_required("units.manage")
def unit_create(request: MemberRequest) -> HttpResponse:
    """Add a unit."""
    tree = queries.unit_tree()
    form = forms.UnitForm(
        **forms.posted(request), actor=request.actor, tree=tree, initial={"parent": request.GET.get("parent", "")}
    )
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            unit = services.create_unit(actor=request.actor, **form.cleaned_data)
            messages.success(request, _("“%(name)s” is added.") % {"name": unit.name})
            return see_other(request, org_url(request.organization, "organizations:units"))
    return render_page(request, "organizations/unit_form.html", {"form": form})


@permission_required("units.manage")
def unit_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Rename, move, begin or end a unit."""
    unit = _unit_or_404(request, pk)
    form = forms.UnitForm(**forms.posted(request), actor=request.actor, tree=queries.unit_tree(), unit=unit)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_unit(actor=request.actor, unit=unit, **form.cleaned_data)
            messages.success(request, _("“%(name)s” is saved.") % {"name": unit.name})
            return see_other(request, org_url(request.organization, "organizations:units"))
    return render_page(request, "organizations/unit_form.html", {"form": form, "unit": unit})


@permission_required("units.manage")
@require_POST
def unit_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a unit that nothing refers to."""
    unit = _unit_or_404(request, pk)
    services.delete_unit(actor=request.actor, unit=unit)
    messages.success(request, _("“%(name)s” is removed.") % {"name": unit.name})
    return see_other(request, org_url(request.organization, "organizations:units"))


@permission_required("units.manage")
def unit_import(request: MemberRequest) -> HttpResponse:
    """Make or change units from a CSV file."""
    form = forms.FileForm(**forms.posted(request))
    outcome = None
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            outcome = services.import_units(actor=request.actor, content=form.cleaned_data["file"].read())
    return render_page(request, "organizations/import_units.html", {"form": form, "outcome": outcome})


@permission_required("units.view")
def unit_export(request: MemberRequest) -> HttpResponse:
    """The tree as the CSV file that the import reads."""
    text = "".join(csv_lines([CSV_COLUMNS, *unit_rows(queries.units(request.actor))]))
    return HttpResponse(
        text,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{request.organization.slug}-units.csv"'},
    )


def _unit_or_404(request: MemberRequest, pk: UUID) -> Unit:
    managed = request.actor.visible_units("units.manage")
    rows = queries.units(request.actor)
    return get_object_or_404(rows if managed is None else rows.filter(pk__in=managed), pk=pk)
