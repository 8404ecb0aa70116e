"""Who was asked, who was not and why; who must not be asked; and the built-in mailbox."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.ids import uuid7
from cxm.models import TenantModel


class Invitation(TenantModel):
    """One customer and one survey: sent, to be sent, or blocked by a rule (``reason``, with its figures)."""

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to be sent"
        SENT = "sent", "Sent"
        BOUNCED = "bounced", "Bounced"
        COMPLETED = "completed", "Answered"
        FAILED = "failed", "Could not be sent"
        BLOCKED = "blocked", "Not asked"
        CANCELLED = "cancelled", "Cancelled"

    batch = models.UUIDField()
    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=10, default="email")
    language = models.CharField(max_length=10, blank=True)
    kind = models.CharField(max_length=13)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=40, blank=True)
    decision = models.JSONField(default=dict)
    probability = models.FloatField(default=1.0)
    send_at = models.DateTimeField(default=now)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now)
    sent_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "state", "send_at"], name="invitation_due"),
            models.Index(fields=["tenant", "survey", "-created_at", "-id"], name="invitation_survey"),
            models.Index(fields=["tenant", "customer", "-created_at"], name="invitation_customer"),
        ]


class LinkEvent(TenantModel):
    """Somebody, or a mail scanner, opened an invitation's link. No score ever reads these rows."""

    invitation = TenantForeignKey(Invitation, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8)
    score = models.SmallIntegerField(null=True)
    agent = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "invitation", "at"], name="link_event_invitation")]


class Suppression(TenantModel):
    """An address that is never mailed again, whatever queued the mail."""

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        BOUNCE = "bounce", "Bounced"
        COMPLAINT = "complaint", "Complained"
        OPT_OUT_WORD = "opt_out_word", "Answered with an opt-out word"
        MANUAL = "manual", "Added by hand"

    email = models.EmailField()
    reason = models.CharField(max_length=12, choices=Reason.choices)
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "email"], name="suppression_email")]


class MailboxMessage(models.Model):
    """A mail kept in the built-in mailbox, where no mail server is configured. Global: sign-in mails have no tenant."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, null=True, related_name="+")
    to = models.TextField()
    subject = models.CharField(max_length=400)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["organization", "-created_at"], name="mailbox_recent")]
