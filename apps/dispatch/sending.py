"""The worker's side: claim due invitations, check each once more, hand it over, mark it.

The rows are the queue. A worker claims some with a lease and `FOR UPDATE SKIP LOCKED`; a lease that runs out gives the
row to the next. Each mail is marked sent in a commit of its own after the server's 250: a worker killed between the
two repeats that one mail, under the same Message-ID, and no other. Nothing is lost when the broker is wiped, because
the broker only wakes.

Right before a mail leaves, suppression, consent and the survey's state are read again: between the decision and the
sending there may be days.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from apps.customers.digests import digest_of
from apps.dispatch.eligibility import ANY_CHANNEL, CONSENT_PURPOSE, organization_rules
from apps.dispatch.fatigue import Candidate, Rules, permission
from apps.dispatch.models import Invitation, InvitationBatch, Suppression
from apps.dispatch.rendering import Brand, CompiledMail, Question, Recipient, compile_invitation
from apps.dispatch.suppression import suppress
from apps.dispatch.transport import AddressRefused, MailRefused, ServerUnavailable, Transport, open_transport
from apps.organizations.branding import on_colour
from apps.organizations.models import Organization
from apps.surveys.links import respondent_token, respondent_url
from apps.surveys.live import published_definition
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id

log = logging.getLogger(__name__)

CLAIM: Final = 200
"""Rows claimed at a time."""
LEASE: Final = timedelta(seconds=30)
_RENEW_BEFORE: Final = timedelta(seconds=15)
MOST_ATTEMPTS: Final = 8
_BACK_OFF: Final = tuple(timedelta(seconds=s) for s in (30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600))
"""How long a row rests after its first, second, ... failure."""

DEFAULT_ACCENT: Final = "#0F766E"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did; `more` says that due rows may be left."""

    sent: int
    handled: int
    more: bool


def send_due_invitations(*, most: int = 2 * CLAIM, longest: timedelta = timedelta(seconds=60)) -> Run:
    """Send what is due in the organisation in force.

    It stops after `most` mails or after `longest`, so that others get their turn.

    Must not be called inside a transaction: each mail is committed by itself.
    """
    handled = sent = 0
    deadline = now() + longest
    organization = Organization.objects.get(pk=current_tenant_id())
    with open_transport() as transport:
        desk = SendingDesk(organization, transport)
        while handled < most and now() < deadline:
            claim = claim_due(min(CLAIM, most - handled))
            if not claim.rows:
                return Run(sent, handled, more=False)
            for position, invitation in enumerate(claim.rows):
                if now() > deadline:
                    _release(claim, position)
                    return Run(sent, handled, more=True)
                try:
                    sent += desk.send(invitation, claim.kept(position))
                except ServerUnavailable as reason:
                    log.warning("mail server unavailable: %s", reason.code)
                    _postpone(invitation, reason.code)
                    _release(claim, position + 1)
                    return Run(sent, handled, more=False)
                handled += 1
    return Run(sent, handled, more=True)


@dataclass(slots=True)
class Claim:
    """Rows leased by this worker until `until`."""

    rows: Sequence[Invitation]
    until: datetime

    def kept(self, position: int) -> datetime:
        """The end of the lease, renewed for the rows from `position` on when it is about to run out."""
        moment = now()
        if self.until - moment < _RENEW_BEFORE:
            renewed = moment + LEASE
            Invitation.objects.filter(
                pk__in=[row.pk for row in self.rows[position:]], state=Invitation.State.QUEUED, leased_until=self.until
            ).update(leased_until=renewed)
            self.until = renewed
        return self.until


def claim_due(most: int) -> Claim:
    """Lease up to `most` due rows, the longest waiting first. Rows that failed too often are parked instead."""
    moment = now()
    until = moment + LEASE
    with transaction.atomic(durable=True):
        free = Q(leased_until=None) | Q(leased_until__lt=moment)
        ids = list(
            Invitation.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(free, state=Invitation.State.QUEUED, send_at__lte=moment)
            .order_by("send_at", "pk")
            .values_list("pk", flat=True)[:most]
        )
        if not ids:
            return Claim([], until)
        mine = Invitation.objects.filter(pk__in=ids)
        mine.filter(attempts__gte=MOST_ATTEMPTS).update(
            state=Invitation.State.FAILED, reason="gave_up", leased_until=None
        )
        mine.filter(state=Invitation.State.QUEUED).update(leased_until=until, attempts=F("attempts") + 1)
        rows = (
            mine.filter(state=Invitation.State.QUEUED)
            .select_related("batch", "survey", "touchpoint", "customer")
            .order_by("send_at", "pk")
        )
        return Claim(list(rows), until)


