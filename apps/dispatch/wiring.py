"""What this app adds to the shell's registries and to those of the apps below."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from apps.customers.holders import TableHolder, register_holder
from apps.customers.profile_page import register_profile_section
from apps.customers.retention import register_retention
from apps.customers.stopping import register_stop
from apps.customers.timeline import register_source
from apps.customers.traces import register_trace
from apps.dispatch.frequency_views import frequency_card
from apps.dispatch.holding import (
    SuppressionHolder,
    count_aged_invitations,
    forget_invited,
    forget_mail,
    keep_silence,
    purge_aged_invitations,
    represent_invitation,
    stop_mail,
)
from apps.dispatch.links import InvitationLinks
from apps.dispatch.models import Invitation
from apps.dispatch.plan_queries import plans_by_segment
from apps.dispatch.queries import invitation_items, survey_facts
from apps.segments.registry import register_segment_use
from apps.surveys.links import register_link_keeper
from apps.surveys.models import Survey
from apps.surveys.registry import register_action, register_facts
from cxm.queues import Queue, register_queue
from cxm.web.navigation import NavItem, register_nav

register_link_keeper(InvitationLinks())
register_source("invitation", label=_("Survey invitations"), permission="surveys.view", fetch=invitation_items)
register_action(
    label=_("Send"), icon="send", url_name="dispatch:send", permission="surveys.send", states=[Survey.State.LIVE]
)
register_action(
    label=_("Invitations"),
    icon="list-details",
    url_name="dispatch:invitations",
    permission="surveys.view",
    states=[Survey.State.LIVE, Survey.State.CLOSED],
)
register_facts(survey_facts)
register_queue(
    Queue(
        name="reminders",
        table="dispatch_invitation",
        due="state = 'sent' AND remind_at <= now() AND (leased_until IS NULL OR leased_until < now())",
        since="greatest(remind_at, coalesce(leased_until, remind_at))",
    )
)
register_queue(
    Queue(
        name="plans",
        table="dispatch_sendplan",
        due="state = 'active' AND next_run_at <= now() AND (leased_until IS NULL OR leased_until < now())",
        since="next_run_at",
    )
)
register_holder(
    TableHolder(
        "invitations",
        Invitation,
        label=_("Survey invitations"),
        represent=represent_invitation,
        on_erase=forget_invited,
        order=("created_at", "pk"),
    )
)
register_holder(SuppressionHolder(_("Suppression list")))
register_trace("silence", keep_silence)
register_trace("mail", forget_mail)
register_stop("mail", stop_mail)
register_retention(
    "invitations",
    label=_("Who was invited"),
    effect=_("Invitations stay as numbers, without the customer."),
    count=count_aged_invitations,
    purge=purge_aged_invitations,
    least=3,
)
register_segment_use("sendings", plans_by_segment)
register_profile_section(
    "contact_frequency",
    order=35,
    permission="surveys.view",
    load=frequency_card,
    template="dispatch/_profile.html",
)
register_nav(
    NavItem(
        group="measure",
        label=_("Sendings"),
        icon="send",
        url_name="dispatch:plans",
        permission="surveys.view",
        order=32,
    )
)
register_nav(
    NavItem(
        group="settings",
        label=_("Suppression list"),
        icon="mail-off",
        url_name="dispatch:suppressions",
        permission="surveys.send",
        order=60,
    )
)
register_nav(
    NavItem(
        group="settings",
        label=_("Mailbox"),
        icon="inbox",
        url_name="dispatch:mailbox",
        permission="organization.settings",
        order=65,
    )
)
register_queue(
    Queue(
        name="invitations",
        table="dispatch_invitation",
        due="state = 'queued' AND send_at <= now() AND (leased_until IS NULL OR leased_until < now())",
        since="greatest(send_at, coalesce(leased_until, send_at))",
    )
)
