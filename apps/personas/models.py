"""Personas: who the customer is, as a team describes it, in a draft and in published versions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Persona(TenantModel):
    """A persona's draft. ``fields`` holds the described parts, each a list of short texts."""

    class Kind(models.TextChoices):
        PERSONA = "persona", _("Persona")
        ANTI = "anti", _("Anti-persona")

    class Evidence(models.TextChoices):
        PROTO = "proto", _("Proto: our assumption")
        RESEARCH = "research", _("Backed by research")

    name = models.CharField(max_length=120)
    tagline = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=7, choices=Kind.choices, default=Kind.PERSONA)
    evidence_level = models.CharField(max_length=8, choices=Evidence.choices, default=Evidence.PROTO)
    portrait = models.CharField(max_length=200, blank=True)
    quote = models.CharField(max_length=400, blank=True)
    fields = models.JSONField(default=dict)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    review_date = models.DateField(null=True, blank=True)
    segment_id = models.UUIDField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=1)
    published_version = models.PositiveIntegerField(null=True, blank=True)
    published_revision = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "name"], name="persona_name")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_unpublished_changes(self) -> bool:
        """Whether the draft was changed since it was last published."""
        return self.published_revision != self.revision


class PersonaVersion(TenantModel):
    """A persona as it was published, and why."""

    persona = TenantForeignKey(Persona, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    purpose = models.CharField(max_length=400)
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "persona", "number"], name="persona_version_number")]
