"""What people ask about their own data, what was done, and who was erased (so that no backup brings them back)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class PrivacyRequest(TenantModel):
    """One person asks for access, correction, restriction, objection or erasure.

    ``person``, ``reply_to``, ``wish``, ``notes`` and ``refusal_note`` hold what was said; erasing the person empties
    them and removes the file. What stays is the proof: ids, times, names of fields, numbers, and the hash of the file.
    ``subject_id`` is the customer the request was about, also when there is no such customer any more.
    """

    class Kind(models.TextChoices):
        ACCESS = "access", _("Access: a copy of the data")
        CORRECT = "correct", _("Correct the data")
        RESTRICT = "restrict", _("Restrict: keep, but do not use")
        OBJECT = "object", _("Object: contact no more")
        ERASE = "erase", _("Erase the person")

    class CameBy(models.TextChoices):
        EMAIL = "email", _("E-mail")
        PHONE = "phone", _("Phone")
        LETTER = "letter", _("Letter")
        IN_PERSON = "in_person", _("In person")
        FORM = "form", _("Form")
        OTHER = "other", _("Another way")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        WAITING = "waiting", _("Waiting for the person")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")

    class IdentityMethod(models.TextChoices):
        ACCOUNT = "account", _("Signed in to the own account")
        EMAIL_REPLY = "email_reply", _("Answered from the address we know")
        CALL_BACK = "call_back", _("Called back on the number we know")
        IN_PERSON = "in_person", _("In person")
        DOCUMENT = "document", _("Document seen")
        QUESTIONS = "questions", _("Knew what only the person knows")

    class Identity(models.TextChoices):
        UNCHECKED = "unchecked", _("Not checked yet")
        CONFIRMED = "confirmed", _("Confirmed")
        FAILED = "failed", _("Could not be confirmed")

    class Refusal(models.TextChoices):
        NOT_IDENTIFIED = "not_identified", _("The person could not be identified")
        NOTHING_HELD = "nothing_held", _("We hold nothing about this person")
        LEGAL_DUTY = "legal_duty", _("A law obliges us to keep the data")
        UNFOUNDED = "unfounded", _("Clearly unfounded or excessive")
        WITHDRAWN = "withdrawn", _("The person withdrew the request")

    kind = models.CharField(max_length=8, choices=Kind.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    subject_id = models.UUIDField(null=True, editable=False)
    person = models.CharField(max_length=200, blank=True)
    reply_to = models.CharField(max_length=254, blank=True)
    wish = models.TextField(blank=True)
    notes = models.TextField(blank=True)
    came_by = models.CharField(max_length=9, choices=CameBy.choices, default=CameBy.EMAIL)
    received_at = models.DateTimeField(default=now)
    due_at = models.DateTimeField()
    identity = models.CharField(max_length=9, choices=Identity.choices, default=Identity.UNCHECKED)
    identity_method = models.CharField(max_length=11, choices=IdentityMethod.choices, blank=True)
    identity_at = models.DateTimeField(null=True)
    identity_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    assigned_to = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    refusal = models.CharField(max_length=14, choices=Refusal.choices, blank=True)
    refusal_note = models.TextField(blank=True)
    proof = models.JSONField(default=list)
    file = models.CharField(max_length=200, blank=True)
    file_sha256 = models.CharField(max_length=64, blank=True)
    file_size = models.PositiveBigIntegerField(null=True)
    closed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "state", "due_at", "id"], name="privacy_request_due"),
            models.Index(fields=["tenant", "-received_at", "-id"], name="privacy_request_recent"),
            models.Index(fields=["tenant", "subject_id"], name="privacy_request_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.state}"

    @property
    def is_closed(self) -> bool:
        """Whether it was answered."""
        return self.state in (self.State.DONE, self.State.REFUSED)

    @property
    def is_overdue(self) -> bool:
        """Whether its deadline has passed without an answer."""
        return not self.is_closed and self.due_at < now()

    @property
    def days_left(self) -> int:
        """Whole days until the deadline; negative after it."""
        return (self.due_at - now()).days


class PrivacySettings(TenantModel):
    """What an organisation decided for its privacy desk. No row stands for the defaults."""

    answer_days = models.PositiveSmallIntegerField(default=30)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant"], name="privacy_settings_once")]


class Erasure(TenantModel):
    """That a person was erased: the ids of their records, and keyed digests of their identifiers. No personal value.

    Also written to a file outside the database, so that a restored backup is cleaned of whoever was erased since.
    """

    customers = models.JSONField()
    digests = models.JSONField(default=list)
    found = models.JSONField(default=dict)
    erased_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="erasure_recent")]
