"""The worker's side: claim due rows, read once more what speaks against each, hand it over, mark it.

The rows are the queue (`claiming`). Each message is marked in a commit of its own after the server's 250, together with
reading the facts of the next (`facts`): a worker killed between the two repeats that one message, under the same
Message-ID, and no other. Where handing over happens in the database itself, messages and marks are one transaction, and
nothing repeats. Nothing is lost when the broker is wiped, because the broker only wakes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.timezone import now

from apps.customers.digests import digest_of
from apps.dispatch.business_hours import next_open_time
from apps.dispatch.channels import MAIL_CHANNELS
from apps.dispatch.claiming import CLAIM, HELD, Claim, Job, claim_due, finish, postpone, release, rest
from apps.dispatch.composing import brand_of, compiled_mail, compiled_text, message_id, sender_of
from apps.dispatch.eligibility import contact_ledgers, counter_of, organization_rules
from apps.dispatch.facts import Facts, Mark, mark_and_read, mark_many, read_many
from apps.dispatch.fatigue import Candidate, Rules, decide, permission
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan, Suppression
from apps.dispatch.pacing import Pace
from apps.dispatch.rendering import CompiledMail, Recipient, ascii_address
from apps.dispatch.suppression import is_suppressed, suppress
from apps.dispatch.text_messages import CompiledText
from apps.dispatch.transport import SmtpTransport, Transport, open_transport
from apps.dispatch.wire import WireMail, wire_mail
from apps.messaging.errors import (
    AddressRefused,
    MessageRefused,
    NoProvider,
    ProviderUnavailable,
    RecipientOptedOut,
)
from apps.messaging.transports import TextTransport, open_text_transport
from apps.organizations.models import Organization
from apps.surveys.links import respondent_token, respondent_url
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id

__all__ = [
    "CLAIM",
    "Run",
    "SendingDesk",
    "TextDesk",
    "brand_of",
    "claim_due",
    "compiled_mail",
    "message_id",
    "send_due_invitations",
    "sender_of",
]

log = logging.getLogger(__name__)

SLICE: Final = timedelta(seconds=10)
"""How long one organisation sends before others get their turn."""
LATE: Final = timedelta(hours=1)
"""How much later than planned a message may go without asking again whether it comes too soon after another."""
_TOGETHER: Final = 50
"""Messages in one transaction, where handing over happens in the database."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did; `more` says that due rows may be left."""

    sent: int
    handled: int
    more: bool


def send_due_invitations(*, most: int = 2 * CLAIM, longest: timedelta = SLICE) -> Run:
    """Send what is due in the organisation in force: invitations and reminders, by mail and by text message.

    It stops after `most` rows or after `longest`, so that others get their turn.

    Must not be called inside a transaction: each message is committed by itself.
    """
    handled = sent = 0
    deadline = now() + longest
    organization = Organization.objects.get(pk=current_tenant_id())
    with ExitStack() as open_desks:
        desks: dict[bool, SendingDesk] = {}
        while handled < most and now() < deadline:
            claim = claim_due(min(CLAIM, most - handled))
            if not claim.rows:
                return Run(sent, handled, more=False)
            is_away = False
            for is_mail in (True, False):
                rows = [job for job in claim.rows if (job.channel in MAIL_CHANNELS) == is_mail]
                if not rows:
                    continue
                try:
                    if is_mail not in desks:
                        desks[is_mail] = _open_desk(organization, open_desks, is_mail=is_mail)
                    done = desks[is_mail].send_claim(Claim(rows, claim.until), deadline)
                except (NoProvider, ProviderUnavailable) as reason:
                    for job in rows:
                        postpone(job, reason.code)
                    done = Done(0, 0, is_away=True)
                sent, handled = sent + done.sent, handled + done.handled
                is_away = is_away or done.is_away
            if is_away:
                return Run(sent, handled, more=False)
    return Run(sent, handled, more=True)


def _open_desk(organization: Organization, stack: ExitStack, *, is_mail: bool) -> SendingDesk:
    if is_mail:
        return SendingDesk(organization, stack.enter_context(open_transport()))
    return TextDesk(organization, stack.enter_context(open_text_transport()))


@dataclass(slots=True)
class Done:
    """What became of a claim; `is_away` says that the way out is closed or rests for now."""

    sent: int = 0
    handled: int = 0
    is_away: bool = False


