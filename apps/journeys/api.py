"""`journeys/`: maps, their versions and the scores of their touchpoints."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.journeys import content, queries, services
from apps.journeys.drafts import Draft, read_drafts
from apps.journeys.exchange_api import ExchangeActions, register_templates
from apps.journeys.live_api import FILTER_PARAMETERS, METRIC_SCHEMA, CurvesAction, read_version
from apps.journeys.models import Journey, JourneyVersion, Metric
from apps.journeys.starting import start_from_template
from apps.journeys.version_api import JourneyVersionSerializer, VersionActions
from apps.personas.models import Persona
from cxm.api.routers import ApiRouter
from cxm.api.serializers import (
    PublishSerializer,
    TenantSerializer,
    UtcDateTimeField,
    VersionNumberSerializer,
)
from cxm.api.viewsets import TenantViewSet

ID = {"type": "string", "format": "uuid"}
STAGES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": content.MAX_STAGES,
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {
            "id": ID,
            "name": {"type": "string", "minLength": 1, "maxLength": content.NAME_LENGTH},
            "duration": {"type": "string", "maxLength": content.DURATION_LENGTH},
            "steps": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {
                        "id": ID,
                        "name": {"type": "string", "minLength": 1, "maxLength": content.NAME_LENGTH},
                        "touchpoints": {
                            "type": "array",
                            "description": "Keys of touchpoints that exist.",
                            "items": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
                        },
                        "belief": {
                            "type": ["number", "null"],
                            "minimum": content.BELIEF_LOW,
                            "maximum": content.BELIEF_HIGH,
                        },
                        "moment_of_truth": {"type": "boolean"},
                        "evidence": {"type": "string", "enum": ["", *content.EVIDENCE]},
                        "owner": {**ID, "type": ["string", "null"], "description": "The id of a colleague."},
                        "review_date": {"type": ["string", "null"], "format": "date"},
                        "cards": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["lane", "text"],
                                "properties": {
                                    "id": ID,
                                    "lane": {
                                        "type": "string",
                                        "minLength": 1,
                                        "maxLength": content.LANE_LENGTH,
                                        "description": "actions, thoughts, pain_points, opportunities, or your own.",
                                    },
                                    "text": {"type": "string", "minLength": 1, "maxLength": content.CARD_LENGTH},
                                    "evidence": {"type": "string", "enum": list(content.EVIDENCE)},
                                    "image": {"type": "string", "description": "As an earlier answer named it."},
                                    "owner": {**ID, "type": ["string", "null"]},
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
LANES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": content.MAX_LANES,
    "description": "The rows of cards in order; none are the standard ones. An empty title is the usual one.",
    "items": {
        "type": "object",
        "properties": {
            "key": {"type": "string", "maxLength": content.LANE_LENGTH},
            "title": {"type": "string", "maxLength": content.LANE_LENGTH},
        },
    },
}
SCORES_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "touchpoints"],
    "properties": {
        "version": {"type": ["integer", "null"]},
        "touchpoints": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["touchpoint", "name", "nps", "csat", "ces", "volume", "open_cases"],
                "properties": {
                    "touchpoint": {"type": "string"},
                    "name": {"type": "string"},
                    "nps": METRIC_SCHEMA,
                    "csat": METRIC_SCHEMA,
                    "ces": METRIC_SCHEMA,
                    "volume": {"type": "integer"},
                    "open_cases": {"type": "integer"},
                },
            },
        },
    },
}


@extend_schema_field(STAGES_SCHEMA)
class StagesField(serializers.JSONField):
    """The whole map; the service checks it and names each place that is wrong."""


@extend_schema_field(LANES_SCHEMA)
class LanesField(serializers.JSONField):
    """The lanes; the service checks them."""


class JourneySerializer(TenantSerializer):
    """A map's draft. Ids of stages, steps and cards are kept where they are sent back."""

    name = serializers.CharField(max_length=1000)
    persona = serializers.UUIDField(required=False, allow_null=True)
    metric = serializers.ChoiceField(choices=Metric.choices, required=False)
    kind = serializers.ChoiceField(choices=Journey.Kind.choices, required=False)
    as_is = serializers.UUIDField(required=False, allow_null=True)
    lanes = LanesField(required=False, allow_null=True)
    owner = serializers.UUIDField(required=False, allow_null=True)
    review_date = serializers.DateField(required=False, allow_null=True)
    stages = StagesField(required=False, allow_null=True)
    template = serializers.CharField(
        required=False,
        write_only=True,
        max_length=100,
        help_text="When it is made: a template of `journey-templates/`. What is given besides goes before it.",
    )
    id = serializers.UUIDField(read_only=True)
    version = serializers.IntegerField(read_only=True, allow_null=True)
    revision = serializers.IntegerField(read_only=True)
    created_at = UtcDateTimeField(read_only=True)
    updated_at = UtcDateTimeField(read_only=True)

    def to_representation(self, instance: Journey) -> dict[str, Any]:
        """From the draft in the context when a list has read them all at once, else from one read here."""
        drafts: dict[UUID, Draft] = self.context.get("drafts") or read_drafts([instance])
        draft = drafts[instance.pk].content
        moment = UtcDateTimeField().to_representation
        return {
            "id": str(instance.pk),
            "name": instance.name,
            "persona": draft["persona"],
            "metric": instance.metric,
            "kind": draft["kind"],
            "as_is": str(instance.as_is_id) if instance.as_is_id else None,
            "lanes": draft["lanes"],
            "owner": str(instance.owner_id) if instance.owner_id else None,
            "review_date": instance.review_date.isoformat() if instance.review_date else None,
            "stages": draft["stages"],
            "version": instance.published_version,
            "revision": instance.revision,
            "created_at": moment(instance.created_at),
            "updated_at": moment(instance.updated_at),
        }


