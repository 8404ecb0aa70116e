"""Deciding over many customers at once: gather the facts in a few queries, then ask the pure rules.

The same function answers the preview, which writes nothing, and the sending, which holds the customers' locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Q

from apps.customers.digests import digest_of
from apps.customers.models import ConsentRecord
from apps.dispatch.business_hours import next_open_time
from apps.dispatch.fatigue import (
    RELATIONSHIP,
    TRANSACTIONAL,
    Candidate,
    Contact,
    Decision,
    Rules,
    decide,
    rules_from_settings,
)
from apps.dispatch.models import Invitation, Suppression
from apps.organizations.models import Organization
from apps.surveys.models import Survey

COUNTED_STATES: Final = (
    Invitation.State.QUEUED,
    Invitation.State.SENT,
    Invitation.State.BOUNCED,
    Invitation.State.COMPLETED,
)
"""What stands in a customer's ledger: everything that was sent or will be."""

CUSTOMER_COLUMNS: Final = ("id", "email", "name", "language", "timezone", "created_at", "restricted_at")

CONSENT_PURPOSE: Final = "surveys"
ANY_CHANNEL: Final = "any"


@dataclass(frozen=True, slots=True)
class Person:
    """What the decision needs of a customer."""

    id: UUID
    email: str
    name: str
    language: str
    timezone: str
    created_at: datetime
    restricted: bool = False

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Person:
        """From a row of `CUSTOMER_COLUMNS`."""
        id, email, name, language, timezone, created_at, restricted_at = row
        return cls(id, email or "", name, language, timezone, created_at, restricted_at is not None)


@dataclass(frozen=True, slots=True)
class Assessment:
    """The decision over one customer, and when the mail would go."""

    person: Person
    send_at: datetime
    decision: Decision


def kind_of(survey: Survey) -> str:
    """Which counter of contact frequency the survey fills: relationship or transactional."""
    return RELATIONSHIP if survey.relationship else TRANSACTIONAL


def counter_of(kind: str, touchpoint_id: UUID | None, survey_id: UUID) -> str:
    """What a transactional survey is counted by: its touchpoint, or itself where it has none."""
    return "" if kind == RELATIONSHIP else str(touchpoint_id or survey_id)


def organization_rules(organization: Organization) -> Rules:
    """The frequency rules in force in the organisation."""
    return rules_from_settings(organization.fatigue, opt_in_required=organization.opt_in_required)


def assess(
    *,
    organization: Organization,
    survey: Survey,
    people: Sequence[Person],
    send_at: datetime,
    channel: str,
    ignore_new_customer_wait: bool = False,
) -> list[Assessment]:
    """Decide over `people`, in their order, for a survey that is to go at `send_at`.

    Costs four queries whatever the number of people. Whoever writes by it holds the locks of the customers' rows.
    """
    rules = organization_rules(organization)
    ids = [person.id for person in people]
    ledgers = contact_ledgers(ids, around=send_at, rules=rules)
    silent = suppressed_people(people)
    consents = consents_in_force(ids, channel)
    kind = kind_of(survey)
    assessed = []
    for person in people:
        at = send_at
        if organization.business_hours_enabled:
            at = next_open_time(send_at, organization.business_hours, person.timezone or organization.timezone)
        candidate = Candidate(
            at=at,
            kind=kind,
            counter=counter_of(kind, survey.touchpoint_id, survey.pk),
            known_since=person.created_at,
            ignore_new_customer_wait=ignore_new_customer_wait,
            has_address=bool(person.email),
            survey_live=survey.state == Survey.State.LIVE,
            restricted=person.restricted,
            suppressed=person.id in silent,
            consent=consents.get(person.id),
        )
        assessed.append(Assessment(person, at, decide(candidate, ledgers.get(person.id, ()), rules)))
    return assessed


def contact_ledgers(customer_ids: Iterable[UUID], *, around: datetime, rules: Rules) -> Mapping[UUID, list[Contact]]:
    """What each customer was or will be asked, as far from `around` as the longest cap looks (one query)."""
    reach = timedelta(
        days=8 + max(cap.days for cap in (rules.everything, rules.relationship, rules.transactional))
    )  # a send may move by a week within business hours
    rows = Invitation.objects.filter(
        Q(send_at__gt=around - reach) | Q(sent_at__gt=around - reach),
        customer_id__in=list(customer_ids),
        state__in=COUNTED_STATES,
    ).values_list("customer_id", "kind", "touchpoint_id", "survey_id", "send_at", "sent_at")
    ledgers: dict[UUID, list[Contact]] = defaultdict(list)
    for customer_id, kind, touchpoint_id, survey_id, planned, sent in rows:
        ledgers[customer_id].append(
            Contact(at=sent or planned, kind=kind, counter=counter_of(kind, touchpoint_id, survey_id))
        )
    return ledgers


def suppressed_people(people: Iterable[Person]) -> set[UUID]:
    """Those of `people` who must not be mailed, by their address or by who they are (one query)."""
    people = list(people)
    digests = {digest_of("email", person.email.lower()): person.email.lower() for person in people if person.email}
    rows = (
        Suppression.objects.in_force()
        .filter(
            Q(email__in={person.email.lower() for person in people if person.email})
            | Q(customer_id__in=[person.id for person in people], email="")
            | Q(digest__in=digests)
        )
        .values_list("email", "digest", "customer_id")
    )
    emails, ids = set(), set()
    for email, digest, customer_id in rows:
        if email or digest:
            emails.add(email or digests[digest])
        else:
            ids.add(customer_id)
    return {person.id for person in people if person.id in ids or person.email.lower() in emails}


def consents_in_force(customer_ids: Iterable[UUID], channel: str) -> dict[UUID, str]:
    """The newest statement of each customer on being surveyed by `channel` or by any (one query)."""
    rows = (
        ConsentRecord.objects.filter(
            customer_id__in=list(customer_ids), purpose=CONSENT_PURPOSE, channel__in=(channel, ANY_CHANNEL)
        )
        .order_by("customer_id", "-at", "-id")
        .distinct("customer_id")
        .values_list("customer_id", "state")
    )
    return dict(rows)