class SendingDesk:
    """Sends an organisation's mails, one after the other, over one transport."""

    def __init__(self, organization: Organization, transport: Transport | TextTransport) -> None:
        self.organization = organization
        self.transport = transport
        self.rules: Rules = organization_rules(organization)
        self.caps: Rules = replace(self.rules, opt_in_required=False)
        zone = ZoneInfo(organization.timezone)
        self.pace = Pace(transport.provider_id, transport.per_second, transport.per_day, zone)
        self._batches: dict[UUID, InvitationBatch] = {}
        self._surveys: dict[UUID, Survey] = {}
        self._plans: dict[UUID, SendPlan] = {}
        self._mails: dict[tuple[UUID, UUID, str, bool], tuple[CompiledMail, WireMail | None]] = {}
        self._bounced_plans: set[UUID] = set()

    def send_claim(self, claim: Claim, deadline: datetime | None = None) -> Done:
        """Send claimed rows until `deadline`; what is not tried is given back uncharged."""
        self._load(claim.rows)
        self.pace.begin_claim()
        try:
            if self.transport.is_transactional:
                return self._send_together(claim, deadline)
            return self._send_in_line(claim, deadline)
        finally:
            if self._bounced_plans:
                # The planner looks at the stop rules at once.
                SendPlan.objects.filter(pk__in=self._bounced_plans, state=SendPlan.State.ACTIVE).update(
                    next_run_at=now()
                )
                self._bounced_plans.clear()

    def _send_in_line(self, claim: Claim, deadline: datetime | None) -> Done:
        """One after the other: the statement that marks a message reads the facts of the next."""
        done = Done()
        mark: Mark | None = None
        try:
            for position, job in enumerate(claim.rows):
                if deadline is not None and now() > deadline:
                    release(claim.rows[position:], claim.until)
                    break
                if self._rests(claim, position, done):
                    break
                lease = claim.kept(position)
                marking, mark = mark, None
                facts = mark_and_read(marking, job, _digest(job), lease)
                done.handled += 1
                if facts is None or not self._may_send(job, facts):
                    continue
                try:
                    mark = self._deliver(job, facts)
                except ProviderUnavailable as reason:
                    log.warning("the way out is closed: %s", reason.code)
                    postpone(job, reason.code)
                    release(claim.rows[position + 1 :], claim.until)
                    done.handled, done.is_away = done.handled - 1, True
                    break
                except Exception as error:
                    self._charge(job, error)
                    continue
                done.sent += mark is not None
        finally:
            mark_and_read(mark, None, "", claim.until)
        return done

    def _send_together(self, claim: Claim, deadline: datetime | None) -> Done:
        """Messages that are kept in the database: many and their marks in one transaction."""
        done = Done()
        for start in range(0, len(claim.rows), _TOGETHER):
            rows = claim.rows[start : start + _TOGETHER]
            if deadline is not None and now() > deadline:
                release(claim.rows[start:], claim.until)
                break
            for place in range(len(rows)):
                if self._rests(claim, start + place, done):
                    rows = rows[:place]
                    break
            lease = claim.kept(start)
            try:
                with transaction.atomic():
                    done.sent += self._keep(rows, lease)
            except Exception as first:
                if len(rows) == 1:
                    self._charge(rows[0], first)
                else:
                    done.sent += self._keep_one_by_one(rows, lease)
            done.handled += len(rows)
            if done.is_away:
                break
        return done

    def _keep(self, rows: Sequence[Job], lease: datetime) -> int:
        facts = read_many(rows, [_digest(job) for job in rows], lease) if rows else {}
        marks = []
        for job in rows:
            if job.pk in facts and self._may_send(job, facts[job.pk]):
                mark = self._deliver(job, facts[job.pk])
                if mark is not None:
                    marks.append(mark)
        if marks:
            mark_many(marks)
        return len(marks)

    def _keep_one_by_one(self, rows: Sequence[Job], lease: datetime) -> int:
        """Where one of many fails, each has its own transaction, and only that one is charged."""
        kept = 0
        for job in rows:
            try:
                with transaction.atomic():
                    kept += self._keep([job], lease)
            except Exception as error:
                self._charge(job, error)
        return kept

    def _rests(self, claim: Claim, position: int, done: Done) -> bool:
        """Whether the provider's limits let no more go now; then the rows from `position` on rest, uncharged."""
        until = self.pace.rest_until()
        if until is None:
            return False
        rows = claim.rows[position:]
        rest(rows, claim.until, self.pace.times(until, len(rows)))
        done.is_away = True
        return True

    def _may_send(self, job: Job, facts: Facts) -> bool:
        """Whether nothing speaks against it by now; what does ends up in the row."""
        if job.reminder and not self._may_remind(job, facts):
            return False
        refusal = permission(facts.candidate(job), self.rules)
        address = facts.address(job)
        if refusal is None and address.lower() != job.address.lower() and is_suppressed(address):
            finish(job, Invitation.State.BLOCKED, reason="suppressed")
            return False
        if refusal is not None:
            finish(job, Invitation.State.BLOCKED, reason=refusal.rule)
            return False
        return job.reminder > 0 or now() - job.send_at < LATE or not self._too_soon_by_now(job)

    def _too_soon_by_now(self, job: Job) -> bool:
        """Whether a message that comes late would come too close to another; it is skipped then, and the rule kept.

        It was decided for the time it was planned for. After an outage or a pause it would reach the person at another.
        """
        person = job.customer_id or job.member_id
        if person is None:
            return False
        moment = now()
        survey = self._surveys[job.survey_id]
        ledgers = contact_ledgers(
            [person], moment, moment, rules=self.rules, members=job.customer_id is None, without=job.pk
        )
        counter = counter_of(job.kind, survey.touchpoint_id, survey.pk)
        decision = decide(Candidate(at=moment, kind=job.kind, counter=counter), ledgers.get(person, ()), self.caps)
        if decision.eligible:
            return False
        Invitation.objects.filter(pk=job.pk, state=Invitation.State.QUEUED).update(decision=decision.figures)
        finish(job, Invitation.State.BLOCKED, reason=decision.rule)
        return True

    def _may_remind(self, job: Job, facts: Facts) -> bool:
        plan = self._plans.get(job.plan_id) if job.plan_id else None
        if facts.plan_state == SendPlan.State.PAUSED:
            Invitation.objects.filter(pk=job.pk).update(leased_until=HELD)
            return False
        if plan is None or facts.plan_state == SendPlan.State.STOPPED or job.reminder > len(plan.reminder_days):
            finish(job, Invitation.State.SENT, reason="")
            return False
        return True

    def _deliver(self, job: Job, facts: Facts) -> Mark | None:
        """Hand one message over; its mark, or None where it was refused. Raises `ProviderUnavailable`."""
        try:
            provider_message_id = self._hand_over(job, facts)
        except AddressRefused as reason:
            with transaction.atomic():
                finish(job, Invitation.State.BOUNCED, reason=reason.code)
                self._silence(job, facts, opted_out=isinstance(reason, RecipientOptedOut))
            if job.plan_id:
                self._bounced_plans.add(job.plan_id)
            return None
        except MessageRefused as reason:
            if reason.temporary:
                postpone(job, reason.code)
            else:
                finish(job, Invitation.State.FAILED, reason=reason.code)
            return None
        moment = now()
        return Mark(
            job=job,
            at=moment,
            remind_at=self._next_reminder(job, facts, moment),
            provider_id=self.transport.provider_id,
            provider_message_id=provider_message_id,
        )

    def _silence(self, job: Job, facts: Facts, *, opted_out: bool) -> None:
        reason = Suppression.Reason.OPT_OUT_WORD if opted_out else Suppression.Reason.BOUNCE
        address = facts.address(job)
        if job.channel in MAIL_CHANNELS:
            suppress(actor=Actor.system("mail server"), email=address, reason=reason)
        else:
            suppress(actor=Actor.system("provider of text messages"), phone=address, reason=reason)

    def _charge(self, job: Job, error: Exception) -> None:
        log.error("invitation could not be rendered or marked", exc_info=error, extra={"invitation": str(job.pk)})
        postpone(job, f"error_{type(error).__name__}"[:40])

    def _next_reminder(self, job: Job, facts: Facts, moment: datetime) -> datetime | None:
        """When to remind after this message: so many days after the invitation, in the recipient's business hours.

        Two reminders keep their distance also where the first was late.
        """
        plan = self._plans.get(job.plan_id) if job.plan_id else None
        days: list[int] = plan.reminder_days if plan else []
        if job.reminder >= len(days):
            return None
        at = (job.sent_at or moment) + timedelta(days=days[job.reminder])
        if job.reminder:
            at = max(at, moment + timedelta(days=days[job.reminder] - days[job.reminder - 1]))
        if not self.organization.business_hours_enabled:
            return at
        return next_open_time(at, self.organization.business_hours, facts.timezone or self.organization.timezone)

    def _load(self, rows: Iterable[Job]) -> None:
        """Batches, surveys and plans of the claim; a plan anew each time, as it may change meanwhile."""
        rows = list(rows)
        plans = {job.plan_id for job in rows if job.plan_id}
        self._plans.update(SendPlan.objects.in_bulk(plans) if plans else {})
        batches = {job.batch_id for job in rows} - self._batches.keys()
        if batches:
            self._batches.update(InvitationBatch.objects.select_related("plan").in_bulk(batches))
        surveys = {job.survey_id for job in rows} - self._surveys.keys()
        if surveys:
            self._surveys.update(Survey.objects.select_related("touchpoint").in_bulk(surveys))

    def _hand_over(self, job: Job, facts: Facts) -> str:
        """Write the message and hand it over; the provider's id of it."""
        transport = self.transport
        assert isinstance(transport, Transport)
        tenant_id = self.organization.pk
        token = respondent_token(tenant_id, job.pk)
        batch = self._batches[job.batch_id]
        reply_to = batch.reply_to or transport.reply_address(job.pk)
        headers = {
            **transport.unsubscribe_headers(respondent_url(token, "stop/"), job.pk),
            "Auto-Submitted": "auto-generated",
            "Feedback-ID": f"{job.batch_id.hex}:{job.survey_id.hex}:{tenant_id.hex}:cxm",
            "Content-Language": job.language,
        }
        if job.reminder:
            headers["References"] = headers["In-Reply-To"] = message_id(tenant_id, job.pk)
        identity = message_id(tenant_id, job.pk, job.reminder)
        recipient = Recipient(link=respondent_url(token), name=facts.name, attributes=job.attributes)
        compiled, wire = self._mail(job, batch)
        if wire is not None and isinstance(transport, SmtpTransport):
            try:
                to = ascii_address(facts.email)
            except UnicodeError:
                raise AddressRefused("address_not_ascii") from None
            transport.send_bytes(wire.fill(recipient, to=to, message_id=identity, headers=headers), recipient=to)
            return ""
        return transport.send(
            compiled.render(recipient),
            sender=sender_of(self.organization),
            recipient=facts.email,
            message_id=identity,
            headers=headers,
            reply_to=reply_to,
            reference=job.pk,
        )

    def _mail(self, job: Job, batch: InvitationBatch) -> tuple[CompiledMail, WireMail | None]:
        key = (job.batch_id, job.survey_id, job.language, bool(job.reminder))
        if key not in self._mails:
            compiled = compiled_mail(
                organization=self.organization,
                survey=self._surveys[job.survey_id],
                batch=batch,
                language=job.language,
                reminder=bool(job.reminder),
            )
            wire = wire_mail(compiled, sender=sender_of(self.organization), reply_to=batch.reply_to)
            self._mails[key] = (compiled, wire)
        return self._mails[key]


class TextDesk(SendingDesk):
    """Sends an organisation's text messages."""

    def _hand_over(self, job: Job, facts: Facts) -> str:
        transport = self.transport
        assert isinstance(transport, TextTransport)
        link = respondent_url(respondent_token(self.organization.pk, job.pk))
        message = self._text(job).render(Recipient(link=link, name=facts.name, attributes=job.attributes))
        return transport.send(facts.phone, message, reference=job.pk)

    def _text(self, job: Job) -> CompiledText:
        return compiled_text(
            organization=self.organization,
            survey=self._surveys[job.survey_id],
            batch=self._batches[job.batch_id],
            language=job.language,
            reminder=bool(job.reminder),
        )


def _digest(job: Job) -> str:
    """The keyed digest by which the address of somebody who was erased is still recognised."""
    if not job.address:
        return ""
    if job.channel in MAIL_CHANNELS:
        return digest_of("email", job.address.lower())
    return digest_of("phone", job.address)
