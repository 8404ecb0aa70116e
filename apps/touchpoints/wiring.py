"""What this app adds to the shell."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.touchpoints.queries import matching, touchpoints
from apps.touchpoints.registry import register_figure
from apps.touchpoints.volume import volumes
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_touchpoints(_actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Touchpoints in use whose name or key holds the text. One query."""
    rows = matching(touchpoints().filter(archived_at=None), text).order_by("name")[:limit]
    return [
        PaletteItem(row.name, org_url(organization, "touchpoints:detail", pk=row.pk), "target-arrow", detail=row.key)
        for row in rows
    ]


register_nav(
    NavItem(
        group="understand",
        label=_("Touchpoints"),
        icon="target-arrow",
        url_name="touchpoints:list",
        permission="touchpoints.view",
        order=25,
        shortcut="t",
    )
)
register_command(label=_("New touchpoint"), icon="plus", url_name="touchpoints:create", permission="touchpoints.edit")
register_searcher("touchpoints", permission="touchpoints.view", search=search_touchpoints, label=_("Touchpoints"))
register_figure("volume", volumes)