class SendingDesk:
    """Sends an organisation's mails, one after the other, over one transport."""

    def __init__(self, organization: Organization, transport: Transport) -> None:
        self.organization = organization
        self.transport = transport
        self.rules: Rules = organization_rules(organization)
        self._compiled: dict[tuple[UUID, str], CompiledMail] = {}

    def send(self, invitation: Invitation, lease: datetime) -> bool:
        """Send one claimed invitation unless something speaks against it by now; whether it was sent.

        Raises `ServerUnavailable`; everything else that goes wrong ends up in the row.
        """
        facts = _facts(invitation, lease)
        if facts is None:
            return False
        refusal = permission(facts.candidate(invitation), self.rules)
        if refusal is not None:
            _finish(invitation, Invitation.State.BLOCKED, reason=refusal.rule)
            return False
        try:
            if self.transport.is_transactional:
                with transaction.atomic():
                    self._hand_over(invitation, facts.email, facts.name)
                    _mark_sent(invitation)
            else:
                self._hand_over(invitation, facts.email, facts.name)
                _mark_sent(invitation)
        except AddressRefused as reason:
            with transaction.atomic():
                _finish(invitation, Invitation.State.BOUNCED, reason=reason.code)
                suppress(actor=Actor.system("mail server"), email=facts.email, reason=Suppression.Reason.BOUNCE)
            return False
        except MailRefused as reason:
            if reason.temporary:
                _postpone(invitation, reason.code)
            else:
                _finish(invitation, Invitation.State.FAILED, reason=reason.code)
            return False
        except ServerUnavailable:
            raise
        except Exception as error:
            log.exception("invitation could not be rendered or marked", extra={"invitation": str(invitation.pk)})
            _postpone(invitation, f"error_{type(error).__name__}"[:40])
            return False
        return True

    def _hand_over(self, invitation: Invitation, email: str, name: str) -> None:
        tenant_id = self.organization.pk
        token = respondent_token(tenant_id, invitation.pk)
        mail = self._mail(invitation).render(Recipient(link=respondent_url(token), name=name))
        self.transport.send(
            mail,
            sender=sender_of(self.organization),
            recipient=email,
            message_id=message_id(tenant_id, invitation.pk),
            headers={
                "List-Unsubscribe": f"<{respondent_url(token, 'stop/')}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "Auto-Submitted": "auto-generated",
                "Feedback-ID": f"{invitation.batch_id.hex}:{invitation.survey_id.hex}:{tenant_id.hex}:cxm",
                "Content-Language": invitation.language,
            },
            reply_to=invitation.batch.reply_to,
        )

    def _mail(self, invitation: Invitation) -> CompiledMail:
        key = (invitation.batch_id, invitation.language)
        if key not in self._compiled:
            self._compiled[key] = compiled_mail(
                organization=self.organization,
                survey=invitation.survey,
                batch=invitation.batch,
                language=invitation.language,
            )
        return self._compiled[key]


def compiled_mail(*, organization: Organization, survey: Survey, batch: InvitationBatch, language: str) -> CompiledMail:
    """The mail of a batch in one language, from the published definition. Raises where there is none."""
    definition = published_definition(survey.pk, survey.current_version or 0)
    headline = definition.headline
    if headline is not None:
        labels = headline.labels
        question = Question(
            text=definition.text(headline.title, language),
            scores=range(headline.low, headline.high + 1),
            lowest_label=definition.text(labels.get(headline.low, {}), language),
            highest_label=definition.text(labels.get(headline.high, {}), language),
        )
    else:
        first = next(iter(definition.questions.values()), None)
        question = Question(text=definition.text(first.title, language) if first else survey.name)
    cap = organization_rules(organization).everything
    return _compiled_once(
        brand=brand_of(organization),
        question=question,
        language=language or organization.default_language,
        touchpoint=survey.touchpoint.name if survey.touchpoint else "",
        subject=batch.subject,
        opening=batch.opening,
        limit=cap.limit,
        days=cap.days,
    )


_compiled_once = lru_cache(maxsize=256)(compile_invitation)


def brand_of(organization: Organization) -> Brand:
    """How the organisation looks in its mail."""
    accent = organization.accent or DEFAULT_ACCENT
    return Brand(organization=organization.name, accent=accent, on_accent=on_colour(accent))


