"""Who was asked, who was not and why; who must not be asked; and the built-in mailbox."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.touchpoints.models import Channel
from cxm.fields import TenantForeignKey
from cxm.ids import uuid7
from cxm.models import TenantModel


class SendPlan(TenantModel):
    """How a survey reaches people over time: whom, by which channel, how many a day, reminded when, stopped when.

    The audience is a segment's members as they are at each run (``segment_id``), or whoever lives through an event
    (``trigger``: ``{"event", "where"}``, asked ``delay_minutes`` later), or members of the organisation (surveys for
    employees: ``unit`` and below, everybody without one). A plan with a segment or members is run when ``next_run_at``
    has come: it decides over the next people, in random order, and queues invitations; ``leased_until`` keeps two
    planners apart. Nobody is considered twice by one plan, unless ``repeat_days`` says after how many days again.

    ``quota`` answers ``quota_period`` are wanted, and no more than that is asked for; ``sample_percent`` of the people
    are considered at all. ``stop_bounce_percent`` and ``stop_complaint_percent`` of what was sent (from 50 mails on)
    stop the plan, and so does ``ends_at``. ``texts`` holds the organisation's own words by language, as Liquid
    templates: ``{"en": {"subject", "opening", "reminder_subject", "reminder_opening"}}``.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Sending"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Finished"
        STOPPED = "stopped", "Stopped"

    class Period(models.TextChoices):
        TOTAL = "total", "In all"
        WEEK = "week", "A week"
        MONTH = "month", "A month"

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    reason = models.CharField(max_length=40, blank=True)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.EMAIL)
    segment_id = models.UUIDField(null=True)
    trigger = models.JSONField(null=True)
    delay_minutes = models.PositiveIntegerField(default=0)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, related_name="+")
    starts_at = models.DateTimeField(default=now)
    ends_at = models.DateTimeField(null=True)
    per_day = models.PositiveIntegerField(null=True)
    repeat_days = models.PositiveIntegerField(null=True)
    sample_percent = models.FloatField(default=100.0)
    quota = models.PositiveIntegerField(null=True)
    quota_period = models.CharField(max_length=5, choices=Period.choices, default=Period.TOTAL)
    reminder_days = models.JSONField(default=list)
    stop_bounce_percent = models.FloatField(default=10.0)
    stop_complaint_percent = models.FloatField(default=0.5)
    ignore_new_customer_wait = models.BooleanField(default=False)
    reply_to = models.EmailField(blank=True)
    texts = models.JSONField(default=dict)
    next_run_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "next_run_at"], condition=models.Q(state="active"), name="send_plan_due"),
            models.Index(fields=["tenant", "survey", "-created_at"], name="send_plan_recent"),
        ]

    def __str__(self) -> str:
        return self.name


class InvitationBatch(TenantModel):
    """One act of sending a survey: by whom, to how many, and with which words of the organisation's own.

    ``eligible`` and ``blocked`` (rule -> number of customers) are what was decided when it was made. The runs of a
    plan are batches of it; those without one were sent by hand.
    """

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+")
    plan = TenantForeignKey(SendPlan, models.PROTECT, null=True, related_name="batches")
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

    The row is the queue: QUEUED rows whose time has come are claimed with a lease (``leased_until``) and sent, and SENT
    rows once more, as a reminder under the same link, when ``remind_at`` has come. All but blocked, failed and
    cancelled rows are the customer's ledger of contact frequency, whatever the channel.

    ``experienced_at`` and ``interaction_id`` are of the experience that is asked about, where an event led to the
    question; ``attributes`` are what the answer inherits of it (the agent, the order). A survey for employees asks a
    ``member`` instead of a customer, and ``unit`` is the member's team.
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
    survey = TenantForeignKey("surveys.Survey", models.PROTECT, related_name="+", db_index=False)
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+", db_index=False)
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
    plan = TenantForeignKey(SendPlan, models.PROTECT, null=True, related_name="invitations", db_index=False)
    member = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", db_index=False)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, related_name="+", db_index=False)
    experienced_at = models.DateTimeField(null=True)
    interaction_id = models.UUIDField(null=True)
    attributes = models.JSONField(default=dict)
    remind_at = models.DateTimeField(null=True)
    reminders_sent = models.PositiveSmallIntegerField(default=0)
    reminded_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    provider_id = models.UUIDField(null=True)
    provider_message_id = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            # One experience leads to one question of a plan, however often its event is heard.
            models.UniqueConstraint(
                fields=["tenant", "plan", "interaction_id"],
                condition=models.Q(interaction_id__isnull=False),
                name="invitation_experience",
            ),
        ]
        indexes = [
            models.Index(
                fields=["tenant", "remind_at"],
                condition=models.Q(state="sent", remind_at__isnull=False),
                name="invitation_reminder_due",
            ),
            models.Index(
                fields=["tenant", "plan", "customer"], condition=models.Q(plan__isnull=False), name="invitation_plan"
            ),
            models.Index(
                fields=["tenant", "provider_message_id"],
                condition=~models.Q(provider_message_id=""),
                name="invitation_provider",
            ),
            # How much a provider took today, where it has a limit.
            models.Index(
                fields=["tenant", "provider_id", "sent_at"],
                condition=models.Q(provider_id__isnull=False),
                name="invitation_provider_day",
            ),
            models.Index(
                fields=["tenant", "member", "-send_at"],
                condition=models.Q(member__isnull=False),
                name="invitation_member",
            ),
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
    """Somebody who is never written to again, whatever queued it: an e-mail address, a phone number (as
    ``Customer.phone`` holds it), or a customer who has neither here.

    An entry that is lifted stays, with the reason: it is history, and in force no more. Of a person who was erased
    only ``digest`` stays, a keyed hash of the address or number: enough to recognise it when it comes again, not to
    read it.
    """

    class Reason(models.TextChoices):
        UNSUBSCRIBED = "unsubscribed", "Unsubscribed"
        BOUNCE = "bounce", "Bounced"
        COMPLAINT = "complaint", "Complained"
        OPT_OUT_WORD = "opt_out_word", "Answered with an opt-out word"
        MANUAL = "manual", "Added by hand"

    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
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
                condition=models.Q(email="", phone="", lifted_at=None),
                name="suppression_customer",
            ),
            models.UniqueConstraint(
                fields=["tenant", "phone"],
                condition=~models.Q(phone="") & models.Q(lifted_at=None),
                name="suppression_phone",
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
