"""What the REST API itself remembers: answers given to requests with an Idempotency-Key."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from cxm.models import TenantModel


class IdempotencyRecord(TenantModel):
    """One Idempotency-Key of one API key, with the answer its request got. Written with the effect, kept for a day."""

    key = models.CharField(max_length=255)
    actor_id = models.UUIDField()
    request_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "actor_id", "key"], name="idempotency_key_once")]
        indexes = [models.Index(fields=["tenant", "created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return self.key
