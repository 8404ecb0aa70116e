"""What this app adds to maps: the page beside them, the bar over their boards, and the dots of the last vote."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from apps.journeys.registry import MapPage, Mark, register_board_bar, register_mark, register_page
from apps.workshops import queries
from cxm.web.urls import org_url


def workshop_bar(*, request: Any, journey_id: UUID) -> str:
    """The bar of the workshop that is open on this map; "" while there is none. Three queries, one without."""
    workshop = getattr(request, "workshop", None) or queries.workshop_of(journey_id)
    if workshop is None:
        return ""
    base = getattr(request, "workshop_base", None) or org_url(request.organization, "workshops:host", pk=journey_id)
    context = {
        "workshop": workshop,
        "moment": queries.moment_of(workshop),
        "base": base,
        "may_host": request.actor.can("workshops.host"),
        "draws_dots": getattr(request, "workshop", None) is not None,
    }
    return render_to_string("workshops/_bar.html", context, request=request)


register_page(
    MapPage(label=_("Workshop"), icon="presentation", url_name="workshops:host", permission="workshops.host", order=60)
)
register_board_bar(workshop_bar)
register_mark(
    Mark(
        name="dots",
        label=_("Dots of the last vote"),
        icon="circle-dot",
        permission="journeys.view",
        url_name="workshops:last_vote",
        source=queries.dots_on_map,
    )
)
