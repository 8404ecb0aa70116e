"""What this app adds to the shell."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.personas.queries import visible
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_personas(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Personas whose name holds the text. One query."""
    rows = visible(actor).filter(name__icontains=text, archived_at=None).order_by("name")[:limit]
    return [
        PaletteItem(row.name, org_url(organization, "personas:detail", pk=row.pk), "user-heart", detail=row.tagline)
        for row in rows
    ]


register_nav(
    NavItem(
        group="understand",
        label=_("Personas"),
        icon="users",
        url_name="personas:list",
        permission="personas.view",
        order=20,
        shortcut="p",
    )
)
register_command(label=_("New persona"), icon="plus", url_name="personas:create", permission="personas.edit")
register_searcher("personas", permission="personas.view", search=search_personas, label=_("Personas"))
