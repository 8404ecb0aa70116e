"""Surveys, their frozen versions, and the answers."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from apps.touchpoints.models import Channel
from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Survey(TenantModel):
    """A survey: a draft definition, and the published version that respondents see.

    It takes no answers from ``closes_at`` on, nor once it has ``answer_limit`` submitted ones.
    """

    class Kind(models.TextChoices):
        NPS = "nps", "NPS"
        CSAT = "csat", "CSAT"
        CES = "ces", "CES"
        CUSTOM = "custom", "Custom"

    class Audience(models.TextChoices):
        CUSTOMERS = "customers", "Customers"
        EMPLOYEES = "employees", "Employees"

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        LIVE = "live", "Live"
        CLOSED = "closed", "Closed"

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=80)
    kind = models.CharField(max_length=6, choices=Kind.choices)
    relationship = models.BooleanField(default=False)
    anonymous = models.BooleanField(default=False)
    audience = models.CharField(max_length=9, choices=Audience.choices, default=Audience.CUSTOMERS)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, null=True, blank=True, related_name="+")
    languages = models.JSONField(default=list)
    definition = models.JSONField(default=dict)
    state = models.CharField(max_length=6, choices=State.choices, default=State.DRAFT)
    current_version = models.PositiveIntegerField(null=True, blank=True)
    closes_at = models.DateTimeField(null=True, blank=True)
    answer_limit = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "slug"], name="survey_slug")]
        indexes = [models.Index(fields=["tenant", "created_at", "id"], name="survey_recent")]

    def __str__(self) -> str:
        return self.name


class DraftStep(TenantModel):
    """The draft as it was after one edit: what undo and redo walk along. ``number`` counts up; only the last are kept.

    Of the steps of a survey one is ``current``; those after it were undone and go with the next edit.
    """

    survey = TenantForeignKey(Survey, models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    current = models.BooleanField(default=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    made_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "survey", "number"], name="draft_step_number")]

    def __str__(self) -> str:
        return f"{self.survey_id} step {self.number}"


class SurveyVersion(TenantModel):
    """What was published: never changed afterwards."""

    survey = TenantForeignKey(Survey, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField()
    published_at = models.DateTimeField(default=now)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "survey", "number"], name="survey_version_number")]

    def __str__(self) -> str:
        return f"{self.survey_id} v{self.number}"


class Response(TenantModel):
    """One person's answers to one survey.

    ``score`` is the answer to the survey's headline question (``score_question``, of ``metric`` on ``scale`` points);
    ``comment`` is the first open answer; ``day`` is the date of the experience in the organisation's time zone.
    An answer to an anonymous survey has neither customer nor invitation. Every index costs each answer its upkeep, so
    the foreign keys have none of their own: lists read by time, by survey and day, or by customer.
    """

    class State(models.TextChoices):
        PARTIAL = "partial", "Partial"
        PROVISIONAL_DWELL = "provisional_dwell", "Provisional: dwell"
        PROVISIONAL_INTERACTION = "provisional_interaction", "Provisional: interaction"
        SUBMITTED = "submitted", "Submitted"

    survey = TenantForeignKey(Survey, models.PROTECT, related_name="+", db_index=False)
    version = models.PositiveIntegerField()
    customer = TenantForeignKey("customers.Customer", models.SET_NULL, null=True, related_name="+", db_index=False)
    invitation_id = models.UUIDField(null=True)
    touchpoint = TenantForeignKey("touchpoints.Touchpoint", models.PROTECT, null=True, related_name="+", db_index=False)
    channel = models.CharField(max_length=10, choices=Channel.choices, default=Channel.OTHER)
    unit = TenantForeignKey("organizations.Unit", models.SET_NULL, null=True, related_name="+", db_index=False)
    language = models.CharField(max_length=16, blank=True)
    answers = models.JSONField(default=dict)
    score = models.SmallIntegerField(null=True)
    score_question = models.CharField(max_length=64, blank=True)
    metric = models.CharField(max_length=4, blank=True)
    scale = models.SmallIntegerField(null=True)
    comment = models.TextField(blank=True)
    state = models.CharField(max_length=23, choices=State.choices, default=State.SUBMITTED)
    contact_ok = models.BooleanField(default=False)
    occurred_at = models.DateTimeField()
    day = models.DateField()
    recorded_at = models.DateTimeField(default=now)
    updated_at = models.DateTimeField(default=now)
    source = models.CharField(max_length=12, default="api")
    source_id = models.CharField(max_length=200, null=True)
    import_id = models.UUIDField(null=True)
    attributes = models.JSONField(default=dict)
    flags = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "survey", "source_id"],
                condition=models.Q(source_id__isnull=False),
                name="response_source_id",
            ),
            models.UniqueConstraint(
                fields=["tenant", "invitation_id"],
                condition=models.Q(invitation_id__isnull=False),
                name="response_invitation",
            ),
        ]
        indexes = [
            # Also what scores under free filters are counted from: they read the index and not the rows.
            models.Index(
                fields=["tenant", "-occurred_at", "-id"],
                include=[
                    "day",
                    "survey",
                    "touchpoint",
                    "unit",
                    "customer",
                    "metric",
                    "scale",
                    "score",
                    "channel",
                    "state",
                ],
                name="response_by_time",
            ),
            models.Index(fields=["tenant", "survey", "day"], name="response_bucket"),
            models.Index(
                fields=["tenant", "customer", "-occurred_at", "-id"],
                condition=models.Q(customer__isnull=False),
                name="response_customer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.score_question}: {self.score}" if self.score is not None else str(self.id)


class ResponseRevision(TenantModel):
    """What an answer said before it was changed: the last write wins, and nothing is lost."""

    response = TenantForeignKey(Response, models.CASCADE, related_name="revisions")
    answers = models.JSONField()
    score = models.SmallIntegerField(null=True)
    state = models.CharField(max_length=23, choices=Response.State.choices)
    occurred_at = models.DateTimeField()
    replaced_at = models.DateTimeField(default=now)


class ResponseFile(TenantModel):
    """A file that a respondent gave as the answer to a question.

    ``response`` is empty until the answer is there; files that nobody sent off are removed after a day. ``path`` names
    it in the storage of uploads: random, never what the respondent called it.
    """

    survey = TenantForeignKey(Survey, models.CASCADE, related_name="+")
    response = TenantForeignKey(Response, models.CASCADE, null=True, related_name="files")
    question = models.CharField(max_length=64)
    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField()
    path = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=now)

    class Meta:
        indexes = [
            models.Index(
                fields=["tenant", "created_at"], condition=models.Q(response__isnull=True), name="response_file_loose"
            )
        ]

    def __str__(self) -> str:
        return self.name
