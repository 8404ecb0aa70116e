"""Maps in and out through the API, and the templates a map can start from."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.journeys import queries
from apps.journeys.documents import LAYOUTS
from apps.journeys.exchange import read_document, read_file, read_pasted
from apps.journeys.exports import FORMS, TYPES, export_map
from apps.journeys.live_api import FILTER_PARAMETERS, read_version
from apps.journeys.models import Journey
from apps.journeys.services.exchanging import Plan, Taken, import_map, plan_import
from apps.journeys.starting import map_templates
from apps.journeys.stickies import ReadMap
from cxm.api.parsers import SafeJsonParser, UploadParser, parse_json
from cxm.api.problems import BadBody
from cxm.api.requests import ApiRequest
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer
from cxm.api.viewsets import ApiView, one_transaction
from cxm.errors import DomainError
from cxm.ids import parse_uuid

MAPPED = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "Where the cards of each lane go, by the name they carry: a lane, or “-” to leave them out.",
}
IMPORT_REQUEST: dict[str, Any] = {
    "type": "object",
    "properties": {
        "document": {"type": "object", "description": "JSON as `export/?format=json` gives it, or a map's own body."},
        "text": {"type": "string", "description": "Cells between tabs, or lines such as “Pain points: waits”."},
        "name": {"type": "string", "description": "Of a new map."},
        "journey": {"type": ["string", "null"], "format": "uuid", "description": "The map to add to; null: a new one."},
        "lanes": MAPPED,
        "create_touchpoints": {"type": "boolean", "description": "Add unknown touchpoints to the library."},
        "dry_run": {"type": "boolean", "description": "Only say what was understood."},
    },
}


@extend_schema_serializer(component_name="MapImport")
class ImportRequestSerializer(TenantSerializer):
    """The multipart form of an import."""

    file = serializers.FileField()
    name = serializers.CharField(required=False)
    journey = serializers.UUIDField(required=False)
    lanes = serializers.CharField(required=False, help_text="As JSON.")
    create_touchpoints = serializers.BooleanField(required=False)
    dry_run = serializers.BooleanField(required=False)


@extend_schema_serializer(component_name="RefusedLine")
class RefusedSerializer(TenantSerializer):
    """Something that was not taken."""

    where = serializers.CharField()
    text = serializers.CharField()
    reason = serializers.CharField()


class ImportOutcomeSerializer(TenantSerializer):
    """What was read and, unless it was a dry run, done."""

    journey = serializers.UUIDField(allow_null=True)
    read_as = serializers.CharField(help_text="json, grid, list or lines.")
    stages = serializers.IntegerField()
    steps = serializers.IntegerField()
    cards = serializers.IntegerField()
    lanes = serializers.DictField(child=serializers.IntegerField())
    created_touchpoints = serializers.ListField(child=serializers.CharField())
    unknown_touchpoints = serializers.ListField(child=serializers.CharField())
    refused = RefusedSerializer(many=True)


def _outcome(read: ReadMap, plan: Plan, taken: Taken | None) -> dict[str, Any]:
    return {
        "journey": taken.journey.pk if taken else None,
        "read_as": read.source,
        "stages": len(read.stages),
        "steps": len(read.steps),
        "cards": taken.cards if taken else read.cards,
        "lanes": read.lanes,
        "created_touchpoints": [row.key for row in taken.created] if taken else [],
        "unknown_touchpoints": taken.left_out if taken else [name for _key, name in plan.unknown],
        "refused": [{"where": each.where, "text": each.text, "reason": each.reason} for each in read.refused],
    }


def _read(request: Request) -> tuple[ReadMap, dict[str, Any]]:
    """What was sent as a file, a text or a document, and the other fields. Raises BadBody, DomainError."""
    upload = request.FILES.get("file")
    if upload is not None and isinstance(request.data, Mapping):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "upload"
            with path.open("wb") as file:
                for chunk in upload.chunks():
                    file.write(chunk)
            read = read_file(path, upload.name or "")
        fields = {name: value for name, value in request.data.items() if name != "file"}
        for name in ("create_touchpoints", "dry_run"):
            fields[name] = str(fields.get(name, "")).strip().lower() in ("1", "true", "yes", "on")
        if isinstance(fields.get("lanes"), str):
            fields["lanes"] = parse_json(fields["lanes"].encode("utf-8", "replace")) if fields["lanes"].strip() else {}
        return read, fields
    body = request.data
    if not isinstance(body, dict):
        raise BadBody(_("Send a JSON object."), code="not_an_object")
    if body.get("text") is not None:
        return read_pasted(body["text"]), body
    if body.get("document") is not None:
        return read_document(body["document"]), body
    raise DomainError(_("Send a document, a text, or a file in a multipart form."), field="document", code="required")


def _lanes(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(lane, str) for lane in value.values()):
        raise DomainError(_("Send an object: the lane's name, and the lane its cards go to."), field="lanes")
    return value


def _flag(fields: dict[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise DomainError(_("Must be true or false."), field=name)
    return bool(value)


class ExchangeActions:
    """`journeys/{id}/export/` and `journeys/import/`."""

    @extend_schema(
        parameters=[
            OpenApiParameter("format", str, enum=list(TYPES), description="JSON without one."),
            OpenApiParameter("layout", str, enum=list(LAYOUTS), description="Of a PDF."),
            OpenApiParameter("form", str, enum=list(FORMS), description="Of a table: a column a step or a row a card."),
            *FILTER_PARAMETERS,
        ],
        responses={
            (200, kind.partition(";")[0]): OpenApiResponse(
                OpenApiTypes.OBJECT if kind == TYPES["json"] else OpenApiTypes.BINARY
            )
            for kind in TYPES.values()
        },
    )
    @action(detail=True, filterset_class=None)
    def export(self, request: ApiRequest, id: str) -> HttpResponseBase:
        """The map as PDF, PNG, JSON, CSV or XLSX: the draft for those who edit, or a version."""
        file = export_map(
            actor=request.actor,
            organization=request.organization,
            journey=self.get_object(),  # type: ignore[attr-defined]
            format=request.query_params.get("format") or "json",
            params=request.query_params,
            version=read_version(request.query_params.get("version", "")),
        )
        disposition = content_disposition_header(True, file.name) or "attachment"
        if file.document is not None:
            return Response(file.document, headers={"Content-Disposition": disposition})
        return HttpResponse(file.body, content_type=file.content_type, headers={"Content-Disposition": disposition})

    @extend_schema(
        request={"application/json": IMPORT_REQUEST, "multipart/form-data": ImportRequestSerializer},
        responses={200: ImportOutcomeSerializer, 201: ImportOutcomeSerializer},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        url_name="import",
        filterset_class=None,
        parser_classes=(SafeJsonParser, UploadParser),
    )
    @one_transaction
    def import_map(self, request: ApiRequest) -> Response:
        """Take a map in: 201 with what was done and what was not taken, or 200 for a dry run. All of it or nothing."""
        read, fields = _read(request)
        journey = _journey(request, fields.get("journey"))
        lanes, create = _lanes(fields.get("lanes")), _flag(fields, "create_touchpoints")
        name = fields.get("name")
        if name is not None and not isinstance(name, str):
            raise DomainError(_("Give a text here."), field="name")
        plan = plan_import(read)
        if _flag(fields, "dry_run"):
            return Response(ImportOutcomeSerializer(_outcome(read, plan, None)).data)
        taken = import_map(
            actor=request.actor, read=read, name=name or "", journey=journey, lanes=lanes, create_touchpoints=create
        )
        return Response(ImportOutcomeSerializer(_outcome(read, plan, taken)).data, status=201)


def _journey(request: ApiRequest, value: object) -> Journey | None:
    if value is None or value == "":
        return None
    pk = parse_uuid(value)
    if pk is None:
        raise DomainError(_("Is not an id."), field="journey")
    return queries.journey_for(request.actor, pk)


class JourneyTemplateSerializer(TenantSerializer):
    """A map to start from."""

    id = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    metric = serializers.CharField(source="document.metric")
    stages = serializers.ListField(child=serializers.DictField())
    touchpoints = serializers.ListField(child=serializers.DictField())


class JourneyTemplatesSerializer(TenantSerializer):
    """Every template there is, in the form of a list."""

    results = JourneyTemplateSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class JourneyTemplatesView(ApiView):
    """The catalogue of maps to start from, by industry: a short list that is always whole."""

    required_permissions: ClassVar[dict[str, str]] = {"get": "journeys.view"}

    @extend_schema(responses={200: JourneyTemplatesSerializer})
    def get(self, request: Request) -> Response:
        """Every template. Use one with `POST journeys/ {"template": id}`. Every card on it is an assumption."""
        rows = [*map_templates().values()]
        return Response({"results": JourneyTemplateSerializer(rows, many=True).data, "next": None})


def register_templates(router: ApiRouter) -> None:
    """Add the templates to the API."""
    router.register_view("journey-templates/", JourneyTemplatesView, name="journey-templates")
