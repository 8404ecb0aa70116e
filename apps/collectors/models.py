"""Where a survey stands open: a kiosk in a branch, a poster on a wall, a widget on a web site."""

from __future__ import annotations

from django.conf import settings as django_settings
from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Collector(TenantModel):
    """One place where people answer a survey without being invited by name.

    Its answers carry the place's unit and touchpoint. ``settings`` are those of its kind: a kiosk's PIN (hashed) and
    whether it asks for text; a widget's allowed sites, share of visitors and delay; a poster's words. The address holds
    a token of this row and ``key_version``: raising the version ends every address given out before.
    """

    class Kind(models.TextChoices):
        KIOSK = "kiosk", "Kiosk"
        POSTER = "poster", "Poster"
        WIDGET = "widget", "Web widget"

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    name = models.CharField(max_length=120)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, blank=True, related_name="+")
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, null=True, blank=True, related_name="+")
    language = models.CharField(max_length=16, blank=True)
    settings = models.JSONField(default=dict)
    key_version = models.PositiveSmallIntegerField(default=1)
    created_by = models.ForeignKey(django_settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    revoked_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "survey", "-created_at", "-id"], name="collector_recent")]

    def __str__(self) -> str:
        return self.name


class RefusedAnswer(TenantModel):
    """An answer that a kiosk kept while it was offline and that could not be taken afterwards.

    The answer itself stays on the device; here is only that it exists and why it was refused. The row goes when the
    device sends it again and it is taken.
    """

    collector = TenantForeignKey(Collector, models.CASCADE, related_name="refusals")
    source_id = models.CharField(max_length=200)
    code = models.CharField(max_length=32)
    refused_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "collector", "source_id"], name="refused_answer_once")]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.code}"
