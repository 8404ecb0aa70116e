"""What was learned about customers by listening and watching, and where on the maps it belongs."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Insight(TenantModel):
    """One thing learned, with where it comes from.

    ``people`` is how many it speaks for; ``score`` is how they felt, -2..+2, None while nobody scored it. ``customer``
    is the one it was said by, where that is known; ``response_id`` the answer it was taken from. ``withdrawn_at`` is
    set when the person was erased: then only the bare score, the date and the places are left. ``title_lower`` is
    there because the wall refuses indexes to expressions.
    """

    class Kind(models.TextChoices):
        INTERVIEW = "interview", _("Interview")
        OBSERVATION = "observation", _("Observation")
        RESEARCH = "research", _("Research")
        QUOTE = "quote", _("Quote")
        USABILITY_TEST = "usability_test", _("Usability test")
        WORKSHOP = "workshop", _("Workshop")
        SUPPORT = "support", _("Support")
        OTHER = "other", _("Other")

    class Consent(models.TextChoices):
        NOT_NEEDED = "not_needed", _("Not needed")
        GIVEN = "given", _("Given")
        NOT_GIVEN = "not_given", _("Not given")

    kind = models.CharField(max_length=14, choices=Kind.choices, default=Kind.OBSERVATION)
    title = models.CharField(max_length=200)
    title_lower = models.GeneratedField(
        expression=Lower("title"), output_field=models.CharField(max_length=400), db_persist=True
    )
    body = models.TextField(blank=True)
    source = models.CharField(max_length=300, blank=True)
    source_date = models.DateField(null=True, blank=True)
    link = models.CharField(max_length=500, blank=True)
    people = models.PositiveIntegerField(default=1)
    score = models.FloatField(null=True, blank=True)
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    consent = models.CharField(max_length=10, choices=Consent.choices, default=Consent.NOT_NEEDED)
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, blank=True, related_name="+")
    response_id = models.UUIDField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="insight_recent"),
            models.Index(fields=["tenant", "customer"], name="insight_customer"),
            GinIndex(fields=["title_lower"], opclasses=["gin_trgm_ops"], name="insight_title"),
        ]

    def __str__(self) -> str:
        return self.title


class InsightLink(TenantModel):
    """Where an insight belongs: a step of a map, a card of a map, or a touchpoint; exactly one of them.

    Steps and cards are named by their stable ids: their rows go and come back with undo and restored versions.
    """

    insight = TenantForeignKey(Insight, models.CASCADE, related_name="links")
    journey = TenantForeignKey("journeys.Journey", models.CASCADE, null=True, related_name="+")
    step_id = models.UUIDField(null=True)
    card_id = models.UUIDField(null=True)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.CASCADE, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "insight", "journey", "step_id", "card_id", "touchpoint"],
                name="insight_link_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(journey__isnull=True, step_id__isnull=True, card_id__isnull=True, touchpoint__isnull=False)
                | Q(journey__isnull=False, step_id__isnull=False, card_id__isnull=True, touchpoint__isnull=True)
                | Q(journey__isnull=False, step_id__isnull=True, card_id__isnull=False, touchpoint__isnull=True),
                name="insight_link_to_one",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "journey", "step_id"], name="insight_link_step")]


class InsightSettings(TenantModel):
    """From when on an insight is marked as old. No row stands for the default."""

    old_after_months = models.PositiveSmallIntegerField(default=12)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="insight_settings_once")]
