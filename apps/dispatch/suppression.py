"""Who must not be mailed: putting them on the list, and taking them off."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.digests import digest_of
from apps.customers.models import Customer
from apps.dispatch.channels import TEXT_CHANNELS
from apps.dispatch.fatigue import SUPPRESSED
from apps.dispatch.input import address_field, one_field
from apps.dispatch.models import Invitation, Suppression
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import DomainError

MOST_AT_ONCE: Final = 10_000
"""Addresses in one list."""

SAID_BY_PERSON: Final = frozenset(
    {Suppression.Reason.UNSUBSCRIBED, Suppression.Reason.COMPLAINT, Suppression.Reason.OPT_OUT_WORD}
)
"""Reasons that are the person's own word: only the person can take it back."""


def suppress(
    *,
    actor: Actor,
    reason: str,
    email: str = "",
    phone: str = "",
    customer: Customer | None = None,
    note: str = "",
) -> Suppression:
    """Never write to this address or number again; effective when this returns.

    Of a `customer` both the e-mail address and the phone number are put on the list (a person who says stop means us,
    not a channel), or the customer where there is neither. What was queued for them is blocked at once. Suppressing
    again changes nothing; returned is the entry of the first of the three. No permission is asked: the callers are the
    respondent's own click, a bounce, an opt-out word, and `add_suppressions` for people.
    """
    emails = {email.strip().lower()} - {""} or ({(customer.email or "").strip().lower()} - {""} if customer else set())
    phones = {phone.strip()} - {""} or ({(customer.phone or "").strip()} - {""} if customer else set())
    if not emails and not phones and customer is None:
        raise DomainError(_("Give an e-mail address."), field="email", code="required")
    whom: list[dict[str, Any]] = [{"email": one, "phone": ""} for one in emails]
    whom += [{"email": "", "phone": one} for one in phones]
    with transaction.atomic():
        entries = []
        for who in whom or [{"email": "", "phone": "", "customer": customer, "digest": ""}]:
            entry, made = Suppression.objects.get_or_create(
                **who, lifted_at=None, defaults={"reason": reason, "note": note, "customer": customer}
            )
            entries.append(entry)
            if made:
                record(actor=actor, action="dispatch.suppressed", target=entry, fields=["reason"])
        block_queued(emails=emails, phones=phones, customer_ids=[customer.pk] if customer and not whom else [])
    return entries[0]


def block_queued(
    *, emails: Collection[str] = (), phones: Collection[str] = (), customer_ids: Collection[UUID] = ()
) -> None:
    """Block what is queued for these addresses, numbers and customers, and remind nobody behind them."""
    conditions = []
    if emails:
        theirs = Q(customer__email__in=list(emails)) | Q(member__email__in=list(emails))
        conditions.append(Q(channel=Channel.EMAIL) & theirs)
    if phones:
        conditions.append(Q(channel__in=TEXT_CHANNELS, customer__phone__in=list(phones)))
    if customer_ids:
        conditions.append(Q(customer__in=list(customer_ids)))
    waiting = Q(state=Invitation.State.QUEUED) | Q(state=Invitation.State.SENT, remind_at__isnull=False)
    ids = [pk for one in conditions for pk in Invitation.objects.filter(waiting & one).values_list("pk", flat=True)]
    if ids:
        rows = Invitation.objects.filter(pk__in=ids)
        rows.filter(state=Invitation.State.QUEUED).update(
            state=Invitation.State.BLOCKED, reason=SUPPRESSED, leased_until=None
        )
        rows.filter(state=Invitation.State.SENT).update(remind_at=None)


def is_suppressed(address: str) -> bool:
    """Whether nothing is to be sent to this e-mail address or phone number. One query."""
    email = address.strip().lower()
    known = Q(email=email) | Q(phone=email) if email else Q(pk=None)
    digests = [digest_of("email", email), digest_of("phone", email)]
    return Suppression.objects.in_force().filter(known | Q(digest__in=digests)).exists()


def add_suppression(*, actor: Actor, email: str, note: str = "") -> Suppression:
    """Put an address on the suppression list by hand. Raises `DomainError` naming `email` or `note`."""
    actor.require("surveys.send")
    email = address_field(email, "email")
    return suppress(actor=actor, email=email, reason=Suppression.Reason.MANUAL, note=one_field(note, "note", 200))


@dataclass(slots=True)
class AddedList:
    """What became of a list of addresses: how many were new, known already, and which were no addresses (by place)."""

    added: int = 0
    known: int = 0
    refused: list[tuple[int, str]] = field(default_factory=list)


@transaction.atomic
def add_suppressions(*, actor: Actor, emails: Iterable[str], note: str = "") -> AddedList:
    """Put up to 10,000 addresses on the list by hand; what is no address is left out and named by its place (from 0).

    Raises `DomainError` naming `emails` when there is none or too many, `note` when it cannot be stored. Costs the same
    few statements for any number.
    """
    actor.require("surveys.send")
    note = one_field(note, "note", 200)
    outcome = AddedList()
    wanted: dict[str, None] = {}
    for place, text in enumerate(emails):
        if place >= MOST_AT_ONCE:
            raise DomainError(
                _("Give at most %(n)s addresses at a time.") % {"n": "10,000"}, field="emails", code="too_many"
            )
        try:
            wanted[address_field(str(text), "emails")] = None
        except DomainError:
            outcome.refused.append((place, str(text)[:254]))
    if not wanted and not outcome.refused:
        raise DomainError(_("Give at least one e-mail address."), field="emails", code="required")
    rows = [Suppression(email=email, reason=Suppression.Reason.MANUAL, note=note) for email in wanted]
    listed = Suppression.objects.in_force().filter(email__in=list(wanted))
    before = set(listed.values_list("email", flat=True))
    Suppression.objects.bulk_create(rows, ignore_conflicts=True)
    block_queued(emails=list(wanted))
    outcome.known = len(before)
    outcome.added = len(wanted) - len(before)
    if outcome.added:
        record(actor=actor, action="dispatch.suppressed", fields=["reason", f"addresses: {outcome.added}"])
    return outcome


def addresses_in(text: str) -> list[str]:
    """The pieces of a pasted list: by line, comma, semicolon or space; `Name <address>` is read as the address."""
    return [piece.strip("<>\"'") for piece in re.split(r"[\s,;]+", text) if "@" in piece or piece.strip("<>\"'")]


def lift_suppression(*, actor: Actor, suppression: Suppression, reason: str, asked_by_person: bool = False) -> None:
    """Take somebody off the suppression list. The entry stays as history, with `reason`.

    Raises `DomainError` naming `reason` when it is empty, and `asked_by_person` when the entry is the person's own word
    and nobody confirms that the person took it back.
    """
    actor.require_everywhere("organization.settings")
    because = one_field(reason, "reason", 200)
    if not because:
        raise DomainError(
            _("Say why this person may be mailed again, for example “asked us on the phone”."),
            field="reason",
            code="required",
        )
    if suppression.reason in SAID_BY_PERSON and not asked_by_person:
        raise DomainError(
            _("This person said stop. Confirm that the person asked to be mailed again."),
            field="asked_by_person",
            code="required",
        )
    with transaction.atomic():
        lifted = (
            Suppression.objects.in_force()
            .filter(pk=suppression.pk)
            .update(lifted_at=now(), lifted_because=because, lifted_by_id=actor.user_id)
        )
        if lifted:
            record(actor=actor, action="dispatch.suppression_lifted", target=suppression)
