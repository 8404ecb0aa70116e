"""The dashboard and the feedback list in the sidebar and the palette."""

from django.utils.translation import gettext_lazy as _

from cxm.web.navigation import NavItem, register_nav

register_nav(
    NavItem(
        group="measure",
        label=_("Dashboard"),
        icon="layout-dashboard",
        url_name="dashboards:home",
        permission="metrics.view",
        order=10,
        shortcut="d",
        exact=True,
    )
)
register_nav(
    NavItem(
        group="measure",
        label=_("Feedback"),
        icon="messages",
        url_name="dashboards:feedback",
        permission="feedback.view",
        order=20,
        shortcut="f",
    )
)
