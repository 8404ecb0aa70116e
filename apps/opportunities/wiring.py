"""What this app adds to the shell, to the maps, to insights and to touchpoints."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from apps.comments.registry import register_commentable
from apps.insights.registry import register_opportunities
from apps.journeys.registry import (
    CardAction,
    MapPage,
    Mark,
    register_card_action,
    register_mark,
    register_page,
)
from apps.opportunities import queries
from apps.opportunities.models import Opportunity
from apps.touchpoints.registry import Use, register_uses
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_opportunities(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Opportunities whose title holds every word, newest first. One query on the trigram index."""
    rows = Opportunity.objects.only("title", "status")
    for word in text.lower().split()[:10]:
        rows = rows.filter(title_lower__contains=word)
    return [
        PaletteItem(
            row.title,
            org_url(organization, "opportunities:detail", pk=row.pk),
            "sparkles",
            detail=row.get_status_display(),
        )
        for row in rows.order_by("-created_at", "-pk")[:limit]
    ]


def uses_by_opportunities(*, actor: Actor, touchpoint_ids: Collection[UUID]) -> Mapping[UUID, list[Use]]:
    """The opportunities at each touchpoint, in the order of the roadmap. One query."""
    uses: dict[UUID, list[Use]] = {}
    rows = Opportunity.objects.filter(touchpoint__in=touchpoint_ids).only("title", "status", "touchpoint_id")
    for row in rows.order_by("rank", "pk"):
        use = Use(row.title, "opportunities:detail", row.pk, note=row.get_status_display())
        uses.setdefault(row.touchpoint_id, []).append(use)  # type: ignore[arg-type]
    return uses


register_commentable(
    "opportunity",
    url_name="opportunities:detail",
    title_of=lambda opportunity: opportunity.title,
    permission="opportunities.view",
    model=Opportunity,
)
register_opportunities(queries.KnownOpportunities())
register_uses("opportunities", title=_("Opportunities"), permission="opportunities.view", source=uses_by_opportunities)
register_mark(
    Mark(
        name="opportunities",
        label=_("Opportunities"),
        icon="sparkles",
        permission="opportunities.view",
        url_name="opportunities:list",
        source=queries.counts_on_map,
    )
)
register_card_action(
    CardAction(
        label=_("Write an opportunity"),
        icon="sparkles",
        url_name="opportunities:create",
        permission="opportunities.edit",
    )
)
register_page(
    MapPage(
        label=_("Opportunities of this map"),
        icon="sparkles",
        url_name="opportunities:of_map",
        permission="opportunities.view",
        order=45,
    )
)
register_nav(
    NavItem(
        group="improve",
        label=_("Opportunities"),
        icon="sparkles",
        url_name="opportunities:list",
        permission="opportunities.view",
        order=30,
    )
)
register_command(
    label=_("New opportunity"), icon="sparkles", url_name="opportunities:create", permission="opportunities.edit"
)
register_command(
    label=_("Roadmap"), icon="layout-kanban", url_name="opportunities:roadmap", permission="opportunities.view"
)
register_command(
    label=_("Opportunity matrix"), icon="chart-dots", url_name="opportunities:matrix", permission="opportunities.view"
)
register_searcher(
    "opportunities", permission="opportunities.view", search=search_opportunities, label=_("Opportunities")
)
