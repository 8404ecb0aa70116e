"""What employees propose."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Lower
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Idea(TenantModel):
    """An improvement idea, tied to a touchpoint or a persona where its author said so.

    `author` is empty where it was submitted without a name (then it is stored nowhere), by another system, or by
    somebody who is gone. `title_lower` is there because the wall refuses indexes to expressions.
    """

    class Status(models.TextChoices):
        NEW = "new", _("New")
        UNDER_REVIEW = "under_review", _("Under review")
        PLANNED = "planned", _("Planned")
        IN_PROGRESS = "in_progress", _("In progress")
        DONE = "done", _("Done")
        DECLINED = "declined", _("Declined")
        MERGED = "merged", _("Merged")

    number = models.PositiveIntegerField()
    title = models.CharField(max_length=160)
    title_lower = models.GeneratedField(
        expression=Lower("title"), output_field=models.CharField(max_length=320), db_persist=True
    )
    body = models.TextField(blank=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    anonymous = models.BooleanField(default=False)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.SET_NULL, null=True, blank=True, related_name="+")
    persona = TenantForeignKey("personas.Persona", models.SET_NULL, null=True, blank=True, related_name="+")
    picture = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.NEW)
    merged_into = TenantForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="merged")
    official_answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "number"], name="idea_number")]
        indexes = [
            models.Index(fields=["tenant", "-created_at", "-id"], name="idea_recent"),
            models.Index(fields=["tenant", "touchpoint", "status"], name="idea_touchpoint"),
            GinIndex(fields=["title_lower"], opclasses=["gin_trgm_ops"], name="idea_title"),
        ]

    def __str__(self) -> str:
        return self.title


class IdeaVote(TenantModel):
    """One vote for an idea. `voter` is the person's id, or that of the API key that voted."""

    idea = TenantForeignKey(Idea, models.CASCADE, related_name="votes")
    voter = models.UUIDField()
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "idea", "voter"], name="idea_vote_once")]


class IdeaComment(TenantModel):
    """A comment under an idea; `author` is empty for a key or somebody who is gone."""

    idea = TenantForeignKey(Idea, models.CASCADE, related_name="comments")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    body = models.TextField()
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "idea", "created_at"], name="idea_comments")]
