"""What customers do, over all channels: events of other systems, and touches that colleagues write down."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.channels import Channel
from cxm.fields import TenantForeignKey
from cxm.models import TenantModel
from cxm.partitions import PartitionedIdField


class Activity(TenantModel):
    """A commercial activity: a campaign, an event, a series of calls. What it led to is measured over its touches.

    ``success_event`` and ``success_where`` say what counts as conversion within ``window_days`` after the first touch.
    """

    class Kind(models.TextChoices):
        CAMPAIGN = "campaign", _("Campaign")
        EVENT = "event", _("Event")
        CALLS = "calls", _("Outbound calls")
        MEETINGS = "meetings", _("One-to-one meetings")

    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.OTHER)
    description = models.TextField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    starts_on = models.DateField(null=True, blank=True)
    ends_on = models.DateField(null=True, blank=True)
    success_event = models.CharField(max_length=200, blank=True)
    success_where = models.JSONField(default=dict, blank=True)
    window_days = models.PositiveSmallIntegerField(default=30)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "activities"
        indexes = [models.Index(fields=["tenant", "-created_at", "-id"], name="activity_recent")]

    def __str__(self) -> str:
        return self.name


class Interaction(TenantModel):
    """One thing that a customer did or that was done with one, filed under its own time: ``id`` is made of it.

    ``customer`` is always the person, never a merged record. ``identity_id`` is what it came under, and what it
    follows when people are joined or parted: the Customer record of a user id, or a CustomerIdentifier. An event of
    an anonymous visitor has no customer yet.
    ``is_time_received``: its own time could not be believed, so that of the receipt stands in ``occurred_at``.
    """

    class Kind(models.TextChoices):
        EVENT = "event", _("Event")
        PAGE = "page", _("Page view")
        SCREEN = "screen", _("Screen view")
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        VISIT = "visit", _("Visit")
        ATTENDANCE = "attendance", _("Event attended")
        MESSAGE = "message", _("Message")
        NOTE = "note", _("Note")

    class Source(models.TextChoices):
        INGEST = "ingest", _("Event interface")
        IMPORT = "import", _("Import")
        API = "api", _("API")
        HAND = "hand", _("By hand")

    id = PartitionedIdField()
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+", db_index=False)
    identity_id = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.EVENT)
    event = models.CharField(max_length=200)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.OTHER)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, related_name="+", db_index=False)
    activity = TenantForeignKey(Activity, models.SET_NULL, null=True, related_name="+", db_index=False)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=now)
    is_time_received = models.BooleanField(default=False)
    properties = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    source = models.CharField(max_length=6, choices=Source.choices, default=Source.INGEST)
    import_id = models.UUIDField(null=True)

    class Meta:
        indexes = [
            # ids sort by time: these serve timelines, counts of an event in a window, and what follows an identifier
            models.Index(
                fields=["tenant", "customer", "id"],
                condition=models.Q(customer__isnull=False),
                name="interaction_customer",
            ),
            models.Index(fields=["tenant", "event", "id"], include=["customer"], name="interaction_event"),
            models.Index(
                fields=["tenant", "identity_id", "id"],
                condition=models.Q(customer__isnull=True, identity_id__isnull=False),
                name="interaction_unattached",
            ),
            models.Index(
                fields=["tenant", "activity", "id"],
                condition=models.Q(activity__isnull=False),
                name="interaction_activity",
            ),
            models.Index(
                fields=["tenant", "import_id"], condition=models.Q(import_id__isnull=False), name="interaction_import"
            ),
        ]

    def __str__(self) -> str:
        return self.event


class InteractionKey(TenantModel):
    """That a message came: ``id`` is a digest of its source and its own id, so that it counts once whenever it returns.

    A unique key over the message's id is not possible on a table that is partitioned by time (docs/tenancy.md).
    """

    interaction_id = models.UUIDField(null=True)


class RefusedMessage(TenantModel):
    """A message of the event interface that was not taken, for whoever looks why. Holds no personal value."""

    kind = models.CharField(max_length=20, blank=True)
    event = models.CharField(max_length=200, blank=True)
    message_id = models.CharField(max_length=200, blank=True)
    field = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=300)
    library = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        indexes = [models.Index(fields=["tenant", "-at", "-id"], name="refused_message_recent")]
