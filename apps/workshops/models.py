"""Workshops on a map: who was let in for a day, what was voted on, and the clock on the wall."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.ids import uuid7
from cxm.models import TenantModel


class Workshop(TenantModel):
    """Some hours or days in which people without an account may work on one map.

    The code is derived from the row's id and `code_version` (`rules.code_of`) and stored nowhere. The timer runs while
    `timer_ends_at` is set; it is paused with `timer_left` seconds; with neither there is none.
    """

    class GuestsMay(models.TextChoices):
        EDIT = "edit", _("Draw on the map and vote")
        VOTE = "vote", _("Look at the map and vote")

    journey = TenantForeignKey("journeys.Journey", models.CASCADE, related_name="+")
    title = models.CharField(max_length=120)
    host = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    opens_at = models.DateTimeField(default=now)
    ends_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    code_version = models.PositiveSmallIntegerField(default=1)
    guests_may = models.CharField(max_length=4, choices=GuestsMay.choices, default=GuestsMay.EDIT)
    votes_per_person = models.PositiveSmallIntegerField(default=5)
    shows_names = models.BooleanField(default=True)
    shows_scores = models.BooleanField(default=False)
    opens_library = models.BooleanField(default=False)
    timer_ends_at = models.DateTimeField(null=True, blank=True)
    timer_left = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "journey"], condition=models.Q(closed_at=None), name="workshop_one_of_a_map"
            )
        ]
        indexes = [models.Index(fields=["tenant", "-opens_at", "-id"], name="workshop_recent")]

    def __str__(self) -> str:
        return self.title

    @property
    def is_over(self) -> bool:
        """Whether it was ended or its time is up."""
        return self.closed_at is not None or self.ends_at <= now()

    @property
    def is_open(self) -> bool:
        """Whether guests get in now."""
        return not self.is_over and self.opens_at <= now()


class WorkshopGuest(TenantModel):
    """Somebody who came in by the code. `session_hash` is of the secret in the browser's cookie."""

    workshop = TenantForeignKey(Workshop, models.CASCADE, related_name="guests")
    name = models.CharField(max_length=60)
    session_hash = models.CharField(max_length=64)
    joined_at = models.DateTimeField(default=now)
    seen_at = models.DateTimeField(default=now)
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "workshop", "joined_at"], name="workshop_guests")]

    def __str__(self) -> str:
        return self.name


class VoteRound(TenantModel):
    """One question put to the vote. `lanes` are keys of the lanes whose cards stand for election, "steps" the steps.

    Nobody sees dots of others before `revealed_at` or `ends_at`. `salt` is what the voters' marks are made with; it is
    forgotten at the end, so that no dot leads back to a person.
    """

    workshop = TenantForeignKey(Workshop, models.CASCADE, related_name="rounds")
    number = models.PositiveSmallIntegerField()
    question = models.CharField(max_length=200)
    lanes = models.JSONField(default=list)
    votes_per_person = models.PositiveSmallIntegerField()
    most_per_thing = models.PositiveSmallIntegerField()
    salt = models.CharField(max_length=64, blank=True)
    opened_at = models.DateTimeField(default=now)
    ends_at = models.DateTimeField(null=True, blank=True)
    revealed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "workshop", "number"], name="vote_round_number")]

    def __str__(self) -> str:
        return self.question


class VoteDots(TenantModel):
    """How many dots one person gave one card or step. `label` is what it said then, should it be deleted."""

    round = TenantForeignKey(VoteRound, models.CASCADE, related_name="dots")
    voter = models.CharField(max_length=64)
    thing = models.UUIDField()
    dots = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "round", "voter", "thing"], name="vote_dots_once")]


class WorkshopCode(models.Model):
    """Where a code leads, before an organisation is known: global, and holding no code, only its keyed hash."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    digest = models.CharField(max_length=64, unique=True)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="+")
    workshop_id = models.UUIDField()
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.digest[:8]
