"""What is read again right before each message leaves, and the mark that it left: one statement a message.

Between the decision and the sending there may be days, so suppression, consent, the address, and the states of survey
and plan are read anew. The statement that reads them for the next message marks the one before: a worker that is killed
repeats at most the message that was in its hands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.dispatch.claiming import Job
from apps.dispatch.eligibility import ANY_CHANNEL, CONSENT_PURPOSE
from apps.dispatch.fatigue import Candidate
from apps.dispatch.prepared import execute_prepared
from cxm.scope import current_tenant_id


@dataclass(frozen=True, slots=True)
class Facts:
    """What speaks for and against sending a message now."""

    pk: UUID
    email: str
    phone: str
    name: str
    timezone: str
    exists: bool
    is_live: bool
    restricted: bool
    suppressed: bool
    consent: str | None
    plan_state: str | None

    def candidate(self, job: Job) -> Candidate:
        """For the rules of permission."""
        return Candidate(
            at=job.send_at,
            kind=job.kind,
            has_address=bool(self.address(job)),
            survey_live=self.is_live,
            anonymised=not self.exists,
            restricted=self.restricted,
            suppressed=self.suppressed,
            consent="given" if job.member_id else self.consent,
        )

    def address(self, job: Job) -> str:
        """Where the message goes."""
        return self.email if job.channel == "email" else self.phone


@dataclass(frozen=True, slots=True)
class Mark:
    """That a message left: when, how the provider calls it, and when the person is to be reminded next."""

    job: Job
    at: datetime
    remind_at: datetime | None = None
    provider_id: UUID | None = None
    provider_message_id: str = ""


# Written in SQL because it runs for every message: the ORM took ten times as long to compile it as the server to run
# it. Each EXISTS is one look into one of the suppression list's unique indexes.
_FACTS: Final = """
    SELECT i.id, coalesce(c.email, u.email, ''), coalesce(c.phone, ''), coalesce(c.name, u.name, ''),
        coalesce(c.timezone, u.timezone, ''),
        c.id IS NOT NULL OR EXISTS (SELECT FROM organizations_membership m
            WHERE m.organization_id = i.tenant_id AND m.user_id = i.member_id AND m.is_active AND u.is_active),
        s.state = 'live' AND (s.closes_at IS NULL OR s.closes_at > %s),
        c.restricted_at IS NOT NULL,
        CASE WHEN i.channel = 'email' THEN EXISTS (SELECT FROM dispatch_suppression x WHERE x.tenant_id = i.tenant_id
                AND x.lifted_at IS NULL AND x.email <> '' AND x.email = lower(coalesce(c.email, u.email)))
            ELSE EXISTS (SELECT FROM dispatch_suppression x WHERE x.tenant_id = i.tenant_id
                AND x.lifted_at IS NULL AND x.phone <> '' AND x.phone = c.phone) END
        OR EXISTS (SELECT FROM dispatch_suppression x WHERE x.tenant_id = i.tenant_id AND x.lifted_at IS NULL
                AND x.email = '' AND x.phone = '' AND x.customer_id = i.customer_id)
        OR EXISTS (SELECT FROM dispatch_suppression x WHERE x.tenant_id = i.tenant_id AND x.lifted_at IS NULL
                AND x.digest <> '' AND x.digest = {digest}),
        (SELECT r.state FROM customers_consentrecord r
            WHERE r.tenant_id = i.tenant_id AND r.customer_id = i.customer_id
                AND r.purpose = %s AND r.channel IN (i.channel, %s)
            ORDER BY r.at DESC, r.id DESC LIMIT 1),
        p.state
    FROM {source}
    JOIN surveys_survey s ON s.tenant_id = i.tenant_id AND s.id = i.survey_id
    LEFT JOIN customers_customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
    LEFT JOIN accounts_user u ON u.id = i.member_id
    LEFT JOIN dispatch_sendplan p ON p.tenant_id = i.tenant_id AND p.id = i.plan_id
    WHERE i.tenant_id = %s AND i.leased_until = %s
        AND (i.state = 'queued' OR i.state = 'sent' AND i.remind_at IS NOT NULL)
