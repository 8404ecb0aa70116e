"""Why a customer was asked or not: a card of the profile, and a page of its own that also answers for one survey."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from apps.customers.models import Customer
from apps.customers.queries import customer_for
from apps.dispatch.channels import PERSONAL_CHANNELS
from apps.dispatch.explaining import allowance, decision_sentence, explanation, state_badge, state_name
from apps.dispatch.fatigue import GLOBAL_CAP, RELATIONSHIP_CAP
from apps.dispatch.frequency import (
    CounterUse,
    Frequency,
    contact_frequency,
    may_be_asked,
    survey_to_ask,
    surveys_to_ask,
)
from apps.organizations.models import Organization
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page

ON_PROFILE = 5
"""Entries of the ledger that the profile shows; the page has more."""


def frequency_card(actor: Actor, customer: Customer) -> dict[str, Any]:
    """What the profile shows: counters, the newest entries, and the surveys to ask about."""
    organization = Organization.objects.get(pk=current_tenant_id())
    found = contact_frequency(customer)
    return {
        **_shown(found, ZoneInfo(organization.timezone)),
        "ledger": _lines(found, ZoneInfo(organization.timezone))[:ON_PROFILE],
        "more": len(found.ledger) > ON_PROFILE,
        "surveys": surveys_to_ask(),
        "channels": _channels(),
    }


@permission_required("surveys.view")
@require_safe
def contact_frequency_page(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One customer's counters and ledger; with `?survey=` whether they may be asked it now, and by which rule not."""
    customer = customer_for(request.actor, pk)
    request.actor.require("surveys.view", customer.unit_id)
    zone = ZoneInfo(request.organization.timezone)
    surveys = surveys_to_ask()
    channel = request.GET.get("channel", "")
    channel = channel if channel in PERSONAL_CHANNELS else Channel.EMAIL.value
    context: dict[str, Any] = {"customer": customer, "surveys": surveys, "channels": _channels(), "channel": channel}
    if wanted := request.GET.get("survey", ""):
        survey = survey_to_ask(parse_uuid(wanted))
        if survey is None:
            raise NotFound
        assessed = may_be_asked(customer=customer, survey=survey, channel=channel)
        context |= {
            "survey": survey,
            "may": assessed.decision.eligible,
            "why": decision_sentence(assessed.decision.rule, assessed.decision.figures, zone),
            "at": assessed.send_at,
        }
    found = contact_frequency(customer)
    context |= _shown(found, zone) | {"ledger": _lines(found, zone)}
    return render_page(request, "dispatch/contact_frequency.html", context, partial="answer")


def _channels() -> list[tuple[str, str]]:
    return [(value, str(label)) for value, label in Channel.choices if value in PERSONAL_CHANNELS]


def _shown(found: Frequency, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "counters": [(_about(one), one.usage, allowance(one.usage.limit, one.usage.days)) for one in found.counters]
    }


def _about(one: CounterUse) -> str:
    """What a counter is about, in words."""
    if one.usage.rule == GLOBAL_CAP:
        return _("Surveys of any kind")
    if one.usage.rule == RELATIONSHIP_CAP:
        return _("About the relationship")
    if one.touchpoint is not None:
        return _("About “%(name)s”") % {"name": one.touchpoint.name}
    return one.survey.name if one.survey is not None else _("About a touchpoint that is gone")


def _lines(found: Frequency, zone: ZoneInfo) -> list[tuple[Any, str, str, str]]:
    """Entries of the ledger with the words and the kind of their badge, and the sentence on why."""
    return [
        (row, state_name(row.shown_state), state_badge(row.shown_state), explanation(row, zone)) for row in found.ledger
    ]
