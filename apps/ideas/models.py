"""What employees propose."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Idea(TenantModel):
    """An improvement idea, tied to a touchpoint or a persona where its author said so."""

    class Status(models.TextChoices):
        NEW = "new", "New"
        UNDER_REVIEW = "under_review", "Under review"
        PLANNED = "planned", "Planned"
        IN_PROGRESS = "in_progress", "In progress"
        DONE = "done", "Done"
        DECLINED = "declined", "Declined"
        MERGED = "merged", "Merged"

    number = models.PositiveIntegerField()
    title = models.CharField(max_length=160)
    body = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    anonymous = models.BooleanField(default=False)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.SET_NULL, null=True, blank=True, related_name="+")
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    image = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.NEW)
    merged_into = TenantForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged")
    official_answer = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="idea_number")]
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="idea_recent")]

    def __str__(self) -> str:
        return self.title


class IdeaVote(TenantModel):
    """One person's vote for an idea."""

    idea = TenantForeignKey(Idea, models.CASCADE, related_name="votes")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "idea", "user"], name="idea_vote_once")]


class IdeaComment(TenantModel):
    """A comment under an idea."""

    idea = TenantForeignKey(Idea, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    body = models.TextField()
    created_at = models.DateTimeField(default=now)
