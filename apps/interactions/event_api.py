"""`interactions/` and `event-names/`: shape of the representations, thin viewsets over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, PolymorphicProxySerializer, extend_schema, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from apps.interactions import entries, event_queries
from apps.interactions.event_filters import InteractionFilter
from apps.interactions.holding import readable
from apps.interactions.models import Interaction
from cxm.api.cursors import decode_cursor, encode_cursor, next_url, read_limit
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ApiViewSet, CreateMixin, ListMixin, ResourceViewSet, RetrieveMixin
from cxm.channels import Channel


class InteractionCustomerSerializer(TenantSerializer):
    """Whose it is."""

    id = serializers.UUIDField()
    external_id = serializers.CharField(allow_null=True)


class InteractionSerializer(TenantSerializer):
    """An interaction as it is stored. `customer` is null for a visitor whom nobody knows yet."""

    id = serializers.UUIDField()
    customer = InteractionCustomerSerializer(allow_null=True)
    kind = serializers.ChoiceField(choices=Interaction.Kind.choices)
    event = serializers.CharField()
    channel = serializers.ChoiceField(choices=Channel.choices)
    occurred_at = UtcDateTimeField()
    recorded_at = UtcDateTimeField()
    is_time_received = serializers.BooleanField(
        help_text="Its own time lay before 1970 or more than a day ahead: occurred_at is that of the receipt."
    )
    properties = serializers.DictField()
    context = serializers.DictField()  # type: ignore[assignment]
    unit = serializers.UUIDField(source="unit_id", allow_null=True)
    activity = serializers.UUIDField(source="activity_id", allow_null=True)
    source = serializers.ChoiceField(choices=Interaction.Source.choices)  # type: ignore[assignment]

    def to_representation(self, instance: Interaction) -> dict[str, Any]:
        """What was recorded, as the reader may see it."""
        shown: dict[str, Any] = super().to_representation(instance)
        said = {name: shown[name] for name in ("properties", "context")}
        return {**shown, **readable(instance, self.context["request"].actor, said)}  # type: ignore[index]


class WhoseSerializer(TenantSerializer):
    """Whose it is: the first of these given counts. An unknown external_id or email makes the customer."""

    id = serializers.UUIDField(required=False, allow_null=True)
    external_id = serializers.CharField(required=False, allow_null=True)
    email = serializers.CharField(required=False, allow_null=True)


class NewInteractionSerializer(TenantSerializer):
    """One interaction to record. Describes the body for the schema; it is read by `entries.read_entry`."""

    customer = WhoseSerializer()
    event = serializers.CharField(max_length=200)
    occurred_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Now by default.")
    channel = serializers.ChoiceField(choices=Channel.choices, required=False, allow_null=True)
    properties = serializers.DictField(required=False, allow_null=True)
    source_id = serializers.CharField(
        required=False,
        allow_null=True,
        max_length=200,
        help_text="Your own id: sent again, it changes the interaction.",
    )


class InteractionErrorSerializer(TenantSerializer):
    """One thing that is wrong."""

    field = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    message = serializers.CharField()


class RefusedInteractionSerializer(TenantSerializer):
    """One interaction of a list that was not taken."""

    index = serializers.IntegerField()
    errors = InteractionErrorSerializer(many=True)  # type: ignore[assignment]


class RecordedListSerializer(TenantSerializer):
    """What became of a list."""

    accepted = serializers.IntegerField()
    refused = RefusedInteractionSerializer(many=True)


class InteractionViewSet(ListMixin, RetrieveMixin, CreateMixin, ResourceViewSet):
    """What customers did: events of other systems, and touches written down by hand."""

    serializer_class = InteractionSerializer
    filterset_class = InteractionFilter
    queryset = Interaction.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"occurred_at": "id"}
    ordering = "-occurred_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "interactions.view",
        "retrieve": "interactions.view",
        "create": "interactions.create",
    }

    def get_queryset(self) -> QuerySet[Interaction]:
        return event_queries.interactions(self.request.actor)

    @extend_schema(
        request=PolymorphicProxySerializer(
            component_name="NewInteractions",
            serializers=[NewInteractionSerializer, NewInteractionSerializer(many=True)],
            resource_type_field_name=None,
            many=False,
        ),
        responses={201: InteractionSerializer, 200: RecordedListSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Answer:
        """Record one interaction (201), or a list of up to 1,000 (200, each taken or refused on its own)."""
        if isinstance(request.data, list):
            outcome = entries.record_entries(actor=self.request.actor, entries=request.data)
            refused = [{"index": index, "errors": errors} for index, errors in outcome.refused]
            return Answer({"accepted": outcome.accepted, "refused": refused})
        pk = entries.record_entry(actor=self.request.actor, entry=self.object_body())
        row = Interaction.objects.select_related("customer").get(pk=pk)
        location = {"Location": self.reverse_action("detail", kwargs={"id": pk})}
        return Answer(self.representation(row), status=status.HTTP_201_CREATED, headers=location)


class EventNameSerializer(TenantSerializer):
    """A name that events came under."""

    event = serializers.CharField()
    volume = serializers.IntegerField(help_text="Events of the last 30 days.")
    first_at = UtcDateTimeField()
    last_at = UtcDateTimeField()


@extend_schema_serializer(many=False)
class EventNamePageSerializer(TenantSerializer):
    """A page of names."""

    results = EventNameSerializer(many=True)
    next = serializers.URLField(allow_null=True)


class EventNameViewSet(ApiViewSet):
    """Which events there are, by alphabet."""

    required_permissions: ClassVar[dict[str, str]] = {"list": "interactions.view"}

    @extend_schema(
        operation_id="event_names_list",
        parameters=[
            OpenApiParameter("cursor", str, description="Where the page starts: take it from `next`, it is opaque."),
            OpenApiParameter("limit", int, description="Rows on a page, 1 to 500."),
        ],
        responses={200: EventNamePageSerializer},
    )
    def list(self, request: Request) -> Answer:
        """The names of events with their volume of the last 30 days."""
        limit = read_limit(request.query_params)
        if request.query_params.get("ordering", "event") != "event":
            raise BadBody(
                _("Names come by alphabet: ordering can only be event."), field="ordering", code="bad_ordering"
            )
        text = request.query_params.get("cursor", "")
        after = decode_cursor(request.path, text) if text else [""]
        if len(after) != 1 or not isinstance(after[0], str):
            raise BadBody(_("This cursor does not fit this list."), field="cursor", code="bad_cursor")
        found = event_queries.event_names(self.request.actor, after=after[0], most=limit + 1)
        more = next_url(request, encode_cursor(request.path, [found[limit - 1].event])) if len(found) > limit else None
        return Answer({"results": EventNameSerializer(found[:limit], many=True).data, "next": more})


def register(router: ApiRouter) -> None:
    """Add these resources to `/api/v1/`."""
    router.register("interactions", InteractionViewSet, basename="interaction")
    router.register("event-names", EventNameViewSet, basename="event-name")
