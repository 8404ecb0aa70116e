"""Deciding over many customers at once: gather the facts in a few queries, then ask the pure rules.

The same function answers the preview, which writes nothing, and the sending, which holds the customers' locks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

from django.db.models import Q

from apps.customers.digests import digest_of
from apps.customers.models import ConsentRecord
from apps.dispatch.business_hours import next_open_time
from apps.dispatch.channels import MAIL_CHANNELS, PERSONAL_CHANNELS, TEXT_CHANNELS, address_on
from apps.dispatch.fatigue import (
    RELATIONSHIP,
    TRANSACTIONAL,
    Candidate,
    Contact,
    Decision,
    Rules,
    decide,
    permission,
    rules_from_settings,
)
from apps.dispatch.models import Invitation, Suppression
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel

COUNTED_STATES: Final = (
    Invitation.State.QUEUED,
    Invitation.State.SENT,
    Invitation.State.BOUNCED,
    Invitation.State.COMPLETED,
)
"""What stands in a customer's ledger: everything that was sent or will be."""

CUSTOMER_COLUMNS: Final = (
    "id", "email", "name", "language", "timezone", "created_at", "restricted_at", "phone", "unit_id",
)  # fmt: skip

CONSENT_PURPOSE: Final = "surveys"
ANY_CHANNEL: Final = "any"


@dataclass(frozen=True, slots=True)
class Person:
    """What the decision needs of a customer, or of a member of the organisation (who has no wait of new customers)."""

    id: UUID
    email: str
    name: str
    language: str
    timezone: str
    created_at: datetime | None
    restricted: bool = False
    phone: str = ""
    unit_id: UUID | None = None
    is_member: bool = False

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Person:
        """From a row of `CUSTOMER_COLUMNS`."""
        id, email, name, language, timezone, created_at, restricted_at, phone, unit_id = row
        return cls(
            id, email or "", name, language, timezone, created_at, restricted_at is not None, phone or "", unit_id
        )


class Limit(Protocol):
    """What a plan allows; counts as it is taken."""

    def refuses(self, at: datetime) -> str:
        """The code of the rule against one more at this time, "" for none."""

    def take(self, at: datetime) -> None:
        """Count one that is asked."""


@dataclass(frozen=True, slots=True)
class Wish:
    """That somebody should get a survey at a time, by a channel. `at` is final: business hours were seen to.

    `limit` is what may object beyond the person and the ledger (a full quota): asked after the rules of permission and
    before those of frequency.
    """

    person: Person
    survey: Survey
    at: datetime
    channel: str = Channel.EMAIL
    ignore_new_customer_wait: bool = False
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """The decision over one person, and when the mail would go."""

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


def is_live_at(survey: Survey, at: datetime) -> bool:
    """Whether the survey will still take answers then, as far as it is known."""
    return survey.state == Survey.State.LIVE and (survey.closes_at is None or at < survey.closes_at)


def sending_time(organization: Organization, person: Person, at: datetime) -> datetime:
    """When somebody may be written to from `at` on: in the business hours of the own time zone, where they are kept."""
    if not organization.business_hours_enabled:
        return at
    return next_open_time(at, organization.business_hours, person.timezone or organization.timezone)


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
    return assess_wishes(
        organization=organization,
        wishes=[
            Wish(
                person=person,
                survey=survey,
                at=sending_time(organization, person, send_at),
                channel=channel,
                ignore_new_customer_wait=ignore_new_customer_wait,
            )
            for person in people
        ],
    )


def assess_wishes(*, organization: Organization, wishes: Sequence[Wish]) -> list[Assessment]:
    """Decide over wishes one after the other: a wish that is granted stands in the ledger of those that follow.

    Costs three queries, and one more for each further channel. Whoever writes by it holds the customers' locks.
    """
    if not wishes:
        return []
    rules = organization_rules(organization)
    times = [wish.at for wish in wishes]
    ledgers: dict[UUID, list[Contact]] = defaultdict(list)
    by_kind: dict[bool, set[UUID]] = {True: set(), False: set()}
    by_channel: dict[str, dict[UUID, Person]] = defaultdict(dict)
    for wish in wishes:
        by_kind[wish.person.is_member].add(wish.person.id)
        by_channel[wish.channel][wish.person.id] = wish.person
    for is_member, ids in by_kind.items():
        if ids:
            ledgers.update(contact_ledgers(ids, min(times), max(times), rules=rules, members=is_member))
    silent = {channel: suppressed_people(people.values(), channel) for channel, people in by_channel.items()}
    consents = {
        channel: consents_in_force([pk for pk, one in people.items() if not one.is_member], channel)
        for channel, people in by_channel.items()
    }
    assessed = []
    for wish in wishes:
        person = wish.person
        kind = kind_of(wish.survey)
        counter = counter_of(kind, wish.survey.touchpoint_id, wish.survey.pk)
        candidate = Candidate(
            at=wish.at,
            kind=kind,
            counter=counter,
            known_since=person.created_at,
            ignore_new_customer_wait=wish.ignore_new_customer_wait,
            has_address=address_on(wish.channel, email=person.email, phone=person.phone) != "",
            survey_live=is_live_at(wish.survey, wish.at),
            restricted=person.restricted,
            suppressed=person.id in silent[wish.channel],
            # Employees are asked by their employer: consent to surveys is a record of customers.
            consent="given" if person.is_member else consents[wish.channel].get(person.id),
        )
        own = ledgers.setdefault(person.id, [])
        refused = wish.limit.refuses(wish.at) if wish.limit else ""
        decision = (refused and (permission(candidate, rules) or Decision(refused))) or decide(candidate, own, rules)
        if decision.eligible:
            if wish.limit:
                wish.limit.take(wish.at)
            own.append(Contact(at=wish.at, kind=kind, counter=counter))
        assessed.append(Assessment(person, wish.at, decision))
    return assessed


