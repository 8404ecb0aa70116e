"""Links that let somebody without an account read one thing, for a time."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from cxm.models import TenantModel


class ShareLink(TenantModel):
    """A link to one map or persona. The key itself is nowhere stored, only its SHA-256.

    ``password`` is a hash, "" without one. ``options`` say what is shown (options.py); ``units`` are the branches whose
    figures it may show, null for all: those its maker could see when it was made. ``opened`` counts views, of nobody.
    """

    kind = models.CharField(max_length=40)
    object_id = models.UUIDField()
    key_hash = models.CharField(max_length=64)
    password = models.CharField(max_length=200, blank=True, default="")
    note = models.CharField(max_length=120, blank=True, default="")
    options = models.JSONField(default=dict)
    units = models.JSONField(null=True, blank=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    opened = models.PositiveIntegerField(default=0)
    last_opened_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "key_hash"], name="share_link_key")]
        indexes = [models.Index(fields=["tenant", "kind", "object_id"], name="share_link_object")]

    @property
    def has_password(self) -> bool:
        """Whether readers are asked for a password."""
        return bool(self.password)

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return self.expires_at <= now()

    @property
    def is_open(self) -> bool:
        """Whether it leads anywhere now."""
        return self.revoked_at is None and not self.is_expired
