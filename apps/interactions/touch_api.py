"""`customers/{id}/touches/` and `activities/`: shape of the representations, thin viewsets over the services."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.models import Customer
from apps.customers.queries import customer_for
from apps.interactions import activities, touches
from apps.interactions.activity_filters import ActivityFilter
from apps.interactions.conversion import figures_of
from apps.interactions.holding import readable
from apps.interactions.models import Activity, Interaction
from apps.interactions.touch_kinds import TOUCH_CHOICES
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import TenantViewSet, one_transaction, uuid_or_404
from cxm.channels import Channel


class TouchSerializer(TenantModelSerializer):
    """A touch written down by hand. `outcome` is one of the usual ones of its kind, or any other words."""

    kind = serializers.ChoiceField(choices=TOUCH_CHOICES)
    occurred_at = UtcDateTimeField(required=False)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    outcome = serializers.CharField(
        source="properties.outcome", required=False, allow_blank=True, max_length=touches.OUTCOME_LENGTH, default=""
    )
    text = serializers.CharField(
        source="properties.text", required=False, allow_blank=True, max_length=touches.TEXT_LENGTH, default=""
    )
    owner = serializers.UUIDField(source="properties.owner", required=False, allow_null=True, default=None)
    owner_name = serializers.CharField(source="properties.owner_name", read_only=True, default="")
    activity = serializers.UUIDField(source="activity_id", required=False, allow_null=True)

    class Meta:
        model = Interaction
        fields = (
            "id",
            "kind",
            "occurred_at",
            "channel",
            "outcome",
            "text",
            "owner",
            "owner_name",
            "activity",
            "recorded_at",
        )
        read_only_fields = ("id", "recorded_at")

    def to_representation(self, instance: Interaction) -> dict[str, Any]:
        """What was written down, as the reader may see it."""
        shown: dict[str, Any] = super().to_representation(instance)
        words = {name: shown[name] for name in ("outcome", "text")}
        return {**shown, **readable(instance, self.context["request"].actor, words)}


class TouchViewSet(TenantViewSet):
    """Calls, meetings, visits, events attended, messages and notes of one customer that were written down by hand.

    A touch is filed under its time: changing `occurred_at` gives it another id.
    """

    serializer_class = TouchSerializer
    queryset = Interaction.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"occurred_at": "id"}
    ordering = "-occurred_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "interactions.view",
        "retrieve": "interactions.view",
        "create": "interactions.create",
        "update": "interactions.create",
        "partial_update": "interactions.create",
        "destroy": "interactions.create",
    }

    def customer(self) -> Customer:
        """The customer of the address. Raises NotFound."""
        return customer_for(self.request.actor, uuid_or_404(self.kwargs["customer_id"]))

    def get_queryset(self) -> QuerySet[Interaction]:
        return touches.touches_of(self.customer()).select_related("customer").defer("customer__search_text")

    def create_object(self, data: dict[str, Any]) -> Interaction:
        return touches.add_touch(actor=self.request.actor, customer=self.customer(), values=self.sent(data))

    def update_object(self, row: Interaction, data: dict[str, Any]) -> Interaction:
        customer = self.customer()
        return touches.update_touch(actor=self.request.actor, customer=customer, touch=row, values=self.sent(data))

    def delete_object(self, row: Interaction) -> None:
        touches.delete_touch(actor=self.request.actor, customer=self.customer(), touch=row)

    def sent(self, data: dict[str, Any]) -> dict[str, Any]:
        """The fields that were sent, under the names the services use."""
        said = data.pop("properties", {})
        values = {name: value for name, value in {**data, **said}.items() if name in self.request.data}
        if "activity" in self.request.data:
            values["activity"] = data.get("activity_id")
        return values

    def location(self, row: Any) -> dict[str, str]:
        address = self.reverse_action("detail", kwargs={"customer_id": self.kwargs["customer_id"], "id": row.id})
        return {"Location": address}


@extend_schema_field({"type": "object", "additionalProperties": True})
class WhereField(serializers.DictField):
    """Properties of the event and the values they must have."""


class ActivitySerializer(TenantModelSerializer):
    """A commercial activity. `success_event` within `window_days` after a customer's first touch is a conversion."""

    name = serializers.CharField(max_length=2_000)
    kind = serializers.ChoiceField(choices=Activity.Kind.choices, required=False)
    channel = serializers.ChoiceField(choices=Channel.choices, required=False)
    description = serializers.CharField(required=False, allow_blank=True, max_length=10_000)
    owner = serializers.UUIDField(source="owner_id", required=False, allow_null=True)
    starts_on = serializers.DateField(required=False, allow_null=True)
    ends_on = serializers.DateField(required=False, allow_null=True)
    success_event = serializers.CharField(required=False, allow_blank=True, max_length=2_000)
    success_where = WhereField(required=False)
    window_days = serializers.IntegerField(required=False)

    class Meta:
        model = Activity
        fields = (
            "id",
            "name",
            "kind",
            "channel",
            "description",
            "owner",
            "starts_on",
            "ends_on",
            "success_event",
            "success_where",
            "window_days",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        if "owner_id" in values:
            values["owner"] = values.pop("owner_id")
        return values


class OutcomeSerializer(TenantSerializer):
    """How often touches of one kind ended in one way."""

    kind = serializers.CharField()
    outcome = serializers.CharField(allow_blank=True)
    touches = serializers.IntegerField()
    customers = serializers.IntegerField()


class ConversionSerializer(TenantSerializer):
    """Customers whose window has ended, how many of them converted, and the share 0..1 with its 95 % interval."""

    n = serializers.IntegerField(source="ended")
    converted = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    open = serializers.IntegerField()
    open_converted = serializers.IntegerField()


class FiguresSerializer(TenantSerializer):
    """What an activity did. `conversion` is null when no event means success."""

    touches = serializers.IntegerField()
    customers = serializers.IntegerField()
    outcomes = OutcomeSerializer(many=True)
    conversion = ConversionSerializer(allow_null=True)


class AddCustomersSerializer(TenantSerializer):
    """The same touch for many customers, named by external id or e-mail."""

    customers = serializers.ListField(
        child=serializers.CharField(max_length=254), max_length=activities.MOST_ADDED, min_length=1
    )
    kind = serializers.ChoiceField(choices=TOUCH_CHOICES)
    occurred_at = UtcDateTimeField(required=False)
    outcome = serializers.CharField(required=False, allow_blank=True, max_length=touches.OUTCOME_LENGTH)


class TouchedSerializer(TenantSerializer):
    """How many customers were touched, and which entries name nobody (the first hundred)."""

    touched = serializers.IntegerField()
    unknown = serializers.ListField(child=serializers.CharField())
    unknown_count = serializers.IntegerField()


class ActivityViewSet(TenantViewSet):
    """Campaigns, events, outbound calls and meetings."""

    serializer_class = ActivitySerializer
    filterset_class = ActivityFilter
    queryset = Activity.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "name": "name"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "interactions.view",
        "retrieve": "interactions.view",
        "create": "activities.edit",
        "update": "activities.edit",
        "partial_update": "activities.edit",
        "destroy": "activities.edit",
        "figures": "interactions.view",
        "customers": "interactions.create",
    }

    def get_queryset(self) -> QuerySet[Activity]:
        return activities.activities()

    def create_object(self, data: dict[str, Any]) -> Activity:
        return activities.create_activity(actor=self.request.actor, values=data)

    def update_object(self, row: Activity, data: dict[str, Any]) -> Activity:
        return activities.update_activity(actor=self.request.actor, activity=row, values=data)

    def delete_object(self, row: Activity) -> None:
        activities.delete_activity(actor=self.request.actor, activity=row)

    @extend_schema(responses=FiguresSerializer)
    @action(detail=True, filterset_class=None, ordering_fields={})
    def figures(self, request: Request, id: str) -> Response:
        """Customers touched, outcomes, and conversions with their interval."""
        return Response(FiguresSerializer(figures_of(self.get_object())).data)

    @extend_schema(request=AddCustomersSerializer, responses=TouchedSerializer)
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def customers(self, request: Request, id: str) -> Response:
        """Write down the same touch for up to 5,000 customers."""
        serializer = AddCustomersSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        data = serializer.validated_data
        added = activities.add_customers(
            actor=self.request.actor,
            activity=self.get_object(),
            references="\n".join(data["customers"]),
            kind=data["kind"],
            occurred_at=data.get("occurred_at"),
            outcome=data.get("outcome", ""),
        )
        return Response(TouchedSerializer(added).data)


def register(router: ApiRouter) -> None:
    """Add touches and activities to `/api/v1/`."""
    router.register("activities", ActivityViewSet, basename="activity")
    router.register(r"customers/(?P<customer_id>[^/.]+)/touches", TouchViewSet, basename="touch")
