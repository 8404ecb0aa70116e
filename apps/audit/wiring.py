"""The audit log's entry on the settings page."""

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="settings", label=_("Audit log"), icon="history", url_name="audit:log", permission="audit.view", order=110
    )
)
