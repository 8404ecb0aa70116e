"""Counts of paths that took longer than a page may: what was asked, how far it is, and the newest result."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class PathReport(TenantModel):
    """One question about a map, counted by a worker, with its newest result.

    ``digest`` is that of the question (``definition``: matchers, route, window, filters), so that who asks the same
    gets the same row. ``result`` holds the numbers as of ``as_of``; a new count leaves it until it is done.
    ``is_stale``: interactions of its window came, moved or went since that count began; ``populations`` are the
    revisions of the segments it looked at. A worker holds the row until ``leased_until``; after eight ``attempts`` it
    is given up. Rows are counts of people, never people.
    """

    class Kind(models.TextChoices):
        PATHS = "paths", _("Real paths")
        CONVERSION = "conversion", _("Conversion")
        HANDOVERS = "handovers", _("Hand-overs")

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Being counted")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")

    journey = TenantForeignKey("journeys.Journey", models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    digest = models.CharField(max_length=64)
    definition = models.JSONField()
    window_start = models.DateTimeField(null=True)
    window_end = models.DateTimeField(null=True)
    populations = models.JSONField(default=dict)
    state = models.CharField(max_length=7, choices=State.choices, default=State.QUEUED)
    result = models.JSONField(null=True)
    as_of = models.DateTimeField(null=True)
    is_stale = models.BooleanField(default=False)
    stop_requested = models.BooleanField(default=False)
    error = models.CharField(max_length=300, blank=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    requested_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(default=now)
    """When somebody last looked at it: those nobody looks at go."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "digest"], name="path_report_once")]
        indexes = [models.Index(fields=["tenant", "journey", "-asked_at"], name="path_report_of")]

    def __str__(self) -> str:
        return self.get_kind_display()
