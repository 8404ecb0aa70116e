"""``imports/`` and ``exports/``: long work on files, asked for with 202 and watched."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import FileResponse, Http404, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.imports import exports, queries, services
from apps.imports.kinds import KINDS
from apps.imports.models import ExportJob, ImportJob
from apps.imports.views import CONTENT_TYPES
from apps.segments.models import Segment
from apps.surveys.models import Survey
from cxm.api.parsers import SafeJsonParser, UploadParser
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ReadOnlyTenantViewSet
from cxm.errors import DomainError
from cxm.exports import export_kinds
from cxm.ids import parse_uuid
from cxm.spreadsheets import csv_lines

PUBLIC_STATES: dict[str, str] = {
    ImportJob.State.DRAFT: "queued",
    ImportJob.State.UNDOING: "done",
    ImportJob.State.UNDONE: "done",
}
"""Whether an import is being undone, or was, stands in ``undo``."""


UNDO_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "possible": {"type": "boolean"},
        "state": {"type": ["string", "null"], "enum": ["running", "done", None]},
        "percent": {"type": "integer"},
        "kept": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "n": {"type": "integer"}},
                "required": ["code", "message", "n"],
            },
        },
    },
    "required": ["possible", "state", "percent", "kept"],
}


class JobSerializer(TenantSerializer):
    """What imports and exports share."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.CharField(read_only=True)
    state = serializers.SerializerMethodField()
    percent = serializers.IntegerField(read_only=True)
    rows = serializers.IntegerField(read_only=True)
    error = serializers.SerializerMethodField()
    created_at = UtcDateTimeField(read_only=True)
    finished_at = UtcDateTimeField(read_only=True, allow_null=True)

    def get_state(self, job: ImportJob | ExportJob) -> str:
        return PUBLIC_STATES.get(job.state, job.state)

    def get_error(self, job: ImportJob | ExportJob) -> str:
        return job.error or (_("It was stopped.") if job.state == ImportJob.State.STOPPED else "")


class ImportSerializer(JobSerializer):
    """An import and how far it is."""

    filename = serializers.CharField(read_only=True)
    survey = serializers.UUIDField(source="survey_id", read_only=True, allow_null=True)
    segment = serializers.UUIDField(source="segment_id", read_only=True, allow_null=True)
    members = serializers.CharField(read_only=True)
    dry_run = serializers.BooleanField(read_only=True)
    accepted = serializers.IntegerField(read_only=True)
    refused = serializers.IntegerField(read_only=True)
    refused_file = serializers.SerializerMethodField()
    created = serializers.IntegerField(read_only=True)
    updated = serializers.IntegerField(read_only=True)
    seconds_left = serializers.SerializerMethodField()
    undo = serializers.SerializerMethodField()

    def get_seconds_left(self, job: ImportJob) -> int | None:
        return queries.seconds_left(job)

    @extend_schema_field(UNDO_SCHEMA)
    def get_undo(self, job: ImportJob) -> dict[str, Any]:
        states: dict[str, str] = {ImportJob.State.UNDOING: "running", ImportJob.State.UNDONE: "done"}
        return {
            "possible": services.can_be_undone(job),
            "state": states.get(job.state),
            "percent": job.percent if job.state in states else 0,
            "kept": queries.what_stayed(job),
        }

    def get_refused_file(self, job: ImportJob) -> str | None:
        if not job.refused:
            return None
        return self.context["view"].reverse_action("refused-file", args=[job.pk])


class ImportRequestSerializer(serializers.Serializer[Any]):
    """The multipart form of an import."""

    file = serializers.FileField()
    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in KINDS])
    mapping = serializers.CharField(help_text="JSON, as in “Imports (CSV, XLSX)”")
    survey = serializers.CharField(required=False, help_text="For responses and totals")
    segment = serializers.CharField(required=False, help_text="For segment_members: a static one")
    members = serializers.ChoiceField(required=False, choices=[(m, m) for m in ImportJob.Members.values])
    dry_run = serializers.BooleanField(required=False, default=False)


