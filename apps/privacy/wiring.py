"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.customers.holders import TableHolder, register_holder
from apps.customers.models import Customer
from apps.customers.profile_page import register_profile_action
from apps.customers.retention import register_retention
from apps.customers.traces import register_trace
from apps.privacy.erasure import erase_customer, forget_request_rows, forget_requests
from apps.privacy.holding import represent_request
from apps.privacy.journal import erase_again, write_missing
from apps.privacy.models import PrivacyRequest
from apps.privacy.queries import overdue_requests
from apps.privacy.retention import (
    count_closed_requests,
    count_inactive,
    purge_closed_requests,
    purge_inactive,
)
from cxm.actor import Actor
from cxm.restoring import register_restore_step
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command

MANAGE = "privacy.manage"


def _is_free(customer: Customer) -> bool:
    return customer.restricted_at is None


def _is_restricted(customer: Customer) -> bool:
    return customer.restricted_at is not None


def _overdue(actor: Actor, organization: Any) -> int:
    return overdue_requests()


def _erase_again() -> str:
    """After a restore: whoever was erased since the backup is erased again, and the file knows all there is to know."""
    people = erase_again(lambda person: erase_customer(actor=Actor.system("restore"), customer=person))
    write_missing()
    return f"Erased again, as the journal of erasures says: {people} people."


register_holder(
    TableHolder(
        "privacy_requests",
        PrivacyRequest,
        label=_("Privacy requests"),
        represent=represent_request,
        on_erase=forget_request_rows,
        order=("received_at", "pk"),
    )
)
register_trace("privacy_requests", forget_requests)
register_retention(
    "customers",
    label=_("Customers who do nothing any more"),
    effect=_("Erased when neither they nor anybody changed anything for so long."),
    count=count_inactive,
    purge=purge_inactive,
    least=6,
    chunk=200,
)
register_retention(
    "privacy_requests",
    label=_("Answered privacy requests"),
    effect=_("Removed with their proof."),
    count=count_closed_requests,
    purge=purge_closed_requests,
    least=12,
)
register_restore_step("erasures", before=write_missing, after=_erase_again)
register_profile_action("export", 60, MANAGE, label=_("Copy of all data"), icon="download", url_name="privacy:export")
register_profile_action("look_ups", 61, MANAGE, label=_("Who looked"), icon="history", url_name="privacy:look_ups")
register_profile_action(
    "restrict", 62, MANAGE, label=_("Restrict"), icon="shield-check", url_name="privacy:restrict", shown=_is_free
)
register_profile_action(
    "unrestrict",
    62,
    MANAGE,
    label=_("Lift the restriction"),
    icon="shield-check",
    url_name="privacy:restrict",
    shown=_is_restricted,
)
register_profile_action(
    "erase", 63, MANAGE, label=_("Erase for good"), icon="trash", url_name="privacy:erase", danger=True
)
register_nav(
    NavItem(
        group="settings",
        label=_("Privacy desk"),
        icon="shield-check",
        url_name="privacy:list",
        permission=MANAGE,
        order=55,
        count=_overdue,
    )
)
register_nav(
    NavItem(
        group="settings",
        label=_("Retention"),
        icon="history",
        url_name="privacy:retention",
        permission=MANAGE,
        order=57,
    )
)
register_command(label=_("New privacy request"), icon="plus", url_name="privacy:create", permission=MANAGE)
