"""What this app adds to the shell."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from django.http import QueryDict
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from apps.customers.models import Customer
from apps.customers.profile_page import register_profile_section
from apps.touchpoints.backstage import backstage_of
from apps.touchpoints.filters import TouchpointFilter
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.periods import USUAL_DAYS
from apps.touchpoints.promises import promises_kept
from apps.touchpoints.queries import former_names, matching, touchpoints
from apps.touchpoints.registry import register_figure
from apps.touchpoints.volume import volumes
from cxm.actor import Actor
from cxm.errors import DomainErrors
from cxm.exports import ExportKind, Rows, register_export
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


def check_touchpoint_filters(actor: Actor, organization: Any, query: QueryDict) -> None:
    """Raise DomainErrors for filters that the list would refuse."""
    _filtered(actor, organization, query)


def touchpoint_rows(actor: Actor, organization: Any, query: QueryDict) -> Rows:
    """What the list shows under these filters, by name."""
    rows = list(_filtered(actor, organization, query).order_by("name", "id"))
    behind, former = backstage_of([row.pk for row in rows]), former_names([row.pk for row in rows])
    for row in rows:
        match, promise = row.event_match or {}, row.promise or {}
        yield (
            str(row.pk), row.key, row.name, "; ".join(name.name for name in former.get(row.pk, [])), row.channel,
            row.description, row.owner_unit.name if row.owner_unit else "", match.get("event", ""),
            promise.get("text", ""), promise.get("within_seconds"),
            "; ".join(record.name for record in behind.get(row.pk, [])), row.archived_at,
        )  # fmt: skip


def _filtered(actor: Actor, organization: Any, query: QueryDict) -> Any:
    asking = SimpleNamespace(actor=actor, organization=organization)
    found = TouchpointFilter(query, queryset=touchpoints(), request=asking)
    if not found.form.is_valid():
        raise DomainErrors(
            [
                {"field": name, "code": "invalid", "message": str(message)}
                for name, messages in found.form.errors.items()
                for message in messages
            ]
        )
    return found.qs


def promises_to(_actor: Actor, customer: Customer) -> dict[str, Any] | None:
    """What was promised to a customer in the last 90 days; None where nothing was. Two queries at most."""
    rows = list(Touchpoint.objects.filter(promise__isnull=False, archived_at=None).order_by("name", "pk"))
    since = now() - timedelta(days=USUAL_DAYS)
    kept = promises_kept(rows, start=since, end=None, customer_id=customer.pk)
    made = [(row, kept[row.pk]) for row in rows if kept[row.pk].made]
    return {"promises": made} if made else None


register_profile_section(
    "promises", order=45, permission="touchpoints.view", load=promises_to, template="touchpoints/_profile.html"
)
register_export(
    ExportKind(
        name="touchpoints",
        permission="touchpoints.view",
        columns=(
            "id", "key", "name", "former_names", "channel", "description", "owner", "event", "promise",
            "promise_seconds", "backstage", "archived_at",
        ),
        check=check_touchpoint_filters,
        rows=touchpoint_rows,
    )
)  # fmt: skip
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