class ImportViewSet(ReadOnlyTenantViewSet):
    """Customers, interactions, answers, members of segments and past results from CSV and XLSX files."""

    serializer_class = ImportSerializer
    parser_classes = (UploadParser,)
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "imports.run",
        "retrieve": "imports.run",
        "create": "imports.run",
        "stop": "imports.run",
        "import_checked": "imports.run",
        "undo": "imports.run",
        "refused_file": "imports.run",
    }

    def get_queryset(self) -> Any:
        return queries.imports_of(self.request.actor)

    @extend_schema(request={"multipart/form-data": ImportRequestSerializer}, responses={202: ImportSerializer})
    def create(self, request: Request) -> Response:
        """Start an import: 202, and the job to watch."""
        form: Any = request.data
        upload = request.FILES.get("file")
        if upload is None:
            raise DomainError(
                _("Send the file in the field “file” of a multipart form."), field="file", code="required"
            )
        if "mapping" not in form:
            raise DomainError(_("Say which column is what, as JSON."), field="mapping", code="required")
        job = services.submit_import(
            actor=self.request.actor,
            kind=str(form.get("kind", "")),
            upload=upload,
            mapping=services.mapping_from_text(str(form["mapping"])),
            survey=_survey(form.get("survey")),
            segment=_segment(form.get("segment")),
            members=str(form.get("members", "")),
            dry_run=str(form.get("dry_run", "")).strip().lower() in {"1", "true", "yes", "on"},
        )
        return Response(self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED, headers=self.location(job))

    @extend_schema(request=None, responses={200: ImportSerializer})
    @action(detail=True, methods=["post"], parser_classes=(SafeJsonParser,))
    def stop(self, request: Request, id: str) -> Response:
        """Stop a queued or running import; what is in stays in."""
        return Response(self.get_serializer(services.stop_import(actor=self.request.actor, job=self.get_object())).data)

    @extend_schema(request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"], parser_classes=(SafeJsonParser,), url_path="import")
    def import_checked(self, request: Request, id: str) -> Response:
        """Import the file of a check (dry_run) with the same columns: 202, and the new job to watch."""
        job = services.import_checked_file(actor=self.request.actor, job=self.get_object())
        return Response(self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED, headers=self.location(job))

    @extend_schema(request=None, responses={202: ImportSerializer})
    @action(detail=True, methods=["post"], parser_classes=(SafeJsonParser,))
    def undo(self, request: Request, id: str) -> Response:
        """Take an import back, for seven days: 202; the job's ``undo`` says how far that is and what stayed."""
        job = services.undo_import(actor=self.request.actor, job=self.get_object())
        return Response(self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.BINARY)})
    @action(detail=True, methods=["get"], url_path="refused", url_name="refused-file")
    def refused_file(self, request: Request, id: str) -> StreamingHttpResponse:
        """The refused rows with line and reason, as CSV."""
        job = self.get_object()
        response = StreamingHttpResponse(csv_lines(queries.refused_lines(job)), content_type=CONTENT_TYPES["csv"])
        response["Content-Disposition"] = f'attachment; filename="refused-{job.pk}.csv"'
        return response


def _survey(value: object) -> Survey | None:
    if value in (None, ""):
        return None
    pk = parse_uuid(value)
    survey = Survey.objects.filter(pk=pk).first() if pk else None
    if survey is None:
        raise DomainError(_("There is no survey with this id."), field="survey", code="unknown")
    return survey


def _segment(value: object) -> Segment | None:
    if value in (None, ""):
        return None
    pk = parse_uuid(value)
    segment = Segment.objects.filter(pk=pk).first() if pk else None
    if segment is None:
        raise DomainError(_("There is no segment with this id."), field="segment", code="unknown")
    return segment


class ExportSerializer(JobSerializer):
    """An export and, once done, where its file is."""

    format = serializers.CharField(read_only=True)
    file = serializers.SerializerMethodField()

    def get_file(self, job: ExportJob) -> str | None:
        is_there = job.state == ExportJob.State.DONE and job.file
        return self.context["view"].reverse_action("file", args=[job.pk]) if is_there else None


class ExportRequestSerializer(serializers.Serializer[Any]):
    """What to export."""

    kind = serializers.CharField()
    format = serializers.ChoiceField(choices=[(name, name) for name in exports.FORMATS])
    filters = serializers.DictField(required=False)


class ExportViewSet(ReadOnlyTenantViewSet):
    """Files with exactly what a filter shows."""

    serializer_class = ExportSerializer
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "exports.run",
        "retrieve": "exports.run",
        "create": "exports.run",
        "file": "exports.run",
        "stop": "exports.run",
    }

    def get_queryset(self) -> Any:
        return queries.exports_of(self.request.actor)

    @extend_schema(request=ExportRequestSerializer, responses={202: ExportSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a file: 202, and the job to watch."""
        body = self.object_body()
        job = exports.request_export(
            actor=self.request.actor,
            kind=str(body.get("kind", "")),
            format=str(body.get("format", "")),
            filters=body.get("filters", {}),
        )
        return Response(self.get_serializer(job).data, status=status.HTTP_202_ACCEPTED, headers=self.location(job))

    @extend_schema(
        responses={(200, kind.split(";")[0]): OpenApiResponse(OpenApiTypes.BINARY) for kind in CONTENT_TYPES.values()}
    )
    @action(detail=True, methods=["get"])
    def file(self, request: Request, id: str) -> FileResponse:
        """The written file."""
        job = self.get_object()
        self.request.actor.require(export_kinds()[job.kind].permission)
        if job.state != ExportJob.State.DONE or not job.file or not exports.file_of(job).exists():
            raise Http404
        return FileResponse(exports.file_of(job).open("rb"), as_attachment=True, content_type=CONTENT_TYPES[job.format])

    @extend_schema(request=None, responses={200: ExportSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Give up a waiting or running export."""
        return Response(self.get_serializer(exports.stop_export(actor=self.request.actor, job=self.get_object())).data)


def register(router: ApiRouter) -> None:
    """Add the resources of this app to the API."""
    router.register("imports", ImportViewSet, basename="import")
    router.register("exports", ExportViewSet, basename="export")