class JourneyFilter(filters.FilterSet):
    """Maps of one persona. Archived maps are not in the API."""

    persona = filters.ModelChoiceFilter(queryset=lambda _request: Persona.objects.all())

    class Meta:
        model = Journey
        fields = ("persona",)


class JourneyViewSet(CurvesAction, VersionActions, ExchangeActions, TenantViewSet):
    """Maps of what customers live through."""

    serializer_class = JourneySerializer
    filterset_class = JourneyFilter
    queryset = Journey.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}
    ordering = "-created_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "journeys.view",
        "retrieve": "journeys.view",
        "create": "journeys.edit",
        "update": "journeys.edit",
        "partial_update": "journeys.edit",
        "destroy": "journeys.edit",
        "publish": "journeys.publish",
        "versions": "journeys.view",
        "version": "journeys.view",
        "compare": "journeys.view",
        "to_be": "journeys.edit",
        "scores": "metrics.view",
        "curves": "metrics.view",
        "export": "journeys.view",
        "import_map": "journeys.edit",
    }

    def get_queryset(self) -> QuerySet[Journey]:
        return Journey.objects.filter(archived_at=None)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        context = {**self.get_serializer_context(), "drafts": read_drafts(rows)}
        return self.get_paginated_response(JourneySerializer(rows, many=True, context=context).data)

    def create_object(self, data: dict[str, Any]) -> Journey:
        if template := data.pop("template", ""):
            return start_from_template(actor=self.request.actor, template=template, **data).journey
        return services.create_journey(actor=self.request.actor, **data)

    def update_object(self, row: Journey, data: dict[str, Any]) -> Journey:
        data.pop("template", None)
        return services.update_journey(actor=self.request.actor, journey=row, **data)

    def delete_object(self, row: Journey) -> None:
        services.delete_journey(actor=self.request.actor, journey=row)

    @extend_schema(request=PublishSerializer, responses={200: VersionNumberSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    @transaction.atomic
    def publish(self, request: Request, id: str) -> Response:
        """Freeze the draft as the next version, in force from now on; the first reaches back without limit."""
        purpose = self.object_body().get("purpose")
        version = services.publish_journey(
            actor=self.request.actor, journey=self.get_object_to_change(), purpose=purpose
        )
        return Response({"version": version.number})

    @extend_schema(responses={200: JourneyVersionSerializer(many=True)})
    @action(detail=True, filterset_class=None)
    def versions(self, request: Request, id: str) -> Response:
        """All versions, newest first."""
        rows = JourneyVersion.objects.filter(journey=self.get_object()).order_by("-number")
        return Response({"results": JourneyVersionSerializer(rows, many=True).data, "next": None})

    @extend_schema(
        parameters=FILTER_PARAMETERS,
        responses={200: SCORES_SCHEMA},
    )
    @action(detail=True, filterset_class=None)
    def scores(self, request: Request, id: str) -> Response:
        """NPS, CSAT and CES of every touchpoint of the published map, or of one version while it was in force."""
        scores = queries.journey_scores(
            actor=self.request.actor,
            organization=self.request.organization,
            journey=self.get_object(),
            params=request.query_params,
            version=read_version(request.query_params.get("version", "")),
        )
        return Response(
            {
                "version": scores.version,
                "touchpoints": [
                    {
                        "touchpoint": score.touchpoint.key,
                        "name": score.touchpoint.name,
                        **{name: metric.as_json() if metric else None for name, metric in score.metrics.items()},
                        "volume": score.volume,
                        "open_cases": score.open_cases,
                    }
                    for score in scores.touchpoints
                ],
            }
        )


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("journeys", JourneyViewSet, basename="journey")
    register_templates(router)
