"""What this app adds to maps and to the profiles of customers."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.models import Customer
from apps.customers.profile_page import register_profile_section
from apps.journeys.registry import MapPage, Mark, register_board_bar, register_mark, register_page
from apps.paths.board import paths_bar, shares_of_steps
from apps.paths.definition import PERMISSION
from apps.paths.position import position_of
from apps.paths.presenting import percent, took
from cxm.actor import Actor

SHOWN_VISITS = 8


def position_card(actor: Actor, customer: Customer) -> dict[str, Any] | None:
    """Where the customer is on the maps; nothing for somebody who touched none."""
    positions = position_of(actor, customer)
    if not positions:
        return None
    return {
        "positions": [
            {
                "on": one,
                "path": one.path[-SHOWN_VISITS:],
                "earlier": max(0, len(one.path) - SHOWN_VISITS),
                "waited": took(one.waited_seconds),
                "typical": took(one.typical_seconds) if one.typical_seconds is not None else "",
                "following": [
                    {
                        "touchpoint": way.touchpoint,
                        "share": percent(way.rate),
                        "interval": (percent(way.low), percent(way.high)),
                        "n": way.n,
                        "median": took(way.median_seconds),
                    }
                    for way in one.following[:4]
                ],
            }
            for one in positions
        ]
    }


register_profile_section("position", 20, PERMISSION, position_card, "paths/_position.html")
register_page(MapPage(_("Real paths"), "route", "paths:detail", PERMISSION, order=5))
register_board_bar(paths_bar)
register_mark(Mark("paths", _("% of customers came by"), "users", PERMISSION, "paths:of_step", shares_of_steps))
