"""`touchpoints/`: the library, addressed by key."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.touchpoints import backstage, queries, rules, services
from apps.touchpoints.filters import BackstageFilter, TouchpointFilter
from apps.touchpoints.models import BackstageRecord, Channel, Touchpoint, TouchpointBackstage
from apps.touchpoints.periods import read_window
from apps.touchpoints.promises import broken_promises, promises_kept
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, UtcDateTimeField
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


PROMISE_SCHEMA = {
    "type": ["object", "null"],
    "required": ["text", "kept", "within_seconds"],
    "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": rules.PROMISE_LENGTH},
        "start": {**EVENT_MATCH_SCHEMA, "description": "Null: the touchpoint's own event makes the promise."},
        "kept": {**EVENT_MATCH_SCHEMA, "type": "object"},
        "within_seconds": {"type": "integer", "minimum": 1, "maximum": rules.LONGEST_PROMISE},
    },
}
SHARE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": ["number", "null"]} for name in ("value", "low", "high")},
        "n": {"type": "integer"},
        "rule": {"type": "string"},
        "unit": {"type": "string"},
        "reliability": {"type": "string", "enum": ["anecdote", "weak", "usable"]},
        "suppressed": {"type": "boolean"},
    },
}
MOMENT = {"type": "string", "format": "date-time"}
KEPT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["promise", "made", "kept", "broken", "open", "share", "median_seconds", "recent_broken"],
    "properties": {
        "promise": PROMISE_SCHEMA,
        **{name: {"type": "integer"} for name in ("made", "kept", "broken", "open")},
        "share": {**SHARE_SCHEMA, "type": ["object", "null"]},
        "median_seconds": {"type": ["number", "null"], "description": "Of those kept."},
        "recent_broken": {
            "type": ["array", "null"],
            "description": "Null for those who may not see customers.",
            "items": {
                "type": "object",
                "properties": {
                    "customer": {"type": "string", "format": "uuid"},
                    "interaction": {"type": "string", "format": "uuid"},
                    "made_at": MOMENT,
                    "due_at": MOMENT,
                    "kept_at": {**MOMENT, "type": ["string", "null"]},
                },
            },
        },
    },
}


@extend_schema_field(PROMISE_SCHEMA)
class PromiseField(serializers.JSONField):
    """What customers are told here, as a rule over events."""


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
    promise = PromiseField(required=False, allow_null=True)
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
            "promise",
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
        "promise": "metrics.view",
    }

    def get_queryset(self) -> QuerySet[Touchpoint]:
        return queries.touchpoints()

    def filter_lookup(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The row with this key; an id is taken too."""
        text = self.kwargs["key"]
        rows = queryset.filter(queries.named(text))
        return rows.filter(key=text) if rows.filter(key=text).exists() else rows

    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, description="Day (included, in the organisation's zone) or time."),
            OpenApiParameter("to", str, description="Day (included) or time (excluded)."),
        ],
        responses={200: KEPT_SCHEMA},
    )
    @action(detail=True, filterset_class=None)
    def promise(self, request: Request, key: str) -> Response:
        """How often the promise made here was kept over the window, and the newest ones that were broken."""
        row = self.get_object()
        start, end = read_window(request.query_params, self.request.organization)
        moment = UtcDateTimeField().to_representation
        kept = promises_kept([row], start=start, end=end).get(row.pk)
        broken = broken_promises(row, actor=self.request.actor, start=start, end=end)
        return Response(
            {
                "promise": row.promise,
                **{name: getattr(kept, name) if kept else 0 for name in ("made", "kept", "broken", "open")},
                "share": kept.share.as_json() if kept else None,
                "median_seconds": kept.median_seconds if kept else None,
                "recent_broken": [
                    {
                        "customer": str(one.customer.pk),
                        "interaction": str(one.interaction_id),
                        "made_at": moment(one.made_at),
                        "due_at": moment(one.due_at),
                        "kept_at": moment(one.kept_at) if one.kept_at else None,
                    }
                    for one in broken
                ]
                if self.request.actor.can("customers.view")
                else None,
            }
        )

    def create_object(self, data: dict[str, Any]) -> Touchpoint:
        return services.create_touchpoint(actor=self.request.actor, **data)

    def update_object(self, row: Touchpoint, data: dict[str, Any]) -> Touchpoint:
        return services.update_touchpoint(actor=self.request.actor, touchpoint=row, **data)

    def delete_object(self, row: Touchpoint) -> None:
        services.delete_touchpoint(actor=self.request.actor, touchpoint=row)


class KeysField(serializers.ListField):
    """Keys of the touchpoints a record stands behind."""

    child = serializers.CharField(max_length=64)


class BackstageSerializer(TenantModelSerializer):
    """A process, system or team, and the keys of the touchpoints it stands behind."""

    kind = serializers.ChoiceField(choices=BackstageRecord.Kind.choices)
    name = serializers.CharField(max_length=1000)
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=10_000)
    owner_unit = serializers.UUIDField(source="owner_unit_id", required=False, allow_null=True)
    link = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=10_000)
    touchpoints = KeysField(source="touchpoint_keys", required=False, allow_null=True)

    class Meta:
        model = BackstageRecord
        fields = ("id", "kind", "name", "description", "owner_unit", "link", "touchpoints", "created_at", "updated_at")
        read_only_fields = ("id", "created_at", "updated_at")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        if "owner_unit_id" in values:
            values["owner_unit"] = values.pop("owner_unit_id")
        if "touchpoint_keys" in values:
            values["touchpoints"] = values.pop("touchpoint_keys")
        return values


class BackstageViewSet(TenantViewSet):
    """Processes, systems and teams behind touchpoints."""

    serializer_class = BackstageSerializer
    filterset_class = BackstageFilter
    queryset = BackstageRecord.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "kind": "kind", "created_at": "created_at"}
    ordering = "name"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "touchpoints.view",
        "retrieve": "touchpoints.view",
        "create": "touchpoints.edit",
        "update": "touchpoints.edit",
        "partial_update": "touchpoints.edit",
        "destroy": "touchpoints.edit",
    }

    def get_queryset(self) -> QuerySet[BackstageRecord]:
        return BackstageRecord.objects.prefetch_related(
            Prefetch("uses", TouchpointBackstage.objects.select_related("touchpoint"))
        )

    def create_object(self, data: dict[str, Any]) -> BackstageRecord:
        return backstage.create_record(actor=self.request.actor, **data)

    def update_object(self, row: BackstageRecord, data: dict[str, Any]) -> BackstageRecord:
        return backstage.update_record(actor=self.request.actor, row=row, **data)

    def delete_object(self, row: BackstageRecord) -> None:
        backstage.delete_record(actor=self.request.actor, row=row)


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("touchpoints", TouchpointViewSet, basename="touchpoint")
    router.register("backstage", BackstageViewSet, basename="backstage")
