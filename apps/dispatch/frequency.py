"""How often one customer was asked: every counter with when it frees up, the ledger, and "may they be asked now?"."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.models import Customer
from apps.dispatch import fatigue
from apps.dispatch.channels import PERSONAL_CHANNELS
from apps.dispatch.eligibility import (
    CUSTOMER_COLUMNS,
    Assessment,
    Person,
    assess,
    contact_ledgers,
    organization_rules,
)
from apps.dispatch.fatigue import Usage, usage
from apps.dispatch.models import Invitation
from apps.dispatch.queries import with_shown_state
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel, Touchpoint
from cxm.errors import DomainError
from cxm.scope import current_tenant_id

LEDGER_SHOWN: Final = 50
"""Entries of the ledger that a page or an answer of the API shows, the newest."""


@dataclass(frozen=True, slots=True)
class CounterUse:
    """A counter of contact frequency and what it is about: everything, the relationship, a touchpoint or a survey."""

    usage: Usage
    touchpoint: Touchpoint | None = None
    survey: Survey | None = None


@dataclass(frozen=True, slots=True)
class Frequency:
    """What is known of how often a customer is asked. `counters` hold at `at`."""

    at: datetime
    counters: list[CounterUse]
    ledger: list[Any]


def contact_frequency(customer: Customer) -> Frequency:
    """The counters and the newest entries of a customer's ledger. Five queries."""
    organization, at = _organization(), now()
    rules = organization_rules(organization)
    contacts = contact_ledgers([customer.pk], at, at, rules=rules).get(customer.pk, [])
    about = [one for one in contacts if one.kind == fatigue.RELATIONSHIP]
    by_counter: dict[str, list[fatigue.Contact]] = defaultdict(list)
    for one in contacts:
        if one.kind == fatigue.TRANSACTIONAL and abs(one.at - at) < rules.transactional.window:
            by_counter[one.counter].append(one)
    names = [UUID(counter) for counter in by_counter]
    touchpoints = Touchpoint.objects.in_bulk(names) if names else {}
    surveys = Survey.objects.in_bulk(names) if names else {}
    counters = [
        CounterUse(usage(fatigue.GLOBAL_CAP, rules.everything, at, contacts)),
        CounterUse(usage(fatigue.RELATIONSHIP_CAP, rules.relationship, at, about)),
    ]
    counters += [
        CounterUse(
            usage(fatigue.TRANSACTIONAL_CAP, rules.transactional, at, ledger),
            touchpoints.get(UUID(counter)),
            surveys.get(UUID(counter)),
        )
        for counter, ledger in by_counter.items()
    ]
    return Frequency(at, counters, list(ledger_of(customer)[:LEDGER_SHOWN]))


def ledger_of(customer: Customer) -> QuerySet[Any]:
    """Every survey the customer was asked, or was to be asked, newest first; of anonymous ones not who answered."""
    rows = with_shown_state(Invitation.objects.filter(customer=customer))
    return rows.select_related("survey", "touchpoint", "plan").order_by("-created_at", "-id")


def may_be_asked(
    *, customer: Customer, survey: Survey, channel: str = Channel.EMAIL, ignore_new_customer_wait: bool = False
) -> Assessment:
    """Whether the customer may be asked this survey now, and else by which rule not. Writes nothing.

    Raises `DomainError` naming `channel` for one that carries no personal invitation.
    """
    if channel not in PERSONAL_CHANNELS:
        message = _("Personal invitations go by %(channels)s.") % {"channels": ", ".join(sorted(PERSONAL_CHANNELS))}
        raise DomainError(message, field="channel", code="unsupported")
    row = Customer.objects.filter(pk=customer.pk).values_list(*CUSTOMER_COLUMNS).get()
    return assess(
        organization=_organization(),
        survey=survey,
        people=[Person.from_row(row)],
        send_at=now(),
        channel=channel,
        ignore_new_customer_wait=ignore_new_customer_wait,
    )[0]


def _organization() -> Organization:
    return Organization.objects.get(pk=current_tenant_id())


def surveys_to_ask() -> QuerySet[Survey]:
    """The names of the surveys that a customer could be asked now."""
    return _askable().order_by("name", "pk").only("pk", "name")


def survey_to_ask(pk: UUID | None) -> Survey | None:
    """One of them by its id; None for any other."""
    return _askable().select_related("touchpoint").filter(pk=pk).first() if pk else None


def _askable() -> QuerySet[Survey]:
    return Survey.objects.filter(state=Survey.State.LIVE, audience=Survey.Audience.CUSTOMERS)
