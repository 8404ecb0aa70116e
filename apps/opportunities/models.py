"""What could be made better: opportunities, weighed by evidence and put on a roadmap."""

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

SCORES = ("customer_value", "business_value", "effort")
"""What people give an opportunity from 1 (low) to 5 (high); None until they have."""


class Opportunity(TenantModel):
    """ "How might we ...": written from a pain point, a step, a touchpoint, or from nothing.

    ``pain_point`` is what the card said when the opportunity was written; the card may change or go. ``rank`` orders
    opportunities, the smallest first, in every column of every board. ``title_lower`` is there because the wall
    refuses indexes to expressions.
    """

    class Status(models.TextChoices):
        NEW = "new", _("New")
        EXPLORING = "exploring", _("Exploring")
        PLANNED = "planned", _("Planned")
        IN_PROGRESS = "in_progress", _("In progress")
        DONE = "done", _("Done")
        DROPPED = "dropped", _("Dropped")

    class Horizon(models.TextChoices):
        NOW = "now", _("Now")
        NEXT = "next", _("Next")
        LATER = "later", _("Later")

    title = models.CharField(max_length=200)
    title_lower = models.GeneratedField(
        expression=Lower("title"), output_field=models.CharField(max_length=400), db_persist=True
    )
    description = models.TextField(blank=True)
    journey = TenantForeignKey("journeys.Journey", models.SET_NULL, null=True, blank=True, related_name="+")
    step_id = models.UUIDField(null=True, blank=True)
    card_id = models.UUIDField(null=True, blank=True)
    pain_point = models.CharField(max_length=1000, blank=True)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.SET_NULL, null=True, blank=True, related_name="+")
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.NEW)
    horizon = models.CharField(max_length=5, choices=Horizon.choices, default=Horizon.LATER)
    due_date = models.DateField(null=True, blank=True)
    customer_value = models.PositiveSmallIntegerField(null=True, blank=True)
    business_value = models.PositiveSmallIntegerField(null=True, blank=True)
    effort = models.PositiveSmallIntegerField(null=True, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    rank = models.FloatField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(**{f"{name}__isnull": True}) | Q(**{f"{name}__gte": 1, f"{name}__lte": 5}),
                name=f"opportunity_{name}_1_to_5",
            )
            for name in SCORES
        ]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="opportunity_recent"),
            models.Index(fields=["tenant", "status", "rank"], name="opportunity_by_status"),
            models.Index(fields=["tenant", "journey", "card_id"], name="opportunity_on_map"),
            GinIndex(fields=["title_lower"], opclasses=["gin_trgm_ops"], name="opportunity_title"),
        ]

    def __str__(self) -> str:
        return self.title


class OpportunityInsight(TenantModel):
    """An insight that speaks for an opportunity."""

    opportunity = TenantForeignKey(Opportunity, models.CASCADE, related_name="insight_links")
    insight = TenantForeignKey("insights.Insight", models.CASCADE, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "opportunity", "insight"], name="opportunity_insight_once")
        ]
        indexes = [models.Index(fields=["tenant", "insight"], name="opportunity_of_insight")]


class OpportunityIdea(TenantModel):
    """An idea that answers an opportunity."""

    opportunity = TenantForeignKey(Opportunity, models.CASCADE, related_name="idea_links")
    idea = TenantForeignKey("ideas.Idea", models.CASCADE, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "opportunity", "idea"], name="opportunity_idea_once")]
        indexes = [models.Index(fields=["tenant", "idea"], name="opportunity_of_idea")]
