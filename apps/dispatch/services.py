"""Inviting customers: decide, queue, take back, try again; and what becomes of an invitation's link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.audit.services import record
from apps.customers.models import Customer
from apps.customers.services import people_of
from apps.dispatch.channels import PERSONAL_CHANNELS
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Assessment, Person, assess, kind_of
from apps.dispatch.input import address_field, one_field
from apps.dispatch.models import Invitation, InvitationBatch, LinkEvent
from apps.dispatch.tasks import run_plans
from apps.dispatch.tasks import wake_sending as wake_sending
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound
from cxm.scope import current_tenant_id

MOST_CUSTOMERS: Final = 10_000
"""Customers named in one call."""
MOST_MEMBERS: Final = 50_000
"""Members of a segment in one call."""
LONGEST_WAIT: Final = timedelta(days=366)
"""How far ahead a sending may be planned."""
MOST_LINK_EVENTS: Final = 200
"""Events kept of one link; a scanner that hammers adds nothing after that."""

_ROWS_A_STATEMENT: Final = 1000
_ERRORS_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class InvitationCounts:
    """What became of a wish to ask: how many customers are asked, and how many are not, by rule."""

    eligible: int
    blocked: dict[str, int] = field(default_factory=dict)
    batch_id: UUID | None = None

    @property
    def blocked_total(self) -> int:
        """Customers not asked, whatever the rule."""
        return sum(self.blocked.values())


def invite_customers(
    *,
    actor: Actor,
    survey: Survey,
    customer_ids: Sequence[UUID],
    send_at: datetime | None = None,
    channel: str = Channel.EMAIL,
    ignore_new_customer_wait: bool = False,
    subject: str = "",
    opening: str = "",
    reply_to: str = "",
    expected: int | None = None,
    most: int = MOST_CUSTOMERS,
) -> InvitationCounts:
    """Ask customers to answer a survey: one row each, queued or blocked by a rule with its figures.

    All or nothing: an unknown customer refuses the whole call. A customer named twice counts once. The rows of the
    customers are locked while it is decided, so that two calls at once cannot both find a customer free to be asked.

    Args:
        customer_ids: 1 to `most` customers that the actor may send to.
        send_at: when to send, at most a year ahead; None or a time gone by means at once.
        channel: `email`, `sms` or `chat`; text messages go to the customer's phone number.
        ignore_new_customer_wait: leave out the wait before a new customer's first survey.
        subject: the organisation's own subject line, "" for the standard one in each recipient's language.
        opening: the organisation's own first sentence, "" for the standard one.
        reply_to: where replies go, "" for nowhere but the sender's address.
        expected: how many mails the person who confirmed was told of; None when nobody was.
        most: how many customers one call may name; a segment's members may be MOST_MEMBERS.

    Raises:
        NotAllowed: without `surveys.send`.
        Conflict: the survey is not live, or not exactly `expected` customers may be asked any more.
        DomainErrors: naming `customers.<position>`, `send_at`, `channel`, `subject`, `opening` or `reply_to`.
    """
    actor.require("surveys.send")
    with transaction.atomic():
        survey = Survey.objects.select_for_update(no_key=True, of=("self",)).get(pk=survey.pk)
        wish = _checked_wish(survey, customer_ids, send_at, channel, subject, opening, reply_to, most=most)
        batch = InvitationBatch.objects.create(
            survey=survey,
            channel=channel,
            subject=wish.subject,
            opening=wish.opening,
            reply_to=wish.reply_to,
            send_at=wish.send_at,
            ignore_new_customer_wait=ignore_new_customer_wait,
            eligible=0,
            blocked={},
            created_by_id=actor.user_id,
        )
        rules: Counter[str] = Counter()
        for assessed in _assessed(actor, survey, wish, channel, ignore_new_customer_wait, lock=True):
            rules.update(one.decision.rule for one in assessed)
            Invitation.objects.bulk_create(
                (invitation_for(batch, survey, one) for one in assessed), batch_size=_ROWS_A_STATEMENT
            )
        counts = _counted(rules)
        if expected is not None and counts.eligible != expected:
            raise Conflict(
                _("It would be %(now)d mails now, not %(before)d: something changed since you looked. Look again.")
                % {"now": counts.eligible, "before": expected},
                code="count_changed",
            )
        batch.eligible, batch.blocked = counts.eligible, counts.blocked
        batch.save(update_fields=["eligible", "blocked"])
        record(actor=actor, action="dispatch.invitations_made", target=batch, fields=["survey", "send_at"])
        if counts.eligible:
            wake_sending()
    return InvitationCounts(counts.eligible, counts.blocked, batch.pk)


def preview_invitations(
    *,
    actor: Actor,
    survey: Survey,
    customer_ids: Sequence[UUID],
    send_at: datetime | None = None,
    channel: str = Channel.EMAIL,
    ignore_new_customer_wait: bool = False,
    most: int = MOST_CUSTOMERS,
) -> InvitationCounts:
    """What `invite_customers` would decide now; writes nothing and locks nothing. Raises the same errors."""
    actor.require("surveys.send")
    wish = _checked_wish(survey, customer_ids, send_at, channel, most=most)
    rules: Counter[str] = Counter()
    for assessed in _assessed(actor, survey, wish, channel, ignore_new_customer_wait, lock=False):
        rules.update(one.decision.rule for one in assessed)
    return _counted(rules)


def cancel_batch(*, actor: Actor, batch: InvitationBatch) -> int:
    """Take back what of a batch has not been sent; the number of invitations cancelled."""
    actor.require("surveys.send")
    with transaction.atomic():
        cancelled = Invitation.objects.filter(batch=batch, state=Invitation.State.QUEUED).update(
            state=Invitation.State.CANCELLED, reason="cancelled", leased_until=None
        )
        record(actor=actor, action="dispatch.batch_cancelled", target=batch)
    return cancelled


def retry_failed(*, actor: Actor, survey: Survey) -> int:
    """Queue again what could not be sent (mail server refused or gave up); the number queued."""
    actor.require("surveys.send")
    with transaction.atomic():
        retried = Invitation.objects.filter(survey=survey, state=Invitation.State.FAILED).update(
            state=Invitation.State.QUEUED,
            reason="",
            attempts=0,
            leased_until=None,
            sent_at=None,
            provider_message_id="",
        )
        record(actor=actor, action="dispatch.failed_retried", target=survey)
        wake_sending()
    return retried


def complete_invitations(*, invitation_ids: Collection[UUID], keep_time: bool = True) -> int:
    """Mark invitations as answered; how many were not yet, so that of two answers at once only one is the first.

    `keep_time` is False for anonymous surveys: no time may lead from an answer back to who was invited.
    """
    if not invitation_ids:
        return 0
    return (
        Invitation.objects.filter(pk__in=invitation_ids)
        .exclude(state=Invitation.State.COMPLETED)
        .update(state=Invitation.State.COMPLETED, completed_at=now() if keep_time else None, leased_until=None)
    )


def record_link_event(*, invitation_id: UUID, kind: str, score: int | None, agent: str) -> None:
    """Note that an invitation's link was opened. Adds one row, never an answer; at most 200 a link.

    Nothing is kept of the links of an anonymous survey: the times would tell who gave which answer.
    """
    invitation = Invitation.objects.filter(pk=invitation_id, survey__anonymous=False)
    seen = LinkEvent.objects.filter(invitation_id=invitation_id).order_by()[:MOST_LINK_EVENTS].count()
    if seen < MOST_LINK_EVENTS and invitation.exists():
        LinkEvent.objects.create(invitation_id=invitation_id, kind=kind, score=score, agent=agent)


def wake_planning() -> None:
    """Have due plans run once this is committed; the sweep finds them too."""
    run_plans.wake()


@dataclass(frozen=True, slots=True)
class _Wish:
    positions: dict[UUID, int]
    send_at: datetime
    subject: str
    opening: str
    reply_to: str


def _checked_wish(
    survey: Survey,
    customer_ids: Sequence[UUID],
    send_at: datetime | None,
    channel: str,
    subject: str = "",
    opening: str = "",
    reply_to: str = "",
    *,
    most: int = MOST_CUSTOMERS,
) -> _Wish:
    if survey.state != Survey.State.LIVE:
        raise Conflict(_("Only a published survey that is not closed can be sent. Publish it first."), code="not_live")
    errors: list[FieldError] = []

    def wrong(field: str, code: str, message: str) -> None:
        errors.append({"field": field, "code": code, "message": message})

    positions: dict[UUID, int] = {}
    for position, customer_id in enumerate(customer_ids):
        positions.setdefault(customer_id, position)
    if not positions:
        wrong("customers", "required", _("Choose at least one customer."))
    if len(positions) > most:
        wrong("customers", "too_many", _("Choose at most %(most)s customers at a time.") % {"most": f"{most:,}"})
    if channel not in PERSONAL_CHANNELS:
        message = _("Personal invitations go by %(channels)s. Share the survey's link elsewhere.")
        wrong("channel", "unsupported", message % {"channels": ", ".join(sorted(PERSONAL_CHANNELS))})
    if survey.audience != Survey.Audience.CUSTOMERS:
        wrong("survey", "audience", _("This survey is for employees. Send it to the members of your organisation."))
    moment = now()
    if send_at is not None and send_at > moment + LONGEST_WAIT:
        wrong("send_at", "too_late", _("Choose a time within the next 12 months."))
    try:
        subject, opening = one_field(subject, "subject", 200), one_field(opening, "opening", 1000)
        reply_to = address_field(reply_to, "reply_to") if reply_to.strip() else ""
    except DomainError as error:
        errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return _Wish(positions, max(send_at or moment, moment), subject, opening, reply_to)


def _assessed(
    actor: Actor, survey: Survey, wish: _Wish, channel: str, ignore_new_customer_wait: bool, *, lock: bool
) -> Iterator[list[Assessment]]:
    """The decisions, 10,000 customers at a time. More of them are taken by id, so that locks keep one order."""
    positions = wish.positions
    ids = list(positions) if len(positions) <= MOST_CUSTOMERS else sorted(positions)
    organization = _organization()
    for start in range(0, len(ids), MOST_CUSTOMERS):
        chunk = {customer_id: positions[customer_id] for customer_id in ids[start : start + MOST_CUSTOMERS]}
        yield assess(
            organization=organization,
            survey=survey,
            people=_people(actor, chunk, lock=lock),
            send_at=wish.send_at,
            channel=channel,
            ignore_new_customer_wait=ignore_new_customer_wait,
        )


def _people(actor: Actor, positions: Mapping[UUID, int], *, lock: bool) -> list[Person]:
    """The customers by id, in the order given, locked in the order of their ids (so that two calls cannot deadlock).

    The id of a merged record means its person. Raises `DomainErrors` naming the position of each that does not exist
    here or lies outside the actor's branch.
    """
    rows = Customer.objects.filter(pk__in=positions).order_by("pk")
    units = actor.visible_units("surveys.send")
    if units is not None:
        rows = rows.filter(unit_id__in=units)
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    found = {row[0]: Person.from_row(row) for row in rows.values_list(*CUSTOMER_COLUMNS)}
    unknown = [customer_id for customer_id in positions if customer_id not in found]
    if merged := {pk: person for pk, person in people_of(unknown).items() if pk != person} if unknown else {}:
        people: dict[UUID, int] = {}
        for customer_id, position in positions.items():
            people.setdefault(merged.get(customer_id, customer_id), position)
        return _people(actor, people, lock=lock)
    if unknown:
        raise DomainErrors(
            [
                {
                    "field": f"customers.{positions[customer_id]}",
                    "code": "not_found",
                    "message": _("There is no customer with the id %(id)s.") % {"id": customer_id},
                }
                for customer_id in unknown[:_ERRORS_SHOWN]
            ],
            ngettext(
                "%(count)d customer is unknown; nobody was invited.",
                "%(count)d customers are unknown; nobody was invited.",
                len(unknown),
            )
            % {"count": len(unknown)},
        )
    return [found[customer_id] for customer_id in positions]


def invitation_for(
    batch: InvitationBatch, survey: Survey, one: Assessment, *, probability: float = 1.0, **more: Any
) -> Invitation:
    """The row of a decision, not stored yet: queued or blocked. `more` are further columns."""
    who = {"member_id": one.person.id, "unit_id": one.person.unit_id} if one.person.is_member else {}
    return Invitation(
        batch=batch,
        survey=survey,
        customer_id=None if one.person.is_member else one.person.id,
        touchpoint_id=survey.touchpoint_id,
        channel=batch.channel,
        language=language_for(one.person.language, survey),
        kind=kind_of(survey),
        state=Invitation.State.QUEUED if one.decision.eligible else Invitation.State.BLOCKED,
        reason=one.decision.rule,
        decision=one.decision.figures,
        send_at=one.send_at,
        probability=probability,
        **{**who, "plan_id": batch.plan_id, **more},
    )


def language_for(wanted: str, survey: Survey) -> str:
    """The survey's language for somebody who speaks `wanted`: that one, its base language, else the survey's first."""
    offered = survey.languages or ["en"]
    for language in (wanted, wanted.partition("-")[0]):
        if language in offered:
            return language
    return offered[0]


def count_rules(rules: Iterable[str]) -> InvitationCounts:
    """Decisions by rule; "" are those who are asked."""
    return _counted(Counter(rules))


def _counted(rules: Counter[str]) -> InvitationCounts:
    eligible = rules.pop("", 0)
    return InvitationCounts(eligible, dict(sorted(rules.items())))


def _organization() -> Organization:
    organization = Organization.objects.filter(pk=current_tenant_id()).first()
    if organization is None:
        raise NotFound
    return organization
