"""The pages of journey maps: list, board, versions."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.journeys import queries, services
from apps.journeys.board_pages import board_page
from apps.journeys.forms import JourneySettingsForm
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {
    "name": "name",
    "changed": "updated_at",
    "version": "published_version",
    "review": "review_date",
    "kind": "kind",
}


@permission_required("journeys.view")
def journey_list(request: MemberRequest) -> HttpResponse:
    """The maps one may see; `?overdue=1`: those whose review should have been held before today."""
    archived = bool(request.GET.get("archived")) and request.actor.can("journeys.edit")
    overdue = bool(request.GET.get("overdue")) and not archived
    today = timezone.localdate()
    rows = queries.journeys(request.actor).filter(archived_at__isnull=not archived).select_related("owner")
    if overdue:
        rows = rows.filter(review_date__lt=today)
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "updated_at")
    sign = "-" if sort.startswith("-") or not sort else ""
    page = Paginator(rows.order_by(f"{sign}{column}", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(
        request,
        "journeys/list.html",
        {"page": page, "archived": archived, "overdue": overdue, "today": today},
        partial="list",
    )


@permission_required("journeys.view")
def journey_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The map: the draft for those who edit, what is published for everybody else, or one version of it."""
    return board_page(request, queries.journey_for(request.actor, pk))


@permission_required("journeys.edit")
def journey_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Name, persona, metric, kind, owner and review date of a map, and putting it away."""
    journey = queries.journey_for(request.actor, pk)
    initial = {
        "name": journey.name,
        "persona": journey.persona_id,
        "metric": journey.metric,
        "kind": journey.kind,
        "as_is": journey.as_is_id,
        "owner": journey.owner_id,
        "review_date": journey.review_date,
    }
    form = JourneySettingsForm(request.POST or None, initial=initial, journey=journey)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_journey(actor=request.actor, journey=journey, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))
    return render_page(request, "journeys/form.html", {"form": form, "journey": journey})


@permission_required("journeys.edit")
@require_POST
def journey_archive(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Put a map away or bring it back."""
    journey = queries.journey_for(request.actor, pk)
    if journey.archived_at is None:
        services.archive_journey(actor=request.actor, journey=journey)
        messages.success(request, _("Archived. It is in the list under “Archived”."))
        return see_other(request, org_url(request.organization, "journeys:list"))
    services.unarchive_journey(actor=request.actor, journey=journey)
    messages.success(request, _("Back in the list."))
    return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))


@permission_required("journeys.edit")
@require_POST
def journey_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a map that was never published; a published one is archived."""
    journey = queries.journey_for(request.actor, pk)
    services.delete_journey(actor=request.actor, journey=journey)
    messages.success(request, _("The map is gone from the list."))
    return see_other(request, org_url(request.organization, "journeys:list"))
