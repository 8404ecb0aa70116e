"""What this app adds to the shell's registries and to its own timeline."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.queries import customers, matching
from apps.customers.timeline import consent_items, register_source
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_customers(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Customers by name or identifier, newest first. One query on the trigram index."""
    rows = matching(customers(actor), text).order_by("-created_at", "-id")[:limit]
    return [
        PaletteItem(str(row), org_url(organization, "customers:detail", pk=row.pk), "user", detail=row.external_id or "")
        for row in rows
    ]


register_nav(
    NavItem(
        group="understand",
        label=_("Customers"),
        icon="users",
        url_name="customers:list",
        permission="customers.view",
        order=30,
        shortcut="c",
    )
)
register_command(label=_("New customer"), icon="user-plus", url_name="customers:create", permission="customers.edit")
register_searcher("customers", permission="customers.view", search=search_customers, label=_("Customers"))
register_source("consent", label=_("Consent"), permission="customers.view", fetch=consent_items)
