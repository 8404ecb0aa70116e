"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.holders import register_holder
from apps.customers.identity import register_identity_follower
from apps.customers.retention import register_life_sign, register_retention
from apps.interactions.following import follow_identities
from apps.interactions.holding import InteractionHolder, acted_since, count_aged, purge_aged
from apps.interactions.ingest import PATTERN, answer_environ
from cxm.ingest import register_fast_route
from cxm.web.navigation import NavItem, register_nav

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
