"""Organisations (the tenants), who belongs to them, what they may do, and the keys of other systems."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.organizations.preferences import DEFAULT_FATIGUE
from cxm.fields import TenantForeignKey
from cxm.ids import uuid7
from cxm.models import TenantModel


def default_fatigue() -> dict[str, int]:
    """How often one customer may be asked (docs/metrics.md, "Contact frequency")."""
    return dict(DEFAULT_FATIGUE)


class Organization(models.Model):
    """A company that uses the platform: the tenant. A global row; everything else of it is behind the wall."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=50, unique=True)
    name = models.CharField(max_length=120)
    timezone = models.CharField(max_length=64, default="UTC")
    languages = models.JSONField(default=list)
    default_language = models.CharField(max_length=10, default="en")
    logo = models.CharField(max_length=200, blank=True)
    accent = models.CharField(max_length=7, blank=True)
    business_hours = models.JSONField(default=dict)
    business_hours_enabled = models.BooleanField(default=False)
    opt_in_required = models.BooleanField(default=False)
    fatigue = models.JSONField(default=default_fatigue)
    anonymity_threshold = models.PositiveSmallIntegerField(default=5)
    include_provisional = models.BooleanField(default=False)
    anonymous_ideas_allowed = models.BooleanField(default=True)
    inactivity_days = models.PositiveIntegerField(default=365)
    retention = models.JSONField(default=dict)
    experience_directions = models.JSONField(default=list)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """That a person belongs to an organisation.

    Global in shape (a person's organisations are read before one is chosen), with a wall of its own: a person sees
    the own memberships, an organisation sees its members.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="+")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["organization", "user"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.user} in {self.organization}"


class Unit(TenantModel):
    """A node of the organisation tree: region, branch, ward, team."""

    name = models.CharField(max_length=120)
    code = models.CharField(max_length=64)
    parent = TenantForeignKey("self", models.PROTECT, null=True, blank=True, related_name="children")
    valid_from = models.DateField(null=True, blank=True)
    valid_to = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "code"], name="unit_code")]

    def __str__(self) -> str:
        return self.name


class RoleGrant(TenantModel):
    """A role that a member holds, on the whole organisation or on a branch of its tree."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    role = models.CharField(max_length=20)
    unit = TenantForeignKey(Unit, models.CASCADE, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "user", "role", "unit"], name="role_grant_once", nulls_distinct=False
            )
        ]


class ColleagueInvitation(TenantModel):
    """An invitation to join the organisation, sent to an e-mail address."""

    email = models.EmailField()
    role = models.CharField(max_length=20)
    unit = TenantForeignKey(Unit, models.CASCADE, null=True, blank=True, related_name="+")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "email"], name="colleague_invitation_email")]


class ApiKey(TenantModel):
    """A key of another system. ``api`` keys carry scopes; ``write`` keys are public and only create events, answers."""

    class Kind(models.TextChoices):
        API = "api", "API key"
        WRITE = "write", "Public write key"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    name = models.CharField(max_length=120)
    scopes = models.JSONField(default=list)
    secret_hash = models.CharField(max_length=64)
    hint = models.CharField(max_length=12)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
