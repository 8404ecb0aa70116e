"""What colleagues say about a persona, a map or anything else that was registered, and whom they call upon."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Comment(TenantModel):
    """A comment on a thing (`kind` and `object_id`, see registry.py), or an answer to one (`parent`; one level deep).

    `anchor` names a part of the thing, such as a card of a map. `author_name` stays when the author is gone; `key_id`
    is the API key that wrote it. A deleted comment that was answered stays, without its text.
    """

    kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    anchor = models.UUIDField(null=True, blank=True)
    parent = TenantForeignKey("self", models.CASCADE, null=True, blank=True, related_name="replies")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    author_name = models.CharField(max_length=254)
    key_id = models.UUIDField(null=True, blank=True)
    body = models.TextField(blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    edited_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "kind", "object_id", "-created_at"], name="comment_of_thing")]


class CommentMention(TenantModel):
    """That a comment calls upon somebody. `text` is how: “@Ada Blum”, as it stands in the body."""

    comment = TenantForeignKey(Comment, models.CASCADE, related_name="mentions")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    text = models.CharField(max_length=260)
    at = models.DateTimeField(default=now)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "comment", "user"], name="mention_once")]
        indexes = [models.Index(fields=["tenant", "user", "read_at", "-at"], name="mention_of_person")]