"""
_FACTS_OF_MANY: Final = _FACTS.format(
    digest="w.digest",
    source="unnest(%s::uuid[], %s::text[]) AS w(id, digest) JOIN dispatch_invitation i"
    " ON i.tenant_id = cxm_tenant() AND i.id = w.id",
)
_FACTS_OF_ONE: Final = _FACTS.format(digest="%s", source="dispatch_invitation i") + " AND i.id = %s"
_TYPES_OF_ONE: Final = ("timestamptz", "text", "text", "text", "uuid", "timestamptz", "uuid")
# What the server took was sent, whatever somebody decided about the row meanwhile; an answer stays an answer, and what
# a provider reported before this is written stands.
_MARK_SENT: Final = """
    UPDATE dispatch_invitation SET state = CASE WHEN state IN ('bounced', 'failed') THEN state ELSE 'sent' END,
        reason = CASE WHEN state IN ('bounced', 'failed') THEN reason ELSE '' END, sent_at = %s, leased_until = NULL,
        attempts = 0, remind_at = %s, provider_id = %s, provider_message_id = %s
    WHERE tenant_id = %s AND id = %s AND sent_at IS NULL AND state <> 'completed'
"""
_MARK_REMINDED: Final = """
    UPDATE dispatch_invitation SET reminded_at = %s, leased_until = NULL, attempts = 0, remind_at = %s,
        provider_id = coalesce(%s, provider_id), provider_message_id = coalesce(nullif(%s, ''), provider_message_id),
        reminders_sent = reminders_sent + 1
    WHERE tenant_id = %s AND id = %s AND reminders_sent = %s
"""
_MARK_MANY: Final = """
    UPDATE dispatch_invitation i SET state = 'sent', reason = '', sent_at = r.at, leased_until = NULL, attempts = 0,
        remind_at = r.remind_at, provider_id = r.provider_id, provider_message_id = r.message_id
    FROM unnest(%s::uuid[], %s::timestamptz[], %s::timestamptz[], %s::uuid[], %s::text[])
        AS r(id, at, remind_at, provider_id, message_id)
    WHERE i.tenant_id = %s AND i.id = r.id AND i.sent_at IS NULL AND i.state <> 'completed'
"""


_MARK_TYPES: Final = ("timestamptz", "timestamptz", "uuid", "text", "uuid", "uuid")


def mark_and_read(mark: Mark | None, job: Job | None, digest: str, lease: datetime) -> Facts | None:
    """Mark one message as sent, and read the facts of the next; in one statement, which commits by itself.

    None where there is no next, or it is no longer ours to send: cancelled, blocked, paused or taken over.
    """
    if mark is None and job is None:
        return None
    sql, values, types = _marking(mark) if mark else ("", [], ())
    if job is not None:
        sql = (f"WITH marked AS ({sql})" if mark else "") + _FACTS_OF_ONE
        values += [now(), digest, CONSENT_PURPOSE, ANY_CHANNEL, str(current_tenant_id()), lease, str(job.pk)]
        types += _TYPES_OF_ONE
    with connection.cursor() as cursor:
        execute_prepared(cursor, sql, types, values)
        row = cursor.fetchone() if job is not None else None
    return None if row is None else Facts(*row)


def read_many(jobs: Sequence[Job], digests: Sequence[str], lease: datetime) -> dict[UUID, Facts]:
    """The facts of those of `jobs` that are still ours to send."""
    values: list[Any] = [now(), CONSENT_PURPOSE, ANY_CHANNEL, [str(job.pk) for job in jobs], list(digests)]
    with connection.cursor() as cursor:
        cursor.execute(_FACTS_OF_MANY, [*values, str(current_tenant_id()), lease])
        return {row[0]: Facts(*row) for row in cursor.fetchall()}


def mark_many(marks: Sequence[Mark]) -> None:
    """Mark invitations and reminders as sent, in the caller's transaction."""
    first = [mark for mark in marks if not mark.job.reminder]
    with connection.cursor() as cursor:
        if first:
            cursor.execute(
                _MARK_MANY,
                [
                    [str(mark.job.pk) for mark in first],
                    [mark.at for mark in first],
                    [mark.remind_at for mark in first],
                    [str(mark.provider_id) if mark.provider_id else None for mark in first],
                    [mark.provider_message_id for mark in first],
                    str(current_tenant_id()),
                ],
            )
        for mark in marks:
            if mark.job.reminder:
                sql, values, _types = _marking(mark)
                cursor.execute(sql, values)


def _marking(mark: Mark) -> tuple[str, list[Any], tuple[str, ...]]:
    provider = str(mark.provider_id) if mark.provider_id else None
    values: list[Any] = [mark.at, mark.remind_at, provider, mark.provider_message_id[:200]]
    values += [str(current_tenant_id()), str(mark.job.pk)]
    if mark.job.reminder:
        return _MARK_REMINDED, [*values, mark.job.reminder - 1], (*_MARK_TYPES, "int")
    return _MARK_SENT, values, _MARK_TYPES
