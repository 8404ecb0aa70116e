"""What is said about a map, and the way there from a card or step."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from apps.journeys.queries import journey_for
from cxm.ids import parse_uuid
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


@permission_required("journeys.view")
@require_safe
def journey_comments(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The comments on a map; `?anchor=` shows those on one step or card alone."""
    return render_page(request, "journeys/comments.html", {"journey": journey_for(request.actor, pk)})


@permission_required("journeys.view")
@require_safe
def part_comments(request: MemberRequest) -> HttpResponse:
    """From a card or step of a map (`?journey=&step=&card=`) to what is said about it; without a map, to the maps."""
    pk = parse_uuid(request.GET.get("journey", ""))
    anchor = parse_uuid(request.GET.get("card", "")) or parse_uuid(request.GET.get("step", ""))
    if pk is None:
        return see_other(request, org_url(request.organization, "journeys:list"))
    url = org_url(request.organization, "journeys:comments", pk=journey_for(request.actor, pk).pk)
    return see_other(request, f"{url}?anchor={anchor}" if anchor else url)
