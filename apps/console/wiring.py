"""The shell's own entry in the sidebar."""

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="help",
        label=_("Help & docs"),
        icon="help-circle",
        url_name="console:help_index",
        permission="organization.view",
        order=900,
    )
)
