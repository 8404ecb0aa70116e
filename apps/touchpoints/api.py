"""`touchpoints/`: the library, addressed by key."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.touchpoints import queries, services
from apps.touchpoints.filters import TouchpointFilter
from apps.touchpoints.models import Channel, Touchpoint
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer
from cxm.api.viewsets import TenantViewSet

EVENT_MATCH_SCHEMA = {
    "type": ["object", "null"],
    "required": ["event"],
    "properties": {
        "event": {"type": "string", "minLength": 1, "maxLength": 200},
        "where": {
            "type": "object",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "maxProperties": 20,
        },
    },
}
TARGET_SCHEMA = {
    "type": "object",
    "properties": {
        "nps": {"type": ["number", "null"], "minimum": -100, "maximum": 100},
        "csat": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
        "ces": {"type": ["number", "null"], "minimum": 0, "maximum": 100},
    },
}


@extend_schema_field(EVENT_MATCH_SCHEMA)
class EventMatchField(serializers.JSONField):
    """Which event says that a customer was here."""


@extend_schema_field(TARGET_SCHEMA)
class TargetField(serializers.JSONField):
    """The score to reach, by metric."""


class TouchpointSerializer(TenantModelSerializer):
    """A touchpoint. The key is made of the name when none is sent, and stays for ever."""

    key = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    name = serializers.CharField(max_length=1000)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, allow_null=True)
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=10_000)
    event_match = EventMatchField(required=False, allow_null=True)
    owner_unit = serializers.UUIDField(source="owner_unit_id", required=False, allow_null=True)
    target = TargetField(required=False, allow_null=True)

    class Meta:
        model = Touchpoint
        fields = (
            "id",
            "key",
            "name",
            "channel",
            "description",
            "event_match",
            "owner_unit",
            "target",
            "archived_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "archived_at", "created_at", "updated_at")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        if "owner_unit_id" in values:
            values["owner_unit"] = values.pop("owner_unit_id")
        return values


class TouchpointViewSet(TenantViewSet):
    """Where customers meet the organisation."""

    serializer_class = TouchpointSerializer
    filterset_class = TouchpointFilter
    queryset = Touchpoint.objects.none()
    lookup_field = "key"
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "key": "key", "created_at": "created_at"}
    ordering = "name"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "touchpoints.view",
        "retrieve": "touchpoints.view",
        "create": "touchpoints.edit",
        "update": "touchpoints.edit",
        "partial_update": "touchpoints.edit",
        "destroy": "touchpoints.edit",
    }

    def get_queryset(self) -> QuerySet[Touchpoint]:
        return queries.touchpoints()

    def filter_lookup(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The row with this key; an id is taken too."""
        text = self.kwargs["key"]
        rows = queryset.filter(queries.named(text))
        return rows.filter(key=text) if rows.filter(key=text).exists() else rows

    def create_object(self, data: dict[str, Any]) -> Touchpoint:
        return services.create_touchpoint(actor=self.request.actor, **data)

    def update_object(self, row: Touchpoint, data: dict[str, Any]) -> Touchpoint:
        return services.update_touchpoint(actor=self.request.actor, touchpoint=row, **data)

    def delete_object(self, row: Touchpoint) -> None:
        services.delete_touchpoint(actor=self.request.actor, touchpoint=row)


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("touchpoints", TouchpointViewSet, basename="touchpoint")
