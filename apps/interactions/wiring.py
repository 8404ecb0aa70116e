"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.holders import register_holder
from apps.customers.identity import register_identity_follower
from apps.customers.profile_page import register_profile_action, register_profile_figures
from apps.customers.retention import register_life_sign, register_retention
from apps.customers.timeline import register_source
from apps.interactions.activities import search_activities
from apps.interactions.following import follow_identities
from apps.interactions.holding import InteractionHolder, acted_since, count_aged, purge_aged
from apps.interactions.ingest import PATTERN, answer_environ
from apps.interactions.timeline import KINDS, interaction_figures, interaction_items
from cxm.ingest import register_fast_route
from cxm.web.navigation import NavItem, register_nav
from cxm.web.palette import register_command, register_searcher

register_identity_follower(follow_identities)
register_holder(InteractionHolder(_("Interactions")))
register_retention(
    "interactions", label=_("Interactions"), effect=_("Removed, with all they say."), count=count_aged, purge=purge_aged
)
register_life_sign("interactions", acted_since)
register_fast_route("v1/<str:kind>", PATTERN, answer_environ)
register_nav(
    NavItem(
        group="settings",
        label=_("Events"),
        icon="activity",
        url_name="interactions:events",
        permission="interactions.view",
        order=95,
    )
)
register_source("interactions", kinds=KINDS, permission="interactions.view", fetch=interaction_items)
register_profile_figures("interactions", 10, "interactions.view", interaction_figures)
register_profile_action(
    "touch", 10, "interactions.create", label=_("Add touch"), icon="plus", url_name="interactions:touch_add",
    is_primary=True,
)  # fmt: skip
register_nav(
    NavItem(
        group="understand",
        label=_("Activities"),
        icon="flag",
        url_name="interactions:activities",
        permission="interactions.view",
        order=35,
    )
)
register_command(label=_("Events"), icon="activity", url_name="interactions:events", permission="interactions.view")
register_searcher("activities", permission="interactions.view", search=search_activities, label=_("Activities"))
register_command(
    label=_("New activity"), icon="plus", url_name="interactions:activity_create", permission="activities.edit"
)
