"""The rows as a queue: leasing what is due, giving it back, letting it rest, parking what failed too often.

Due are queued invitations whose time has come, and sent ones whose reminder has (`remind_at`). A lease makes a row one
worker's own until it runs out; everything a worker does to a row asks whether the lease is still the one it took.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from cxm.scope import current_tenant_id

CLAIM: Final = 200
"""Rows claimed at a time."""
LEASE: Final = timedelta(seconds=30)
_RENEW_BEFORE: Final = timedelta(seconds=15)
MOST_ATTEMPTS: Final = 8
BACK_OFF: Final = tuple(timedelta(seconds=s) for s in (30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600))
"""How long a row rests after its first, second, ... failure."""
_TOGETHER: Final = (CLAIM, 50, 10, 2, 1)
"""How many rows are claimed at a time that were tried no, one, two, ... times."""
HELD: Final = datetime(9999, 1, 1, tzinfo=UTC)
"""The lease of invitations whose plan is paused: no worker takes a leased row, and one that had taken it lets go."""


@dataclass(slots=True)
class Job:
    """A claimed row: an invitation to send, or (`reminder` > 0) its first or second reminder.

    `address` is where it was to go when it was claimed; what counts is read again right before sending.
    """

    pk: UUID
    batch_id: UUID
    survey_id: UUID
    customer_id: UUID | None
    member_id: UUID | None
    plan_id: UUID | None
    channel: str
    language: str
    kind: str
    send_at: datetime
    sent_at: datetime | None
    reminder: int
    attempts: int
    attributes: dict[str, str]
    address: str


@dataclass(slots=True)
class Claim:
    """Rows leased by this worker until `until`."""

    rows: Sequence[Job]
    until: datetime

    def kept(self, position: int) -> datetime:
        """The end of the lease, renewed for the rows from `position` on when it is about to run out."""
        moment = now()
        if self.until - moment < _RENEW_BEFORE:
            renewed = moment + LEASE
            _execute(
                "UPDATE dispatch_invitation SET leased_until = %s"
                " WHERE tenant_id = %s AND id = ANY(%s::uuid[]) AND leased_until = %s",
                [renewed, str(current_tenant_id()), [str(row.pk) for row in self.rows[position:]], self.until],
            )
            self.until = renewed
        return self.until


_COLUMNS: Final = (
    "i.leased_until, i.id, i.batch_id, i.survey_id, i.customer_id, i.member_id, i.plan_id, i.channel, i.language,"
    " i.kind, i.send_at, i.sent_at, i.attempts, i.attributes::text,"
    " coalesce(CASE WHEN i.channel = 'email' THEN coalesce(c.email, u.email) ELSE c.phone END, '')"
)
# Two statements, because each is served by an index of its own and a mixture of both by none. Rows that were attempted
# eight times are parked in the same breath, and come back only to be left out.
_CLAIM_QUEUED: Final = """
    WITH due AS (
        SELECT id, customer_id, member_id FROM dispatch_invitation
         WHERE tenant_id = %(tenant)s AND state = 'queued' AND send_at <= %(now)s
           AND (leased_until IS NULL OR leased_until < %(now)s) AND attempts BETWEEN %(least)s AND %(worst)s
         ORDER BY send_at, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE dispatch_invitation i SET
        state = CASE WHEN i.attempts >= %(attempts)s THEN 'failed' ELSE i.state END,
        reason = CASE WHEN i.attempts >= %(attempts)s THEN 'gave_up' ELSE i.reason END,
        leased_until = CASE WHEN i.attempts >= %(attempts)s THEN NULL ELSE %(until)s::timestamptz END,
        attempts = CASE WHEN i.attempts >= %(attempts)s THEN i.attempts ELSE i.attempts + 1 END
    FROM due
        LEFT JOIN customers_customer c ON c.tenant_id = %(tenant)s AND c.id = due.customer_id
        LEFT JOIN accounts_user u ON u.id = due.member_id
    WHERE i.tenant_id = %(tenant)s AND i.id = due.id
    RETURNING {columns}, 0
""".replace("{columns}", _COLUMNS)
_CLAIM_REMINDERS: Final = """
    WITH due AS (
        SELECT id, customer_id, member_id FROM dispatch_invitation
         WHERE tenant_id = %(tenant)s AND state = 'sent' AND remind_at IS NOT NULL AND remind_at <= %(now)s
           AND (leased_until IS NULL OR leased_until < %(now)s) AND attempts BETWEEN %(least)s AND %(worst)s
         ORDER BY remind_at, id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE dispatch_invitation i SET
        remind_at = CASE WHEN i.attempts >= %(attempts)s THEN NULL ELSE i.remind_at END,
        leased_until = CASE WHEN i.attempts >= %(attempts)s THEN NULL ELSE %(until)s::timestamptz END,
        attempts = CASE WHEN i.attempts >= %(attempts)s THEN 0 ELSE i.attempts + 1 END
    FROM due
        LEFT JOIN customers_customer c ON c.tenant_id = %(tenant)s AND c.id = due.customer_id
        LEFT JOIN accounts_user u ON u.id = due.member_id
    WHERE i.tenant_id = %(tenant)s AND i.id = due.id
    RETURNING {columns}, i.reminders_sent + 1
""".replace("{columns}", _COLUMNS)
# The fewest attempts of what is due, of invitations and of reminders.
_LEAST_TRIED: Final = """
    SELECT (SELECT min(attempts) FROM dispatch_invitation WHERE tenant_id = %(tenant)s AND state = 'queued'
                AND send_at <= %(now)s AND (leased_until IS NULL OR leased_until < %(now)s)),
           (SELECT min(attempts) FROM dispatch_invitation WHERE tenant_id = %(tenant)s AND state = 'sent'
                AND remind_at <= %(now)s AND (leased_until IS NULL OR leased_until < %(now)s))
"""


def claim_due(most: int) -> Claim:
    """Lease up to `most` due rows: the longest waiting of those never tried; invitations before reminders.

    A worker that dies charges an attempt to all it had claimed, to the one that killed it and to those behind it. So
    what was tried before is claimed when nothing fresh is due, in ever smaller groups and at last alone: what kills its
    worker each time is parked after eight attempts, and takes nobody along. A parked invitation has failed, a parked
    reminder is dropped.
    """
    moment = now()
    until = moment + LEASE
    named: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "now": moment,
        "until": until,
        "most": most,
        "attempts": MOST_ATTEMPTS,
        "least": 0,
        "worst": 0,
    }
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(_CLAIM_QUEUED, named)
        rows = cursor.fetchall()
        if not rows:
            cursor.execute(_LEAST_TRIED, named)
            for statement, tried in zip((_CLAIM_QUEUED, _CLAIM_REMINDERS), cursor.fetchone(), strict=True):
                if tried is None or rows:
                    continue
                worst = tried if tried < len(_TOGETHER) else 2**15 - 1
                together = min(most, _TOGETHER[min(tried, len(_TOGETHER) - 1)])
                cursor.execute(statement, {**named, "most": together, "least": tried, "worst": worst})
                rows = cursor.fetchall()
    jobs = [_job(row) for row in rows if row[0] is not None]
    jobs.sort(key=lambda job: (job.reminder > 0, job.send_at, job.pk))
    return Claim(jobs, until)


def _job(row: Sequence[Any]) -> Job:
    (_until, pk, batch, survey, customer, member, plan, channel, language, kind, send_at, sent_at, attempts, attributes,
     address, reminder) = row  # fmt: skip
    return Job(
        pk=pk,
        batch_id=batch,
        survey_id=survey,
        customer_id=customer,
        member_id=member,
        plan_id=plan,
        channel=channel,
        language=language,
        kind=kind,
        send_at=send_at,
        sent_at=sent_at,
        reminder=reminder,
        attempts=attempts,
        attributes=json.loads(attributes) if attributes != "{}" else {},
        address=address,
    )


def release(rows: Iterable[Job], until: datetime) -> None:
    """Give back rows that were not tried, uncharged."""
    _let_go(list(rows), until, [None])


def rest(rows: Sequence[Job], until: datetime, times: Sequence[datetime]) -> None:
    """Let rows rest until these times, uncharged: they are over a limit, and nothing is wrong with them."""
    _let_go(rows, until, times)


def _let_go(rows: Sequence[Job], until: datetime, times: Sequence[datetime | None]) -> None:
    if rows:
        wanted = list(times) if len(times) == len(rows) else [times[0]] * len(rows)
        _execute(
            "UPDATE dispatch_invitation i SET leased_until = r.at, attempts = greatest(i.attempts - 1, 0)"
            " FROM unnest(%s::uuid[], %s::timestamptz[]) AS r(id, at)"
            " WHERE i.tenant_id = %s AND i.id = r.id AND i.leased_until = %s",
            [[str(row.pk) for row in rows], wanted, str(current_tenant_id()), until],
        )


def finish(job: Job, state: str, *, reason: str) -> None:
    """End a row that cannot be sent. A reminder is dropped, and its invitation stays as it is."""
    if job.reminder:
        _execute(
            "UPDATE dispatch_invitation SET remind_at = NULL, leased_until = NULL, attempts = 0,"
            " state = CASE WHEN %s = 'bounced' AND state = 'sent' THEN 'bounced' ELSE state END,"
            " reason = CASE WHEN %s = 'bounced' AND state = 'sent' THEN %s ELSE reason END"
            " WHERE tenant_id = %s AND id = %s",
            [state, state, reason[:40], str(current_tenant_id()), str(job.pk)],
        )
    else:
        _execute(
            "UPDATE dispatch_invitation SET state = %s, reason = %s, leased_until = NULL"
            " WHERE tenant_id = %s AND id = %s AND state = 'queued'",
            [state, reason[:40], str(current_tenant_id()), str(job.pk)],
        )


def postpone(job: Job, reason: str) -> None:
    """Let the row rest, longer each time; after the eighth failure it is parked."""
    if job.attempts >= MOST_ATTEMPTS:
        finish(job, "failed", reason=reason)
        return
    until = now() + BACK_OFF[min(job.attempts, len(BACK_OFF)) - 1]
    _execute(
        "UPDATE dispatch_invitation SET leased_until = %s, reason = CASE WHEN state = 'queued' THEN %s ELSE reason END"
        " WHERE tenant_id = %s AND id = %s AND state IN ('queued', 'sent') AND leased_until < %s",
        [until, reason[:40], str(current_tenant_id()), str(job.pk), now() + 2 * LEASE],
    )


def _execute(sql: str, values: Sequence[Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
