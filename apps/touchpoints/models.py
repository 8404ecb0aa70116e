"""The library of touchpoints: where customers meet the organisation."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.channels import Channel
from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Touchpoint(TenantModel):
    """One meeting point, used on any number of maps. ``target`` holds {"nps": 30, "csat": 80, ...}.

    ``promise`` is what customers are told here, as a rule over events: ``{"text", "start": match | None, "kept": match,
    "within_seconds"}``; without a start it is the touchpoint's own event.
    """

    key = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.OTHER)
    description = models.TextField(blank=True)
    event_match = models.JSONField(null=True, blank=True)
    promise = models.JSONField(null=True, blank=True)
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


class TouchpointName(TenantModel):
    """A name that a touchpoint had until ``until``: what was written then is still found and understood."""

    touchpoint = TenantForeignKey(Touchpoint, models.CASCADE, related_name="former_names")
    name = models.CharField(max_length=120)
    until = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "touchpoint", "name"], name="touchpoint_name_once")]

    def __str__(self) -> str:
        return self.name


class BackstageRecord(TenantModel):
    """What stands behind touchpoints: a process, a system or a team. One record serves any number of touchpoints."""

    class Kind(models.TextChoices):
        PROCESS = "process", _("Process")
        SYSTEM = "system", _("System")
        TEAM = "team", _("Team")

    kind = models.CharField(max_length=7, choices=Kind.choices)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    owner_unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, blank=True, related_name="+")
    link = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "kind", "name"], name="backstage_name")]
        indexes = [models.Index(fields=["tenant", "name", "id"], name="backstage_by_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def touchpoint_keys(self) -> list[str]:
        """Keys of the touchpoints it stands behind. No query where `uses` and their touchpoints were prefetched."""
        return sorted(use.touchpoint.key for use in self.uses.all())


class TouchpointBackstage(TenantModel):
    """That a record stands behind a touchpoint."""

    touchpoint = TenantForeignKey(Touchpoint, models.CASCADE, related_name="backstage")
    record = TenantForeignKey(BackstageRecord, models.CASCADE, related_name="uses")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "touchpoint", "record"], name="backstage_once")]
        indexes = [models.Index(fields=["tenant", "record"], name="backstage_uses")]