def sender_of(organization: Organization) -> str:
    """The From of the organisation's mail: its name, the installation's address."""
    return formataddr((organization.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


def message_id(tenant_id: UUID, invitation_id: UUID) -> str:
    """The Message-ID of an invitation: the same however often it is sent."""
    return f"<{invitation_id.hex}.{tenant_id.hex}@{urlsplit(settings.BASE_URL).hostname or 'localhost'}>"


@dataclass(frozen=True, slots=True)
class _Facts:
    """What is read again right before sending."""

    email: str
    name: str
    has_customer: bool
    survey_state: str
    restricted: bool
    suppressed: bool
    consent: str | None

    def candidate(self, invitation: Invitation) -> Candidate:
        return Candidate(
            at=invitation.send_at,
            kind=invitation.kind,
            has_address=bool(self.email),
            survey_live=self.survey_state == Survey.State.LIVE,
            anonymised=not self.has_customer,
            restricted=self.restricted,
            suppressed=self.suppressed,
            consent=self.consent,
        )


_READ_FACTS: Final = """
    SELECT coalesce(c.email, ''), coalesce(c.name, ''), i.customer_id IS NOT NULL, s.state,
        c.restricted_at IS NOT NULL,
        EXISTS (SELECT 1 FROM dispatch_suppression x
            WHERE x.tenant_id = i.tenant_id AND x.email = lower(c.email) AND x.lifted_at IS NULL)
        OR EXISTS (SELECT 1 FROM dispatch_suppression x
            WHERE x.tenant_id = i.tenant_id AND x.customer_id = i.customer_id AND x.email = '' AND x.lifted_at IS NULL)
        OR EXISTS (SELECT 1 FROM dispatch_suppression x
            WHERE x.tenant_id = i.tenant_id AND x.digest = %s AND x.lifted_at IS NULL),
        (SELECT r.state FROM customers_consentrecord r
            WHERE r.tenant_id = i.tenant_id AND r.customer_id = i.customer_id
                AND r.purpose = %s AND r.channel IN (i.channel, %s)
            ORDER BY r.at DESC, r.id DESC LIMIT 1)
    FROM dispatch_invitation i
    JOIN surveys_survey s ON s.tenant_id = i.tenant_id AND s.id = i.survey_id
    LEFT JOIN customers_customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
    WHERE i.tenant_id = %s AND i.id = %s AND i.state = 'queued' AND i.leased_until = %s
"""
_MARK_SENT: Final = """
    UPDATE dispatch_invitation SET state = 'sent', reason = '', sent_at = %s, leased_until = NULL
    WHERE tenant_id = %s AND id = %s AND sent_at IS NULL AND state <> 'completed'
"""


def _facts(invitation: Invitation, lease: datetime) -> _Facts | None:
    """The facts of a row that is still ours to send, in one query; None for one cancelled, blocked or taken over.

    Written in SQL because it runs for every mail: the ORM took ten times as long to compile it as the server to run it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _READ_FACTS,
            [
                digest_of("email", ((invitation.customer and invitation.customer.email) or "").lower()),
                CONSENT_PURPOSE,
                ANY_CHANNEL,
                str(invitation.tenant_id),
                str(invitation.pk),
                lease,
            ],
        )
        row = cursor.fetchone()
    return None if row is None else _Facts(*row)


def _mark_sent(invitation: Invitation) -> None:
    """What the server took was sent, whatever somebody decided about the row meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_SENT, [now(), str(invitation.tenant_id), str(invitation.pk)])


def _finish(invitation: Invitation, state: str, *, reason: str) -> None:
    Invitation.objects.filter(pk=invitation.pk, state=Invitation.State.QUEUED).update(
        state=state, reason=reason[:40], leased_until=None
    )


def _postpone(invitation: Invitation, reason: str) -> None:
    """Let the row rest, longer each time; after the eighth failure it is parked as failed."""
    if invitation.attempts >= MOST_ATTEMPTS:
        _finish(invitation, Invitation.State.FAILED, reason=reason)
        return
    rest = _BACK_OFF[min(invitation.attempts, len(_BACK_OFF)) - 1]
    Invitation.objects.filter(pk=invitation.pk, state=Invitation.State.QUEUED).update(
        reason=reason[:40], leased_until=now() + rest
    )


def _release(claim: Claim, position: int) -> None:
    """Give back the rows that were not tried."""
    Invitation.objects.filter(
        pk__in=[row.pk for row in claim.rows[position:]], state=Invitation.State.QUEUED, leased_until=claim.until
    ).update(leased_until=None, attempts=F("attempts") - 1)
