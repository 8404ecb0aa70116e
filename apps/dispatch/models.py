"""Who was asked, who was not and why; who must not be asked; and the built-in mailbox."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.touchpoints.models import Channel
from cxm.fields import TenantForeignKey
from cxm.ids import uuid7
from cxm.models import TenantModel


class InvitationBatch(TenantModel):
    """One act of sending a survey: by whom, to how many, and with which words of the organisation's own.

    ``eligible`` and ``blocked`` (rule -> number of customers) are what was decided when it was made.
    """

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    subject = models.CharField(max_length=200, blank=True)
    opening = models.TextField(blank=True)
    reply_to = models.EmailField(blank=True)
    send_at = models.DateTimeField(default=now)
    ignore_new_customer_wait = models.BooleanField(default=False)
    eligible = models.PositiveIntegerField(default=0)
    blocked = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)

    class Meta:
        indexes = [models.Index(fields=["tenant", "survey", "-created_at"], name="invitation_batch_recent")]


class Invitation(TenantModel):
    """One customer and one survey: sent, to be sent, or blocked by a rule (``reason``, with its figures).

    The row is the queue: QUEUED rows whose time has come are claimed with a lease (``leased_until``) and sent. All
    but blocked, failed and cancelled rows are the customer's ledger of contact frequency.
    """

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to be sent"
        SENT = "sent", "Sent"
        BOUNCED = "bounced", "Bounced"
        COMPLETED = "completed", "Answered"
        FAILED = "failed", "Could not be sent"
        BLOCKED = "blocked", "Not asked"
        CANCELLED = "cancelled", "Cancelled"

    batch = TenantForeignKey(InvitationBatch, models.CASCADE, related_name="invitations")
    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    language = models.CharField(max_length=10, blank=True)
    kind = models.CharField(max_length=13)
    state = models.CharField(max_length=9, choices=State.choices, default=State.QUEUED)
    reason = models.CharField(max_length=40, blank=True)
    decision = models.JSONField(default=dict)
    probability = models.FloatField(default=1.0)
    send_at = models.DateTimeField(default=now)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=now, editable=False)
    sent_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "send_at"], condition=models.Q(state="queued"), name="invitation_due"),
            models.Index(fields=["tenant", "survey", "-created_at", "-id"], name="invitation_survey"),
            models.Index(fields=["tenant", "customer", "-send_at"], name="invitation_ledger"),
        ]


class LinkEvent(TenantModel):
    """Somebody, or a mail scanner, opened an invitation's link. No score ever reads these rows."""

    class Kind(models.TextChoices):
        GET = "get", "Opened"
        HEAD = "head", "Probed"
        PREFILL = "prefill", "Opened with a score chosen"

    class Agent(models.TextChoices):
        BROWSER = "browser", "Browser"
        HEADLESS = "headless", "Automated browser"
        PROGRAM = "program", "Program"
        UNKNOWN = "unknown", "Unknown"

    invitation = TenantForeignKey(Invitation, models.CASCADE, related_name="link_events")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    score = models.SmallIntegerField(null=True)
    agent = models.CharField(max_length=8, choices=Agent.choices, default=Agent.UNKNOWN)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "invitation", "at"], name="link_event_invitation")]


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    """Entries of the list, those that were lifted included until one says otherwise."""

    def in_force(self) -> SuppressionQuerySet:
        """Only what was not lifted."""
        return self.filter(lifted_at=None)


class Suppression(TenantModel):
    """Somebody who is never mailed again, whatever queued the mail: an address, or a customer who has none here.

    An entry that is lifted stays, with the reason: it is history, and in force no more. Of a person who was erased
    only ``digest`` stays, a keyed hash of the address: enough to recognise it when it comes again, not to read it.
    """

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        BOUNCE = "bounce", "Bounced"
        COMPLAINT = "complaint", "Complained"
        OPT_OUT_WORD = "opt_out_word", "Answered with an opt-out word"
        MANUAL = "manual", "Added by hand"

    email = models.EmailField(blank=True)
    digest = models.CharField(max_length=64, blank=True, editable=False)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    note = models.CharField(max_length=200, blank=True)
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)
    lifted_at = models.DateTimeField(null=True)
    lifted_because = models.CharField(max_length=200, blank=True)
    lifted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    objects = models.Manager.from_queryset(SuppressionQuerySet)()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=~models.Q(email="") & models.Q(lifted_at=None),
                name="suppression_email",
            ),
            models.UniqueConstraint(
                fields=["tenant", "customer"],
                condition=models.Q(email="", lifted_at=None),
                name="suppression_customer",
            ),
            models.UniqueConstraint(
                fields=["tenant", "digest"],
                condition=~models.Q(digest="") & models.Q(lifted_at=None),
                name="suppression_digest",
            ),
        ]
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="suppression_recent")]


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
        indexes = [models.Index(fields=["organization", "-created_at", "-id"], name="mailbox_recent")]
