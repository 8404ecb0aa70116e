"""Journey maps: what customers live through, as stages, steps, touchpoints and cards; drafts and versions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Metric(models.TextChoices):
    """The one metric a map's emotion lane compares with the team's view."""

    NPS = "nps", "NPS"
    CSAT = "csat", "CSAT"
    CES = "ces", "CES"


class Evidence(models.TextChoices):
    """How well a card or a step is backed."""

    ASSUMPTION = "assumption", _("Assumption")
    SOME = "some", _("Some data")
    MEASURED = "measured", _("Measured")


class Journey(TenantModel):
    """A map. Its rows of stages, steps and cards are the draft; ``revision`` grows with every change of it.

    ``lanes`` is the order in which the lanes of cards are shown, ``[{"key", "title"}]``, an empty title being the usual
    one; [] is the standard lanes. Lanes in use that are not named come after. ``lanes_version`` is for If-Match.
    A map of how it shall be names the map of how it is in ``as_is``.
    """

    class Kind(models.TextChoices):
        AS_IS = "as_is", _("As is")
        TO_BE = "to_be", _("To be")

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=5, choices=Kind.choices, default=Kind.AS_IS)
    as_is = TenantForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="+")
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    metric = models.CharField(max_length=4, choices=Metric.choices, default=Metric.NPS)
    lanes = models.JSONField(default=list, blank=True)
    lanes_version = models.PositiveIntegerField(default=1)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    review_date = models.DateField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=1)
    published_version = models.PositiveIntegerField(null=True, blank=True)
    published_revision = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-updated_at", "-id"], name="journey_recent")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_unpublished_changes(self) -> bool:
        """Whether the draft differs from what is published (undoing a change counts as a change, too)."""
        return self.published_revision != self.revision


class Stage(TenantModel):
    """A column group of the map. ``version`` grows with every change of this row, for If-Match."""

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="stages")
    name = models.CharField(max_length=120)
    duration = models.CharField(max_length=60, blank=True)
    position = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["tenant", "journey", "position"], name="stage_order")]


class Step(TenantModel):
    """A column. ``belief`` is how the team thinks customers feel here, -2..+2. ``evidence`` is "" while nobody said."""

    stage = TenantForeignKey(Stage, models.CASCADE, related_name="steps")
    name = models.CharField(max_length=120)
    belief = models.FloatField(null=True, blank=True)
    moment_of_truth = models.BooleanField(default=False)
    evidence = models.CharField(max_length=10, choices=Evidence.choices, blank=True, default="")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    review_date = models.DateField(null=True, blank=True)
    position = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["tenant", "stage", "position"], name="step_order")]


class StepTouchpoint(TenantModel):
    """A touchpoint of the library placed on a step."""

    step = TenantForeignKey(Step, models.CASCADE, related_name="placements")
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, related_name="+")
    position = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "step", "touchpoint"], name="placement_once")]
        indexes = [models.Index(fields=["tenant", "touchpoint"], name="placement_touchpoint")]


class Card(TenantModel):
    """A note on the map, in a lane of a step. ``image`` is the stored name of a picture, "" without one."""

    step = TenantForeignKey(Step, models.CASCADE, related_name="cards")
    lane = models.CharField(max_length=40)
    text = models.CharField(max_length=1000)
    evidence = models.CharField(max_length=10, choices=Evidence.choices, default=Evidence.ASSUMPTION)
    image = models.CharField(max_length=200, blank=True, default="")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    position = models.PositiveSmallIntegerField()
    version = models.PositiveIntegerField(default=1)

    class Meta:
        indexes = [models.Index(fields=["tenant", "step", "position"], name="card_order")]

    @property
    def picture_name(self) -> str:
        """The part of the picture's stored name that its address holds."""
        return self.image.rpartition("/")[2].removesuffix(".webp")


class MapEdit(TenantModel):
    """One change of a draft with what stood there before and after: what undo and redo repeat, kept for seven days."""

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="edits")
    actor_id = models.UUIDField(null=True)
    change = models.JSONField()
    undone = models.BooleanField(default=False)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "journey", "actor_id", "-id"], name="map_edit_stack")]


class MapChange(TenantModel):
    """What one write did to a draft, in the order it was done: what other editors' screens catch up with.

    ``revision`` is the map's after the write. ``changes`` is as a board reads it; ``actor_name`` is shown beside it.
    Kept for seven days, as undo is; a screen further behind loads the map anew.
    """

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="+")
    revision = models.PositiveIntegerField()
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=120, blank=True)
    changes = models.JSONField(default=list)
    said = models.CharField(max_length=1400, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "journey", "revision"], name="map_change_revision")]


class JourneyVersion(TenantModel):
    """The map as it was published, why, and from when to when it was in force (the first reaches back for ever)."""

    journey = TenantForeignKey(Journey, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    touchpoint_ids = models.JSONField(default=dict)
    purpose = models.CharField(max_length=400)
    published_at = models.DateTimeField(default=now)
    in_force_from = models.DateTimeField(null=True)
    in_force_to = models.DateTimeField(null=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "journey", "number"], name="journey_version_number")]
