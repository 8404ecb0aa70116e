"""Say what happened; put parked events back to work."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.timezone import now

from apps.outbox.models import OutboxEvent
from apps.outbox.registry import subscribers
from apps.outbox.tasks import drain_organization


def emit(topic: str, payload: dict[str, Any]) -> None:
    """Tell an event's subscribers, once the current transaction has committed.

    Writes one row for each subscriber (none when nobody listens), in the caller's transaction: the event and what
    caused it are stored together or not at all.

    Args:
        topic: what happened, in the past tense: ``surveys.response_recorded``.
        payload: ids, not values; anything JSON can hold.
    """
    emit_many(topic, [payload])


def emit_many(topic: str, payloads: Iterable[dict[str, Any]]) -> None:
    """:func:`emit` for many events of one topic: one INSERT for each 1,000 rows."""
    if not connection.in_atomic_block:
        raise RuntimeError(f"{topic} was emitted outside a transaction: it could be lost, or tell of what never was")
    handlers = subscribers(topic)
    if not handlers:
        return
    rows = [
        OutboxEvent(event_id=event_id, topic=topic, handler=handler.name, payload=payload)
        for payload, event_id in ((payload, uuid.uuid4()) for payload in payloads)
        for handler in handlers
    ]
    if rows:
        OutboxEvent.objects.bulk_create(rows, batch_size=1000)
        drain_organization.wake()


@transaction.atomic
def redrive_events(events: QuerySet[OutboxEvent] | Sequence[uuid.UUID] | None = None) -> int:
    """Give parked events of the organisation in force eight new attempts, at once; returns how many there were.

    Args:
        events: which ones, as a queryset or ids; all of the organisation when absent.
    """
    if events is None:
        events = OutboxEvent.objects.all()
    elif not isinstance(events, QuerySet):
        events = OutboxEvent.objects.filter(pk__in=events)
    count = events.filter(state=OutboxEvent.State.PARKED).update(
        state=OutboxEvent.State.PENDING, attempts=0, error="", available_at=now()
    )
    if count:
        drain_organization.wake()
    return count
