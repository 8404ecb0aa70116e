"""Telling of an event inside a statement of one's own, for what must be stored and told in one trip (docs/adr/0050)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from apps.outbox.registry import subscribers

TELL: Final = (
    "INSERT INTO outbox_outboxevent"
    " (tenant_id, id, event_id, topic, handler, payload, created_at, available_at, attempts, state, error)"
    " SELECT %s, gen_random_uuid(), %s, %s, handler, %s::jsonb, %s, %s, 0, 'pending', ''"
    " FROM unnest(%s::text[]) AS handler"
)
"""One row for each subscriber. A condition may follow (``WHERE EXISTS (...)``)."""


def tell_values(tenant_id: str, topic: str, payload: str, at: datetime) -> list[Any]:
    """The parameters of :data:`TELL`; ``payload`` is JSON."""
    moment = at.isoformat()
    handlers = [handler.name for handler in subscribers(topic)]
    return [tenant_id, str(uuid4()), topic, payload, moment, moment, handlers]
