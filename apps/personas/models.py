"""Personas: who the customer is, as a team describes it, in a draft and in published versions."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey, TenantOneToOneField
from cxm.models import TenantModel


class Persona(TenantModel):
    """A persona's draft. ``fields`` holds the described parts, each a list of short texts.

    ``backing`` (evidence.py) holds what each line rests on; ``reason`` says why an anti-persona is not served.
    ``segment`` holds the people it describes; ``claims`` (claims.py) says of them what can be measured.
    """

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
    reason = models.CharField(max_length=400, blank=True)
    fields = models.JSONField(default=dict)
    backing = models.JSONField(default=list)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    review_date = models.DateField(null=True, blank=True)
    segment = TenantForeignKey("segments.Segment", models.PROTECT, null=True, blank=True, related_name="+")
    claims = models.JSONField(default=list)
    revision = models.PositiveIntegerField(default=1)
    published_version = models.PositiveIntegerField(null=True, blank=True)
    published_revision = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "name"], name="persona_name")]

    def __str__(self) -> str:
        """The name, in every chooser marked as somebody who is not served where that is so."""
        return gettext("%(name)s (anti-persona)") % {"name": self.name} if self.kind == self.Kind.ANTI else self.name

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


class PersonaChange(TenantModel):
    """One change of a draft by one person, so that they can take it back: the changed fields before and after.

    `number` is the draft's revision it led to. Of a persona the newest 300 are kept.
    """

    persona = TenantForeignKey(Persona, models.CASCADE, related_name="changes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    number = models.PositiveIntegerField()
    before = models.JSONField()
    after = models.JSONField()
    at = models.DateTimeField(default=now)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "persona", "user", "-number"], name="persona_change_latest")]


class PersonaBaseline(TenantModel):
    """The make-up of a persona's people on one day: what later days are compared with. Never changed; kept unbound too.

    ``makeup`` (makeup.py) holds counts by value over ``sample`` of the ``size`` members, never a single person's value;
    ``customers`` is the number of all customers on that day.
    """

    class Reason(models.TextChoices):
        BOUND = "bound", _("Bound to the segment")
        PUBLISHED = "published", _("Published")
        ACCEPTED = "accepted", _("Taken as the new baseline")

    persona = TenantForeignKey(Persona, models.CASCADE, related_name="baselines")
    segment = TenantForeignKey("segments.Segment", models.SET_NULL, null=True, related_name="+")
    segment_name = models.CharField(max_length=120)
    reason = models.CharField(max_length=9, choices=Reason.choices)
    version = models.PositiveIntegerField(null=True)
    size = models.PositiveIntegerField()
    customers = models.PositiveIntegerField()
    sample = models.PositiveIntegerField()
    makeup = models.JSONField(default=list)
    taken_at = models.DateTimeField(default=now)
    taken_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [models.Index(fields=["tenant", "persona", "-taken_at"], name="persona_baseline_latest")]


class PersonaCheck(TenantModel):
    """Whether a persona's people still match it: the newest comparison, and when the next one is due (a queue row).

    ``claims`` and ``findings`` are what the page says; ``alarm_since`` is set while anything of it is an alarm.
    """

    class State(models.TextChoices):
        WATCHED = "watched", _("Watched")
        STOPPED = "stopped", _("Not bound")

    persona = TenantOneToOneField(Persona, models.CASCADE, related_name="check_row")
    state = models.CharField(max_length=7, choices=State.choices, default=State.WATCHED)
    due_at = models.DateTimeField(default=now)
    checked_at = models.DateTimeField(null=True)
    baseline = TenantForeignKey(PersonaBaseline, models.SET_NULL, null=True, related_name="+")
    size = models.PositiveIntegerField(null=True)
    customers = models.PositiveIntegerField(null=True)
    claims = models.JSONField(default=list)
    findings = models.JSONField(default=list)
    alarm_since = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "due_at"], name="persona_check_due")]


class ReviewNotice(TenantModel):
    """That the owner of a thing (`kind` of reviews.py, and its id) was told once that a review is due."""

    kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    review_date = models.DateField()
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "kind", "object_id", "review_date"], name="review_notice_once")
        ]
