"""Events waiting to be handled: one row for each event and subscriber, written in the transaction that caused it."""

from __future__ import annotations

import uuid

from django.db import models
from django.utils.timezone import now

from cxm.models import TenantModel


class OutboxEvent(TenantModel):
    """One event for one handler. Deleted in the transaction that handles it; parked after eight failures."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        PARKED = "parked", "Parked"

    event_id = models.UUIDField(default=uuid.uuid4)
    topic = models.CharField(max_length=80)
    handler = models.CharField(max_length=80)
    payload = models.JSONField()
    created_at = models.DateTimeField(default=now)
    available_at = models.DateTimeField(default=now)
    attempts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    error = models.TextField(blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "state", "available_at"], name="outbox_due")]
