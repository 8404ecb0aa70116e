"""Entries in the registries of lower layers."""

from cxm.queues import Queue, register_queue

register_queue(
    Queue("outbox", "outbox_outboxevent", "state = 'pending' AND available_at <= now()", since="available_at")
)
