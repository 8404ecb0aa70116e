"""Through whom an organisation's messages leave, and what those providers report back."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Provider(TenantModel):
    """An account at a provider of mail or text messages, or the local one for trying out.

    ``credentials`` are encrypted at rest and never shown again. What the provider sends back comes to an address that
    holds this row's token, and is believed only with the provider's own signature. ``per_second`` and ``per_day`` are
    what the provider allows; 0 means without a limit of ours.
    """

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        SMS = "sms", "Text messages"

    kind = models.CharField(max_length=5, choices=Kind.choices)
    backend = models.CharField(max_length=30)
    name = models.CharField(max_length=120)
    sender = models.CharField(max_length=254, blank=True)
    credentials = models.TextField(blank=True)
    per_second = models.PositiveIntegerField(default=0)
    per_day = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    last_event_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "kind"], condition=models.Q(is_active=True), name="provider_in_use"
            )
        ]

    def __str__(self) -> str:
        return self.name


class DeliveryReport(TenantModel):
    """What a provider reported of one message, or what somebody wrote back. The same report is stored once.

    ``message_id`` is the provider's; ``reference`` is ours (the invitation's id), where the provider hands back what we
    sent along or the reply came to an address of our making. ``address`` (e-mail in lower case, or a phone number as
    customers have it) and ``text`` are kept until the report was acted on, then only what happened.
    """

    class Kind(models.TextChoices):
        DELIVERED = "delivered", "Delivered"
        BOUNCED = "bounced", "Bounced"
        DEFERRED = "deferred", "Deferred"
        COMPLAINED = "complained", "Marked as spam"
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        REPLIED = "replied", "Replied"
        FAILED = "failed", "Failed"

    provider = TenantForeignKey(Provider, models.CASCADE, related_name="reports")
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    message_id = models.CharField(max_length=200, blank=True)
    reference = models.UUIDField(null=True)
    address = models.CharField(max_length=254, blank=True)
    text = models.CharField(max_length=400, blank=True)
    code = models.CharField(max_length=80, blank=True)
    happened_at = models.DateTimeField()
    received_at = models.DateTimeField(default=now)
    handled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "provider", "event_id"], name="delivery_report_once")]
        indexes = [models.Index(fields=["tenant", "-received_at", "-id"], name="delivery_report_recent")]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class LocalMessage(TenantModel):
    """A text message that the local provider kept instead of sending it, to be read on a page."""

    provider = TenantForeignKey(Provider, models.CASCADE, related_name="+")
    to = models.CharField(max_length=40)
    text = models.TextField()
    incoming = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="local_message_recent")]

    def __str__(self) -> str:
        return self.to
