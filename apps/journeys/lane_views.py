"""The lanes of a map: a page with plain forms, and the same address for the board's script."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _

from apps.journeys import services
from apps.journeys.access import map_to_edit
from apps.journeys.addresses import map_context
from apps.journeys.content import OTHER_LANES, STANDARD_LANES, lane_title
from apps.journeys.edit_pages import conflicting, done, number, standing, version_of
from apps.journeys.models import Journey
from apps.journeys.services.edits import Edit, EditConflict, shown_lanes
from cxm.errors import DomainError
from cxm.web.http import MemberRequest
from cxm.web.views import render_page, wants_json


def lanes(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The rows of cards a map shows: add, rename, move and remove them."""
    journey = map_to_edit(request.actor, pk)
    error, status = "", None
    if request.method == "POST":
        try:
            return done(request, journey, _changed(request, journey), to="" if wants_json(request) else "lanes/")
        except EditConflict as conflict:
            return conflicting(request, journey, conflict)
        except DomainError as refused:
            if wants_json(request) or refused.status in (403, 404):
                raise
            error, status = refused.errors[0]["message"], 422
    shown = shown_lanes(journey)
    keys = [lane["key"] for lane in shown]
    context = {
        **map_context(request, journey),
        "lanes": [{**lane, "name": lane_title(lane["key"], shown)} for lane in shown],
        "usual": [(key, title) for key, title in {**STANDARD_LANES, **OTHER_LANES}.items() if key not in keys],
        "error": error,
    }
    return render_page(request, "journeys/lanes.html", context, status=status)


def _changed(request: MemberRequest, journey: Journey) -> Edit:
    known: dict[str, Any] = {"actor": request.actor, "journey": journey, "version": version_of(request)}
    action, key = request.POST.get("action", ""), request.POST.get("lane", "")
    if action == "add":
        return services.add_lane(**known, title=request.POST.get("title", ""))
    if action == "rename":
        return services.rename_lane(**known, key=key, title=request.POST.get("title", ""))
    if action == "remove":
        return services.remove_lane(**known, key=key)
    if action == "move":
        return services.move_lane(**known, key=key, position=number(request, "position") or 0)
    if action in ("up", "down"):
        keys = [lane["key"] for lane in shown_lanes(journey)]
        position = keys.index(key) + (1 if action == "down" else -1) if key in keys else 0
        if key in keys and not 0 <= position < len(keys):
            return standing()
        return services.move_lane(**known, key=key, position=position)
    raise DomainError(_("Say what to do with the lane."), field="action")