def contact_ledgers(
    ids: Iterable[UUID],
    start: datetime,
    end: datetime,
    *,
    rules: Rules,
    members: bool = False,
    without: UUID | None = None,
) -> dict[UUID, list[Contact]]:
    """What each customer (or member) was or will be asked, as far around the time as the longest cap looks.

    One query. Whoever was asked nothing is missing; `without` is an invitation that is left out.
    """
    reach = timedelta(
        days=8 + max(cap.days for cap in (rules.everything, rules.relationship, rules.transactional))
    )  # a send may move by a week within business hours
    column = "member_id" if members else "customer_id"
    rows = Invitation.objects.filter(
        Q(send_at__gt=start - reach) | Q(sent_at__gt=start - reach),
        send_at__lt=end + reach,
        state__in=COUNTED_STATES,
        **{f"{column}__in": list(ids)},
    ).values_list(column, "kind", "touchpoint_id", "survey_id", "send_at", "sent_at")
    if without is not None:
        rows = rows.exclude(pk=without)
    ledgers: dict[UUID, list[Contact]] = defaultdict(list)
    for person_id, kind, touchpoint_id, survey_id, planned, sent in rows:
        ledgers[person_id].append(
            Contact(at=sent or planned, kind=kind, counter=counter_of(kind, touchpoint_id, survey_id))
        )
    return ledgers


def suppressed_people(people: Iterable[Person], channel: str = Channel.EMAIL) -> set[UUID]:
    """Those of `people` who must not be asked on a channel, by their address or by who they are (one query).

    Where a survey is only shown, a stop counts by whichever channel it came; a bounced address says nothing there.
    """
    people = list(people)
    emails: dict[str, set[UUID]] = defaultdict(set)
    phones: dict[str, set[UUID]] = defaultdict(set)
    for person in people:
        if person.email and channel not in TEXT_CHANNELS:
            emails[person.email.lower()].add(person.id)
        if person.phone and channel not in MAIL_CHANNELS:
            phones[person.phone].add(person.id)
    digests = {digest_of("email", email): ids for email, ids in emails.items()}
    digests |= {digest_of("phone", phone): ids for phone, ids in phones.items()}
    rows = Suppression.objects.in_force()
    if channel not in PERSONAL_CHANNELS:
        rows = rows.exclude(reason=Suppression.Reason.BOUNCE)
    found = rows.filter(
        Q(email__in=list(emails), phone="")
        | Q(phone__in=list(phones), email="")
        | Q(customer_id__in=[one.id for one in people if not one.is_member], email="", phone="", digest="")
        | Q(digest__in=list(digests))
    ).values_list("email", "phone", "digest", "customer_id")
    silent: set[UUID] = set()
    for email, phone, digest, customer_id in found:
        silent |= emails.get(email, set()) if email else set()
        silent |= phones.get(phone, set()) if phone else set()
        silent |= digests.get(digest, set()) if digest else set()
        if not (email or phone or digest) and customer_id is not None:
            silent.add(customer_id)
    return silent & {person.id for person in people}


def consents_in_force(customer_ids: Iterable[UUID], channel: str) -> dict[UUID, str]:
    """The newest statement of each customer on being surveyed by `channel` or by any (one query)."""
    customer_ids = list(customer_ids)
    if not customer_ids:
        return {}
    rows = (
        ConsentRecord.objects.filter(
            customer_id__in=customer_ids, purpose=CONSENT_PURPOSE, channel__in=(channel, ANY_CHANNEL)
        )
        .order_by("customer_id", "-at", "-id")
        .distinct("customer_id")
        .values_list("customer_id", "state")
    )
    return dict(rows)
