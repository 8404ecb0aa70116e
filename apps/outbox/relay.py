"""Hand waiting events to their handlers: at least once by rows, exactly once in the database.

Two short transactions for each portion. The first claims: it counts an attempt on the rows and commits, without waiting
for the disk. The second locks them again, runs the handlers and deletes what they have handled: effects and deletion
commit together. A worker killed in the second leaves the rows as they were, due at once, with the attempt counted: what
kills its worker every time is parked like what raises every time.

A fresh event is handled in a portion with others. One that has failed twice is handled alone, so that it takes no
neighbour along.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from apps.outbox.models import OutboxEvent
from apps.outbox.registry import Handler, handler_named
from cxm.logging import describe_exception
from cxm.scope import current_tenant_id

logger = logging.getLogger("cxm.outbox")

MOST_ATTEMPTS = 8
SUSPECT_AFTER = 2  # attempts after which an event is handled alone
PORTION = 500
LONGEST_ERROR = 1000
_TABLE = OutboxEvent._meta.db_table

# One statement claims: lock what nobody else holds, count the attempt, and say what was claimed. Materialized, for a
# subquery in FROM may be run again for every row, and each run takes rows of its own.
_CLAIM = f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM {_TABLE}
        WHERE tenant_id = %(tenant)s AND state = 'pending' AND available_at <= %(now)s
          AND (attempts >= {SUSPECT_AFTER}) = %(suspect)s
        ORDER BY available_at, id LIMIT %(limit)s
        FOR UPDATE SKIP LOCKED
    )
    UPDATE {_TABLE} AS event SET attempts = event.attempts + 1
    FROM due
    WHERE event.tenant_id = %(tenant)s AND event.id = due.id
    RETURNING event.id
"""


def pause_after(attempts: int) -> timedelta:
    """How long to wait after this many failures: 5 s, 15 s, 45 s ... about an hour after the seventh."""
    return timedelta(seconds=5 * 3 ** (attempts - 1))


@dataclass(slots=True)
class Drained:
    """What one call of :func:`drain` did, counted in events."""

    handled: int = 0
    failed: int = 0
    parked: int = 0
    has_more: bool = False


@dataclass(slots=True)
class _Outcome:
    handled: list[UUID] = field(default_factory=list)
    failed: list[OutboxEvent] = field(default_factory=list)
    parked: list[OutboxEvent] = field(default_factory=list)


def drain(*, seconds: float = 5.0) -> Drained:
    """Handle the due events of the organisation in force until none is left, or for about so many seconds.

    Must be called outside a transaction (RuntimeError): it makes its own. Two calls for one organisation do not work
    side by side, the second returns at once, so no organisation can take all workers.
    """
    result = Drained()
    end = time.monotonic() + seconds
    suspect = False
    while True:
        claimed = _claim(suspect=suspect)
        if claimed is None:
            return result
        if claimed:
            _handle(claimed, result)
        elif suspect:
            return result
        else:
            suspect = True  # the fresh ones are done: now those that failed before, one by one
        if time.monotonic() > end:
            result.has_more = True
            return result


def _claim(*, suspect: bool) -> list[UUID] | None:
    """Count an attempt on due rows and return their ids, oldest first; None when another worker drains here."""
    limit = 1 if suspect else PORTION
    values: dict[str, Any] = {"tenant": current_tenant_id(), "now": now(), "suspect": suspect, "limit": limit}
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if not _has_turn(cursor):
            return None
        # A claim lost in a crash is only an attempt not counted.
        cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(_CLAIM, values)
        return sorted(row[0] for row in cursor.fetchall())


def _has_turn(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended('outbox:' || %s, 0))", [str(current_tenant_id())])
    return bool(cursor.fetchone()[0])


def _handle(claimed: Sequence[UUID], result: Drained) -> None:
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            if not _has_turn(cursor):
                return
        events = list(
            OutboxEvent.objects.filter(pk__in=claimed, state=OutboxEvent.State.PENDING)
            .select_for_update(skip_locked=True)
            .order_by("handler", "id")
        )
        outcome = _Outcome()
        for name, group in groupby(events, key=lambda event: event.handler):
            _run_handler(handler_named(name), list(group), outcome)
        OutboxEvent.objects.filter(pk__in=outcome.handled).delete()
        OutboxEvent.objects.bulk_update([*outcome.failed, *outcome.parked], ["state", "available_at", "error"])
    result.handled += len(outcome.handled)
    result.failed += len(outcome.failed)
    result.parked += len(outcome.parked)
    for event in outcome.parked:
        ids = {"handler": event.handler, "topic": event.topic, "event_id": str(event.event_id)}
        logger.error("event parked", extra={**ids, "reason": event.error})


def _run_handler(handler: Handler | None, events: list[OutboxEvent], outcome: _Outcome) -> None:
    if handler is None:
        for event in events:
            _note_failure(event, "the installed version has no handler of this name", outcome, final=True)
        return
    alive = []
    for event in events:
        if event.attempts > MOST_ATTEMPTS:  # each of its attempts ended without a word
            _note_failure(event, "the worker died each time while handling this event", outcome, final=True)
        else:
            alive.append(event)
    if handler.batch and len(alive) > 1 and _succeeds(handler, alive, [event.payload for event in alive]):
        outcome.handled += [event.pk for event in alive]
        return
    for event in alive:
        if _succeeds(handler, [event], [event.payload] if handler.batch else event.payload):
            outcome.handled.append(event.pk)
        else:
            _note_failure(event, event.error, outcome, final=event.attempts >= MOST_ATTEMPTS)


def _succeeds(handler: Handler, events: list[OutboxEvent], argument: object) -> bool:
    """Run the handler in a savepoint. On an exception its writes are undone, and the events get the reason."""
    try:
        with transaction.atomic():
            handler.run(argument)
    except Exception as error:
        if connection.connection is None or connection.connection.closed:
            raise  # the database went away: nothing here can be recorded, the rows stay
        reason = describe_exception(error)
        for event in events:
            event.error = reason[:LONGEST_ERROR]
        logger.warning("handler failed", extra={"handler": handler.name, "events": len(events), "reason": reason})
        return False
    return True


def _note_failure(event: OutboxEvent, reason: str, outcome: _Outcome, *, final: bool) -> None:
    event.error = reason
    if final:
        event.state = OutboxEvent.State.PARKED
        outcome.parked.append(event)
    else:
        event.available_at = now() + pause_after(event.attempts)
        outcome.failed.append(event)
