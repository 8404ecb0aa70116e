"""`personas/`: who the customer is."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.personas import queries, services
from apps.personas.content import SECTIONS
from apps.personas.documents import TYPES, export_persona
from apps.personas.filters import PersonaFilter
from apps.personas.models import Persona, PersonaVersion
from apps.personas.sheet import people_of
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import (
    PublishSerializer,
    TenantModelSerializer,
    TenantSerializer,
    UtcDateTimeField,
    VersionNumberSerializer,
)
from cxm.api.viewsets import TenantViewSet


@extend_schema_field({"type": "array", "items": {"type": "string", "maxLength": 300}, "maxItems": 20})
class SectionField(serializers.JSONField):
    """A list of short texts; one text with an item on each line is taken too."""

    def get_attribute(self, instance: Persona) -> Any:
        return instance.fields.get(self.field_name, [])


class PersonaSerializer(TenantModelSerializer):
    """A persona's draft."""

    name = serializers.CharField(max_length=1000)
    tagline = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    quote = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    kind = serializers.ChoiceField(choices=Persona.Kind.choices, required=False)
    evidence_level = serializers.ChoiceField(choices=Persona.Evidence.choices, required=False)
    owner = serializers.UUIDField(source="owner_id", required=False, allow_null=True)
    segment = serializers.UUIDField(source="segment_id", required=False, allow_null=True)
    reason = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=1000,
        help_text="Why an anti-persona is not served.",
    )
    backing = serializers.JSONField(
        required=False, allow_null=True, help_text="What its lines rest on, a list (docs/personas.md)."
    )
    claims = serializers.JSONField(
        required=False, allow_null=True, help_text="Statements about its people that are measured (docs/personas.md)."
    )
    version = serializers.IntegerField(source="published_version", read_only=True, allow_null=True)

    class Meta:
        model = Persona
        fields = (
            "id",
            "name",
            "tagline",
            "kind",
            "evidence_level",
            "quote",
            "reason",
            "backing",
            "owner",
            "review_date",
            "segment",
            "claims",
            "version",
            "revision",
            "archived_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "revision", "archived_at", "created_at", "updated_at")

    def get_fields(self) -> dict[str, serializers.Field]:
        """The sections stand beside the other fields; what they may hold is for the service to say."""
        sections = {section: SectionField(required=False, allow_null=True) for section in SECTIONS}
        return {**super().get_fields(), **sections}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        if "owner_id" in values:
            values["owner"] = values.pop("owner_id")
        if "segment_id" in values:
            values["segment"] = values.pop("segment_id")
        return values


class PersonaVersionSerializer(TenantModelSerializer):
    """A persona as it was published."""

    version = serializers.IntegerField(source="number")
    published_at = UtcDateTimeField()
    content = serializers.DictField()

    class Meta:
        model = PersonaVersion
        fields = ("version", "purpose", "published_at", "content")


class DriftSerializer(TenantSerializer):
    """Whether its people still match it: what is claimed and measured, and what moved since the baseline."""

    checked_at = UtcDateTimeField(allow_null=True)
    baseline_at = UtcDateTimeField(allow_null=True)
    alarm_since = UtcDateTimeField(allow_null=True)
    claims = serializers.ListField(child=serializers.DictField())
    findings = serializers.ListField(child=serializers.DictField())


class PersonaMetricsSerializer(TenantSerializer):
    """Size and scores of the people a persona describes; all null while it is bound to no segment.

    Scores are those of relationship surveys, and where none asks for a metric, of touchpoint surveys (`surveys` says
    which); null for who may not see scores.
    """

    segment = serializers.UUIDField(allow_null=True)
    size = serializers.IntegerField(allow_null=True)
    customers = serializers.IntegerField(allow_null=True)
    share = serializers.FloatField(allow_null=True, help_text="Of all customers, from 0 to 1.")
    nps = serializers.DictField(allow_null=True)
    csat = serializers.DictField(allow_null=True)
    ces = serializers.DictField(allow_null=True)
    surveys = serializers.DictField(child=serializers.CharField())
    goal_performance = serializers.DictField(allow_null=True)
    retention = serializers.DictField(allow_null=True)
    value = serializers.DictField(allow_null=True)
    drift = DriftSerializer(allow_null=True)


class PersonaApiFilter(PersonaFilter):
    """The filters of the page; archived personas are left out unless asked for."""

    archived = filters.BooleanFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Persona
        fields = ()

    def filter_queryset(self, queryset: QuerySet[Persona]) -> QuerySet[Persona]:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("archived") is not None else rows.filter(archived_at=None)


class PersonaViewSet(TenantViewSet):
    """Who the customers are, as the organisation describes them."""

    serializer_class = PersonaSerializer
    filterset_class = PersonaApiFilter
    queryset = Persona.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}
    ordering = "name"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "personas.view",
        "retrieve": "personas.view",
        "create": "personas.edit",
        "update": "personas.edit",
        "partial_update": "personas.edit",
        "destroy": "personas.edit",
        "publish": "personas.publish",
        "versions": "personas.view",
        "metrics": "personas.view",
        "export": "personas.view",
    }

    def get_queryset(self) -> QuerySet[Persona]:
        return queries.personas() if self.action == "list" else queries.personas().filter(archived_at=None)

    def create_object(self, data: dict[str, Any]) -> Persona:
        return services.create_persona(actor=self.request.actor, **data)

    def update_object(self, row: Persona, data: dict[str, Any]) -> Persona:
        return services.update_persona(actor=self.request.actor, persona=row, **data)

    def delete_object(self, row: Persona) -> None:
        services.delete_persona(actor=self.request.actor, persona=row)

    @extend_schema(request=PublishSerializer, responses={200: VersionNumberSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    @transaction.atomic
    def publish(self, request: Request, id: str) -> Response:
        """Freeze the draft as the next version."""
        purpose = self.object_body().get("purpose")
        version = services.publish_persona(
            actor=self.request.actor, persona=self.get_object_to_change(), purpose=purpose
        )
        return Response({"version": version.number})

    @extend_schema(responses={200: PersonaVersionSerializer(many=True)})
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, id: str) -> Response:
        """All versions, newest first."""
        rows = queries.versions(self.get_object())
        return Response({"results": PersonaVersionSerializer(rows, many=True).data, "next": None})

    @extend_schema(responses={200: PersonaMetricsSerializer})
    @action(detail=True, filterset_class=None)
    def metrics(self, request: Request, id: str) -> Response:
        """Size and scores of the persona's people: null for a persona that is bound to no segment."""
        persona = self.get_object()
        found = people_of(self.request.actor, self.request.organization, persona)
        check = found.check
        scores = {score.name: score.metric.as_json() for score in found.scores if score.metric is not None}
        drift = None
        if check is not None:
            drift = {
                "checked_at": check.checked_at,
                "baseline_at": check.baseline.taken_at if check.baseline else None,
                "alarm_since": check.alarm_since,
                "claims": check.claims,
                "findings": [finding.as_json() | {"sentence": finding.sentence} for finding in found.findings],
            }
        body = {
            "segment": persona.segment_id,
            "size": found.size,
            "customers": found.customers,
            "share": found.share,
            **{name: scores.get(name) for name in ("nps", "csat", "ces")},
            "surveys": {score.name: score.surveys for score in found.scores},
            "goal_performance": None,
            "retention": None,
            "value": None,
            "drift": drift,
        }
        return Response(PersonaMetricsSerializer(body).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("format", str, enum=list(TYPES), description="JSON without one."),
            OpenApiParameter("version", int, description="A version; otherwise the draft for those who edit."),
        ],
        responses={
            (200, kind): OpenApiResponse(OpenApiTypes.OBJECT if kind == TYPES["json"] else OpenApiTypes.BINARY)
            for kind in TYPES.values()
        },
    )
    @action(detail=True, filterset_class=None)
    def export(self, request: Request, id: str) -> HttpResponseBase:
        """The persona as a sheet of A4 (PDF, PNG) or as JSON."""
        text = self.request.query_params.get("version", "")
        if text and not (text.isascii() and text.isdigit() and len(text) <= 9):
            raise BadBody(_("Give the number of a version, such as 2."), field="version", code="invalid")
        file = export_persona(
            actor=self.request.actor,
            organization=self.request.organization,
            persona=self.get_object(),
            format=self.request.query_params.get("format") or "json",
            version=int(text) if text else None,
        )
        disposition = content_disposition_header(True, file.name) or "attachment"
        if file.document is not None:
            return Response(file.document, headers={"Content-Disposition": disposition})
        return HttpResponse(file.body, content_type=file.content_type, headers={"Content-Disposition": disposition})


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("personas", PersonaViewSet, basename="persona")
