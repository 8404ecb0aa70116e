"""Where a map is: everything on its board is reached under one address, a member's or a guest's."""

from __future__ import annotations

from typing import Any

from apps.journeys.models import Journey
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url


def map_base(request: MemberRequest, journey: Journey) -> str:
    """The address of the map with its last slash; the pages of its stages, steps and cards lie below it.

    `request.map_base` is set by the pages through which guests reach a map.
    """
    given: str | None = getattr(request, "map_base", None)
    return given or org_url(request.organization, "journeys:detail", pk=journey.pk)


def map_context(request: MemberRequest, journey: Journey) -> dict[str, Any]:
    """What every page below a map needs: the map, its address, and the layout its reader sees.

    Guests are given `request.map_layout`, a template with the blocks of shell.html and without the organisation's own.
    """
    guest = getattr(request, "map_base", None) is not None
    return {
        "journey": journey,
        "base": map_base(request, journey),
        "layout": getattr(request, "map_layout", "shell.html"),
        "is_guest": guest,
    }
