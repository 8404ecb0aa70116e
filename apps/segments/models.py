"""Segments: who belongs to a group now, by a rule over everything we know, or by a list."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Segment(TenantModel):
    """A group of customers. ``rule`` is the documented tree (docs/segments.md); a static one has members by file.

    ``size`` is the number of members at ``computed_at``; null until first computed. ``is_time_bound``: its rule looks
    at a moving window ("in the last 90 days"), so its members change while nothing happens.

    The rows are the queue of refreshes: one is due from ``refresh_at`` on (null: nothing to do), a worker holds it
    until ``leased_until``, and after eight ``attempts`` it is parked as ``failed``. ``revision`` grows with every
    change of the rule and every time some members were decided anew, so that a long refresh knows what happened.
    """

    class Kind(models.TextChoices):
        LIVE = "live", _("Live")
        STATIC = "static", _("Static list")

    class State(models.TextChoices):
        COMPUTING = "computing", _("Being computed")
        READY = "ready", _("Up to date")
        FAILED = "failed", _("Could not be computed")

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.LIVE)
    rule = models.JSONField(default=dict)
    is_time_bound = models.BooleanField(default=False)
    state = models.CharField(max_length=9, choices=State.choices, default=State.COMPUTING)
    error = models.CharField(max_length=300, blank=True)
    size = models.PositiveIntegerField(null=True)
    computed_at = models.DateTimeField(null=True)
    refresh_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    revision = models.PositiveBigIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "name"], name="segment_name")]
        indexes = [
            models.Index(
                fields=["tenant", "refresh_at"], condition=models.Q(refresh_at__isnull=False), name="segment_due"
            ),
            models.Index(fields=["tenant", "created_at", "id"], name="segment_recent"),
        ]

    def __str__(self) -> str:
        return self.name


class SegmentMember(TenantModel):
    """That a customer belongs to a segment, and since when. ``import_id``: the list that brought a static member."""

    segment = TenantForeignKey(Segment, models.CASCADE, related_name="+", db_index=False)
    customer = TenantForeignKey("customers.Customer", models.CASCADE, related_name="+", db_index=False)
    since = models.DateTimeField(default=now)
    import_id = models.UUIDField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "segment", "customer"], name="segment_member")]
        indexes = [models.Index(fields=["tenant", "customer"], name="segment_of_customer")]
