"""What this app adds to the shell's registries and to its own timeline."""

from __future__ import annotations

import json
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from apps.customers.filters import CustomerFilter
from apps.customers.merging import merges_of_profile
from apps.customers.profile_page import register_profile_action, register_profile_section
from apps.customers.queries import customers
from apps.customers.search import matching
from apps.customers.timeline import consent_items, register_source
from cxm.actor import Actor
from cxm.errors import DomainErrors
from cxm.exports import ExportKind, Rows, register_export
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import PaletteItem, register_command, register_searcher
from cxm.web.urls import org_url


def search_customers(actor: Actor, organization: Any, text: str, limit: int) -> list[PaletteItem]:
    """Customers by name or identifier, newest first. One query on the trigram index."""
    rows = matching(customers(actor), text).order_by("-created_at", "-id")[:limit]
    return [
        PaletteItem(
            str(row), org_url(organization, "customers:detail", pk=row.pk), "user", detail=row.external_id or ""
        )
        for row in rows
    ]


def check_customer_filters(actor: Actor, organization: Any, query: QueryDict) -> None:
    """Raise DomainErrors naming the filters of the customer list that cannot be read."""
    found = CustomerFilter(query, queryset=customers(actor))
    if not found.form.is_valid():
        raise DomainErrors(
            {"field": f"filters.{name}", "code": error.code or "invalid", "message": " ".join(error.messages)}
            for name, errors in found.form.errors.as_data().items()
            for error in errors
        )


def customer_rows(actor: Actor, organization: Any, query: QueryDict) -> Rows:
    """The customers that the list shows under this query, a thousand at a time."""
    rows = CustomerFilter(query, queryset=customers(actor)).qs.order_by("created_at", "id")
    for row in rows.iterator(chunk_size=1000):
        unit = row.unit.code if row.unit else ""
        attributes = json.dumps(row.attributes, ensure_ascii=False) if row.attributes else ""
        yield (
            str(row.pk), row.external_id, row.email, row.phone, row.name, row.stage, row.account, unit, row.language,
            attributes, row.created_at,
        )  # fmt: skip


def count_customers(actor: Actor, organization: Any, query: QueryDict) -> int:
    """How many customers the list shows under this query."""
    return CustomerFilter(query, queryset=customers(actor)).qs.count()


register_export(
    ExportKind(
        name="customers",
        permission="customers.export",
        columns=(
            "id",
            "external_id",
            "email",
            "phone",
            "name",
            "stage",
            "account",
            "unit",
            "language",
            "attributes",
            "created_at",
        ),
        check=check_customer_filters,
        rows=customer_rows,
        count=count_customers,
    )
)
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
register_nav(
    NavItem(
        group="understand",
        label=_("Accounts"),
        icon="building",
        url_name="customers:accounts",
        permission="customers.view",
        order=32,
    )
)
register_profile_section(
    "merges", order=5, permission="customers.view", load=merges_of_profile, template="customers/_merges.html"
)
register_profile_action(
    "merge",
    40,
    "customers.edit",
    label=_("Merge with another customer"),
    icon="git-merge",
    url_name="customers:merge",
)
register_command(label=_("New account"), icon="plus", url_name="customers:account_create", permission="customers.edit")
register_command(label=_("New customer"), icon="user-plus", url_name="customers:create", permission="customers.edit")
register_searcher("customers", permission="customers.view", search=search_customers, label=_("Customers"))
register_source("consent", label=_("Consent"), permission="customers.view", fetch=consent_items)
