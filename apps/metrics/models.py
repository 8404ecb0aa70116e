"""Score histograms: how often each score was given, by day and by few dimensions. All metrics come from them."""

from __future__ import annotations

from django.db import models

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class ScoreHistogram(TenantModel):
    """Counts of the scores 0..10 (or 1..5, 1..7) to one question on one day. Folded by a worker, never edited.

    Unless ``is_imported``: then they are a past month's, filed under its first day, that an import brought without its
    answers (totals.py). Folding leaves those alone.
    """

    survey = TenantForeignKey("surveys.Survey", models.CASCADE, related_name="+")
    question = models.CharField(max_length=64)
    metric = models.CharField(max_length=4)
    scale = models.SmallIntegerField()
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.CASCADE, null=True, related_name="+")
    channel = models.CharField(max_length=10)
    unit = TenantForeignKey("organizations.Unit", models.CASCADE, null=True, related_name="+")
    day = models.DateField()
    is_imported = models.BooleanField(default=False, db_default=False)
    import_id = models.UUIDField(null=True)
    c0 = models.IntegerField(default=0)
    c1 = models.IntegerField(default=0)
    c2 = models.IntegerField(default=0)
    c3 = models.IntegerField(default=0)
    c4 = models.IntegerField(default=0)
    c5 = models.IntegerField(default=0)
    c6 = models.IntegerField(default=0)
    c7 = models.IntegerField(default=0)
    c8 = models.IntegerField(default=0)
    c9 = models.IntegerField(default=0)
    c10 = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "survey", "day", "question", "touchpoint", "channel", "unit", "scale", "is_imported"],
                name="score_histogram_cell",
                nulls_distinct=False,
            )
        ]
        indexes = [
            models.Index(fields=["tenant", "metric", "day"], name="score_histogram_metric"),
            models.Index(
                fields=["tenant", "import_id"], condition=models.Q(is_imported=True), name="score_histogram_import"
            ),
        ]
