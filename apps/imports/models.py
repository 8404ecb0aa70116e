"""Long work on files, as rows with progress: imports and exports."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.timezone import now

from cxm.fields import TenantForeignKey
from cxm.models import TenantModel


class Job(TenantModel):
    """What imports and exports share: who asked, how far it is, and the lease of the worker that has it."""

    class State(models.TextChoices):
        DRAFT = "draft", "Columns to be chosen"
        QUEUED = "queued", "Waiting"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

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

    class Meta:
        abstract = True


class ImportJob(Job):
    """Rows of a file on their way in; refused ones are kept with line and reason."""

    survey = TenantForeignKey("surveys.Survey", models.PROTECT, null=True, blank=True, related_name="+")
    filename = models.CharField(max_length=255)
    file = models.CharField(max_length=200)
    mapping = models.JSONField(default=dict)
    dry_run = models.BooleanField(default=False)
    position = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["tenant", "state", "created_at"], name="import_due")]


class RefusedRow(TenantModel):
    """A row that could not be taken: its line in the file, the reason, and the row as it stood there."""

    job = TenantForeignKey(ImportJob, models.CASCADE, related_name="+")
    line = models.PositiveIntegerField()
    reason = models.CharField(max_length=400)
    cells = models.JSONField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "job", "line"], name="refused_row_line")]


class ExportJob(Job):
    """Exactly what a filter shows, on its way into a file."""

    format = models.CharField(max_length=4)
    filters = models.JSONField(default=dict)
    file = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [models.Index(fields=["tenant", "state", "created_at"], name="export_due")]
