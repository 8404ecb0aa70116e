"""What this app adds to the shell's registries and to that of the touchpoints."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.ideas import queries
from apps.ideas.models import Idea
from apps.touchpoints.registry import register_figure, register_uses
from cxm.actor import Actor
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_ideas(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Ideas whose title holds every word, newest first. One query on the trigram index."""
    rows = Idea.objects.exclude(status=Idea.Status.MERGED).only("title", "number", "status")
    for word in text.lower().split()[:10]:
        rows = rows.filter(title_lower__contains=word)
    return [
        PaletteItem(row.title, org_url(organization, "ideas:detail", pk=row.pk), "bulb", detail=f"#{row.number}")
        for row in rows.order_by("-created_at", "-pk")[:limit]
    ]


register_nav(
    NavItem(
        group="improve",
        label=_("Ideas"),
        icon="bulb",
        url_name="ideas:list",
        permission="ideas.view",
        order=20,
        shortcut="i",
        count=queries.waiting_count,
    )
)
register_command(label=_("New idea"), icon="bulb", url_name="ideas:create", permission="ideas.submit")
register_searcher("ideas", permission="ideas.view", search=search_ideas, label=_("Ideas"))
register_figure("ideas", queries.ideas_by_touchpoint)
register_uses("ideas", title=_("Ideas"), permission="ideas.view", source=queries.idea_uses)
