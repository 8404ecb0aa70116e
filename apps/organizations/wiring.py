"""Entries of this app in the registries of the shell."""

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command

for _order, (_label, _icon, _name, _permission, _exact) in enumerate(
    [
        (_("General"), "settings", "organizations:general", "organization.settings", True),
        (_("Branding"), "palette", "organizations:branding", "organization.settings", False),
        (_("Members"), "users", "organizations:members", "members.view", False),
        (_("Roles"), "user-shield", "organizations:roles", "organization.view", False),
        (_("Teams and units"), "hierarchy-2", "organizations:units", "units.view", False),
        (_("Contact rules"), "mail-check", "organizations:contact_rules", "organization.settings", False),
        (_("Scoring"), "percentage", "organizations:scoring", "organization.settings", False),
        (_("API keys"), "key", "organizations:keys", "keys.manage", False),
        (_("Mail"), "mail", "organizations:mail", "organization.settings", False),
        (_("Background work"), "refresh", "organizations:background", "organization.settings", False),
    ],
    start=1,
):
    register_nav(
        NavItem(
            group="settings",
            label=_label,
            icon=_icon,
            url_name=_name,
            permission=_permission,
            order=_order * 10,
            exact=_exact,
        )
    )

register_command(
    label=_("Invite a colleague"), icon="user-plus", url_name="organizations:invite", permission="members.manage"
)
register_command(label=_("New API key"), icon="key", url_name="organizations:key_create", permission="keys.manage")
