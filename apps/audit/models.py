"""The audit log: who did what, when, from where. The web's role can add rows and read them, nothing else."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from cxm.models import TenantModel


class AuditEntry(TenantModel):
    """One action. Holds ids and names of fields, never personal values: erasure and the log do not contradict."""

    actor_kind = models.CharField(max_length=12)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=200, blank=True)
    action = models.CharField(max_length=80)
    target_type = models.CharField(max_length=80, blank=True)
    target_id = models.UUIDField(null=True)
    fields = models.JSONField(default=list)
    ip = models.GenericIPAddressField(null=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-at", "-id"], name="audit_recent"),
            models.Index(fields=["tenant", "target_id", "-at"], name="audit_target"),
        ]
