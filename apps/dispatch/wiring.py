"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.timeline import register_source
from apps.dispatch.links import InvitationLinks
from apps.dispatch.queries import invitation_items
from apps.surveys.links import register_link_keeper

register_link_keeper(InvitationLinks())
register_source("invitation", label=_("Survey invitations"), permission="surveys.view", fetch=invitation_items)
