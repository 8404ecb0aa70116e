"""`collectors/`: the places where surveys stand open."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.collectors import queries, services
from apps.collectors.addresses import address_of
from apps.collectors.filters import CollectorFilter
from apps.collectors.models import Collector
from apps.collectors.options import TRIGGERS, shown_options
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer
from cxm.api.viewsets import TenantViewSet, one_transaction

SETTINGS_SCHEMA = {
    "type": "object",
    "description": (
        "By kind. Kiosk: `pin` (4 to 8 digits, never answered) and `ask_text`. Poster: `headline`, `text`. "
        "Widget: `sites` (origins that may show it), `sample` (%), `trigger`, `after`, `again` (days)."
    ),
    "properties": {
        "pin": {"type": "string", "writeOnly": True, "pattern": "^[0-9]{4,8}$"},
        "ask_text": {"type": "boolean"},
        "headline": {"type": "string", "maxLength": 120},
        "text": {"type": "string", "maxLength": 300},
        "sites": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
        "sample": {"type": "integer", "minimum": 1, "maximum": 100},
        "trigger": {"type": "string", "enum": list(TRIGGERS)},
        "after": {"type": "integer", "minimum": 0, "maximum": 600},
        "again": {"type": "integer", "minimum": 0, "maximum": 730},
    },
}


@extend_schema_field(SETTINGS_SCHEMA)
class SettingsField(serializers.JSONField):
    """The settings of the place's kind; the service says what is wrong with them."""


class CollectorSerializer(TenantModelSerializer):
    """A place: a kiosk, a poster or a web widget of one survey. `answers` counts the sent ones given there."""

    survey = serializers.UUIDField(source="survey_id")
    kind = serializers.ChoiceField(choices=Collector.Kind.choices)
    name = serializers.CharField(max_length=1_000)
    unit = serializers.UUIDField(source="unit_id", required=False, allow_null=True)
    touchpoint = serializers.CharField(source="touchpoint.key", required=False, allow_null=True, default=None)
    language = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=100)
    settings = SettingsField(required=False, allow_null=True)
    address = serializers.SerializerMethodField()
    answers = serializers.SerializerMethodField()

    class Meta:
        model = Collector
        fields = (
            "id",
            "survey",
            "kind",
            "name",
            "unit",
            "touchpoint",
            "language",
            "settings",
            "address",
            "answers",
            "created_at",
            "updated_at",
            "last_seen_at",
            "revoked_at",
        )
        read_only_fields = ("id", "created_at", "updated_at", "last_seen_at", "revoked_at")

    def get_fields(self) -> dict[str, Any]:
        """Survey and kind are said once: a place keeps them."""
        fields: dict[str, Any] = super().get_fields()
        if self.instance is not None:
            fields["survey"].required = fields["kind"].required = False
        return fields

    def to_representation(self, row: Collector) -> dict[str, Any]:
        """The place, without its PIN."""
        return {**super().to_representation(row), "settings": shown_options(row)}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        for column, name in (("survey_id", "survey"), ("unit_id", "unit")):
            if column in values:
                values[name] = values.pop(column)
        if "touchpoint" in values:
            values["touchpoint"] = (values["touchpoint"] or {}).get("key")
        return values

    def get_address(self, row: Collector) -> str:
        """Where it takes answers; a renewed place has another one."""
        return address_of(row, row.survey, self.context["request"].organization)

    def get_answers(self, row: Collector) -> int:
        """How many sent answers were given here."""
        counted = self.context.get("yields")
        yields = queries.yields_of([row]) if counted is None else counted
        return yields[row.pk].answers if row.pk in yields else 0


class CollectorViewSet(TenantViewSet):
    """Where surveys stand open without an invitation."""

    serializer_class = CollectorSerializer
    filterset_class = CollectorFilter
    queryset = Collector.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "surveys.view",
        "retrieve": "surveys.view",
        "create": "surveys.edit",
        "update": "surveys.edit",
        "partial_update": "surveys.edit",
        "destroy": "surveys.edit",
        "revoke": "surveys.edit",
        "renew": "surveys.edit",
    }

    def get_queryset(self) -> QuerySet[Collector]:
        return queries.collectors()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Every place. What they brought is counted once for the page."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        context = {**self.get_serializer_context(), "yields": queries.yields_of(rows)}
        return self.get_paginated_response(CollectorSerializer(rows, many=True, context=context).data)

    def create_object(self, data: dict[str, Any]) -> Collector:
        return services.create_collector(actor=self.request.actor, **data)

    def update_object(self, row: Collector, data: dict[str, Any]) -> Collector:
        return services.update_collector(actor=self.request.actor, collector=row, **data)

    def delete_object(self, row: Collector) -> None:
        services.delete_collector(actor=self.request.actor, collector=row)

    @extend_schema(request=None, responses=CollectorSerializer)
    @action(detail=True, methods=["post"], filterset_class=None, ordering_fields={})
    @one_transaction
    def revoke(self, request: Request, id: str) -> Response:
        """End the place: its address takes no further answers."""
        row = services.revoke_collector(actor=self.request.actor, collector=self.get_object())
        return Response(self.representation(self.reread(row)))

    @extend_schema(request=None, responses=CollectorSerializer)
    @action(detail=True, methods=["post"], filterset_class=None, ordering_fields={})
    @one_transaction
    def renew(self, request: Request, id: str) -> Response:
        """Give the place another address; the ones before end, and a place that was ended is open again."""
        row = services.renew_collector(actor=self.request.actor, collector=self.get_object())
        return Response(self.representation(self.reread(row)))


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("collectors", CollectorViewSet, basename="collector")
