"""What invitations, the suppression list and the mailbox hold of a customer: for merging, exporting, erasing, aging."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.timezone import now

from apps.audit.services import record
from apps.customers.digests import digest_of
from apps.customers.models import ConsentRecord, Customer
from apps.customers.traces import Traces
from apps.dispatch.eligibility import CONSENT_PURPOSE, organization_rules
from apps.dispatch.models import Invitation, MailboxMessage, SendPlan, Suppression
from apps.dispatch.suppression import suppress
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.api.serializers import utc_text
from cxm.scope import current_tenant_id


def represent_invitation(row: Invitation) -> dict[str, Any]:
    """An invitation for the person to read, and for the colleague who hands it over: of an anonymous survey it does not
    say whether it was answered."""
    is_told = row.state != Invitation.State.COMPLETED or not row.survey.anonymous
    return {
        "id": str(row.pk),
        "survey": str(row.survey_id),
        "channel": row.channel,
        "language": row.language,
        "state": row.state if is_told else Invitation.State.SENT.value,
        "reason": row.reason or None,
        "send_at": utc_text(row.send_at),
        "sent_at": utc_text(row.sent_at) if row.sent_at else None,
        "completed_at": utc_text(row.completed_at) if row.completed_at and is_told else None,
        "experienced_at": utc_text(row.experienced_at) if row.experienced_at else None,
        "attributes": row.attributes,
    }


def forget_invited(rows: QuerySet[Invitation]) -> int:
    """Take the person out of invitations. What was sent stays sent, so that no response rate moves."""
    queued = rows.filter(state=Invitation.State.QUEUED)
    queued.update(state=Invitation.State.CANCELLED, leased_until=None)
    return rows.update(customer=None, decision={}, attributes={}, interaction_id=None, remind_at=None)


def represent_suppression(row: Suppression) -> dict[str, Any]:
    """An entry of the suppression list for the person to read."""
    return {
        "id": str(row.pk),
        "email": row.email or None,
        "phone": row.phone or None,
        "reason": row.reason,
        "note": row.note,
        "at": utc_text(row.at),
        "lifted_at": utc_text(row.lifted_at) if row.lifted_at else None,
        "lifted_because": row.lifted_because,
    }


class SuppressionHolder:
    """Entries of the list name a person by id or by address; both are the person's."""

    name = "suppressions"

    def __init__(self, label: Any) -> None:
        self.label = label

    def rows(self, customer: UUID) -> QuerySet[Suppression]:
        """Entries under the record's id, its address or its number."""
        email, phone = Customer.records.values_list("email", "phone").filter(pk=customer).first() or (None, None)
        theirs = Q(customer=customer)
        if email:
            theirs |= Q(email=email)
        if phone:
            theirs |= Q(phone=phone)
        return Suppression.objects.filter(theirs)

    def move(self, merged: UUID, kept: UUID) -> list[str]:
        """The entries in force by id alone follow the person; one that the kept record has already stays behind."""
        mine = Suppression.objects.filter(customer=merged)
        if Suppression.objects.in_force().filter(customer=kept, email="", phone="", digest="").exists():
            mine = mine.exclude(email="", phone="", lifted_at=None)
        ids = list(mine.values_list("pk", flat=True))
        Suppression.objects.filter(pk__in=ids).update(customer=kept)
        return [str(pk) for pk in ids]

    def move_back(self, ids: list[str], merged: UUID, kept: UUID) -> None:
        """See Holder."""
        Suppression.objects.filter(customer=kept, pk__in=ids).update(customer=merged)

    def export(self, customer: UUID) -> Iterable[dict[str, Any]]:
        """See Holder."""
        return [represent_suppression(row) for row in self.rows(customer).order_by("at", "pk")]

    def erase(self, customer: UUID) -> int:
        """Nothing here: `keep_silence` turned the addresses into digests before."""
        return 0


def keep_silence(traces: Traces) -> int:
    """Of entries about the person keep a keyed digest of the address or number; whoever withdrew consent gets them too.

    So an erased person who had opted out is not written to when the address is imported again, and cannot be read here.
    """
    about = Q(customer__in=traces.records) | Q(email__in=traces.emails) | Q(phone__in=traces.phones)
    in_force = {email or phone or "": (reason, at) for email, phone, reason, at in _in_force(about)}
    newest: dict[str, str] = {}
    consents = ConsentRecord.objects.filter(customer__in=traces.records, purpose=CONSENT_PURPOSE).order_by("at", "id")
    for channel, state in consents.values_list("channel", "state"):
        newest[channel] = state
    touched = Suppression.objects.filter(about).delete()[0]
    for kind, channel, values in (("email", "email", traces.emails), ("phone", "sms", traces.phones)):
        withdrew = newest.get("any") == "withdrawn" or newest.get(channel) == "withdrawn"
        for value in values:
            if not (withdrew or "" in in_force or value in in_force):
                continue
            reason, at = in_force.get(value) or in_force.get("") or (Suppression.Reason.UNSUBSCRIBED, now())
            Suppression.objects.get_or_create(
                digest=digest_of(kind, value), lifted_at=None, defaults={"reason": reason, "at": at}
            )
    return touched


def _in_force(about: Q) -> Iterable[tuple[str, str, str, datetime]]:
    rows = Suppression.objects.in_force().filter(about).order_by("at")
    return rows.values_list("email", "phone", "reason", "at")


def forget_mail(traces: Traces) -> int:
    """Remove kept mails of this organisation to one of the person's addresses, or that name one."""
    named = Q()
    for email in traces.emails:
        named |= Q(to__icontains=email) | Q(text__icontains=email) | Q(html__icontains=email)
    for name in traces.names:
        if len(name) >= 5:
            named |= Q(text__contains=name)
    if not named:
        return 0
    return MailboxMessage.objects.filter(named, organization=current_tenant_id()).delete()[0]


def stop_mail(actor: Actor, customer: Customer) -> None:
    """An objection: the address is on the list before this returns, and what was queued is blocked."""
    suppress(actor=actor, customer=customer, reason=Suppression.Reason.UNSUBSCRIBED)


def aged_invitations(before: datetime) -> QuerySet[Invitation]:
    """Invitations that still name a person, were planned before a time, and that no rule of contact frequency needs."""
    rules = organization_rules(Organization.objects.get(pk=current_tenant_id()))
    longest = max(cap.days for cap in (rules.everything, rules.relationship, rules.transactional))
    before = min(before, now() - timedelta(days=longest + 8))
    return Invitation.objects.filter(send_at__lt=before, customer__isnull=False)


def count_aged_invitations(before: datetime) -> int:
    """How many there are."""
    return aged_invitations(before).count()


def purge_aged_invitations(before: datetime, limit: int) -> int:
    """Take the person out of at most `limit` of them."""
    ids = list(aged_invitations(before).order_by("send_at").values_list("pk", flat=True)[:limit])
    return forget_invited(Invitation.objects.filter(pk__in=ids))


def record_decisions_taken(*, actor: Actor, plan: SendPlan) -> None:
    """Write down that somebody took the decisions of a sending as a file."""
    record(actor=actor, action="dispatch.decisions_exported", target=plan)


def record_list_taken(*, actor: Actor) -> None:
    """Write down that somebody took the suppression list as a file."""
    record(actor=actor, action="dispatch.suppressions_exported")
