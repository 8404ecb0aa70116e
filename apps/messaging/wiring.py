"""Entries of this app in the registries of the shell and of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.traces import Traces, register_trace
from apps.messaging.services import PERMISSION, forget_person
from cxm.web.navigation import NavItem, register_nav


def _forget_messages(traces: Traces) -> int:
    return forget_person(addresses=(*traces.emails, *traces.phones))


register_trace("messages", _forget_messages)
register_nav(
    NavItem(
        group="settings",
        label=_("Providers of messages"),
        icon="send",
        url_name="messaging:providers",
        permission=PERMISSION,
        order=62,
    )
)
