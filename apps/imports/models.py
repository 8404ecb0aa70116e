"""Long work on files, as rows with progress: imports and exports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Job(TenantModel):
    """What imports and exports share: who asked, how far it is, and the lease of the worker that has it.

    ``keep_until`` is when its files (and the journal of an import) go; null when there is nothing left to go.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("Columns to be chosen")
        QUEUED = "queued", _("Waiting")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        STOPPED = "stopped", _("Stopped")
        UNDOING = "undoing", _("Being undone")
        UNDONE = "undone", _("Undone")

    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    percent = models.PositiveSmallIntegerField(default=0)
    rows = models.PositiveIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)
    error = models.TextField(blank=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)
    keep_until = models.DateTimeField(null=True)

    class Meta:
        abstract = True


class ImportJob(Job):
    """Rows of a file on their way in; refused ones are kept with line and reason.

    ``table`` is what is known of the uploaded file (apps/imports/files.py). Before rows are carried in, they are put
    in order in a file of their own (``staged``), so that work goes on at byte ``offset`` after row ``position``.
    ``accepted`` counts rows, ``created`` and ``updated`` what became of them; the rest said nothing new. ``speed`` is
    in rows a second. ``undo`` holds the progress of undoing, and what stayed with how often and why.
    """

    class Members(models.TextChoices):
        ADD = "add", _("Add them to the list")
        REPLACE = "replace", _("The file is the whole list")

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, null=True, blank=True, related_name="+")
    segment = TenantForeignKey("segments.Segment", models.SET_NULL, null=True, blank=True, related_name="+")
    members = models.CharField(max_length=7, choices=Members.choices, default=Members.ADD)
    filename = models.CharField(max_length=255)
    file = models.CharField(max_length=200)
    table = models.JSONField(default=dict)
    mapping = models.JSONField(default=dict)
    dry_run = models.BooleanField(default=False)
    staged = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    offset = models.PositiveBigIntegerField(default=0)
    speed = models.FloatField(null=True)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    undo = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "state", "created_at"], name="import_due")]

    def __str__(self) -> str:
        return self.filename


class RefusedRow(TenantModel):
    """A row that could not be taken: its line in the file, the reason, and the row as it stood there."""

    job = TenantForeignKey(ImportJob, models.CASCADE, related_name="+")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=400)
    cells = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "job", "line"], name="refused_row_line")]


class ImportChange(TenantModel):
    """The journal of an import, kept as long as it can be undone: what it made, changed or removed.

    ``subject`` is the id of the customer, total, interaction or segment member. ``former`` holds what stood there
    before, null when the import made it; ``stated`` what the import put there, so that what somebody has changed since
    is left alone.
    """

    class Kind(models.TextChoices):
        CUSTOMER = "customer", _("Customer")
        INTERACTION = "interaction", _("Interaction")
        RESPONSE = "response", _("Answer")
        MEMBER = "member", _("Member of a segment")
        TOTAL = "total", _("Total of a month")

    job = TenantForeignKey(ImportJob, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=11, choices=Kind.choices)
    subject = models.UUIDField()
    former = models.JSONField(null=True)
    stated = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "job", "kind", "subject"], name="import_change_once")]
        indexes = [models.Index(fields=["tenant", "subject"], name="import_change_of")]


class ExportJob(Job):
    """Exactly what a filter shows, on its way into a file."""

    format = models.CharField(max_length=4)
    filters = models.JSONField(default=dict)
    file = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "state", "created_at"], name="export_due")]

    def __str__(self) -> str:
        return f"{self.kind}.{self.format}"
