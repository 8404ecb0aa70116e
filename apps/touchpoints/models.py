"""The library of touchpoints: where customers meet the organisation."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from cxm.channels import Channel
from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Touchpoint(TenantModel):
    """One meeting point, used on any number of maps. ``target`` holds {"nps": 30, "csat": 80, ...}."""

    key = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.OTHER)
    description = models.TextField(blank=True)
    event_match = models.JSONField(null=True, blank=True)
    owner_unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, blank=True, related_name="+")
    target = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key"], name="touchpoint_key")]
        indexes = [models.Index(fields=["tenant", "name"], name="touchpoint_name")]

    def __str__(self) -> str:
        return self.name
