"""What this app adds to the shell."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="settings",
        label=_("Share links"),
        icon="share",
        url_name="sharing:list",
        permission="maps.share",
        order=85,
    )
)
