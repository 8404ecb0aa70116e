"""Journey maps: what customers live through, as stages, steps, touchpoints and cards; drafts and versions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Journey(TenantModel):
    """A map. Its rows of stages, steps and cards are the draft; ``revision`` grows with every change of it."""

    name = models.CharField(max_length=120)
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    metric = models.CharField(max_length=4, default="nps")
    revision = models.PositiveIntegerField(default=1)
    published_version = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class Stage(TenantModel):
    """A column group of the map."""

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="stages")
    name = models.CharField(max_length=120)
    duration = models.CharField(max_length=60, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "journey", "position"], name="stage_order")]


class Step(TenantModel):
    """A column. ``belief`` is how the team thinks customers feel here, -2..+2."""

    stage = TenantForeignKey(Stage, models.CASCADE, related_name="steps")
    name = models.CharField(max_length=120)
    belief = models.FloatField(null=True, blank=True)
    position = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "stage", "position"], name="step_order")]


class StepTouchpoint(TenantModel):
    """A touchpoint of the library placed on a step."""

    step = TenantForeignKey(Step, models.CASCADE, related_name="placements")
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "step", "touchpoint"], name="placement_once")]


class Card(TenantModel):
    """A note on the map, in a lane of a step."""

    class Evidence(models.TextChoices):
        ASSUMPTION = "assumption", "Assumption"
        SOME = "some", "Some data"
        MEASURED = "measured", "Measured"

    step = TenantForeignKey(Step, models.CASCADE, related_name="cards")
    lane = models.CharField(max_length=20)
    text = models.CharField(max_length=500)
    evidence = models.CharField(max_length=10, choices=Evidence.choices, default=Evidence.ASSUMPTION)
    position = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "step", "lane", "position"], name="card_order")]


class JourneyVersion(TenantModel):
    """The map as it was published, why, and from when to when it was in force (the first reaches back for ever)."""

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    purpose = models.CharField(max_length=400)
    in_force_from = models.DateTimeField(default=now)
    in_force_to = models.DateTimeField(null=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "journey", "number"], name="journey_version_number")]
