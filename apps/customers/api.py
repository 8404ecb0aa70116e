"""`customers/`: shape of the representation and thin viewsets over services and queries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers import merging, queries, services
from apps.customers.filters import CustomerFilter
from apps.customers.look_ups import record_customer_read
from apps.customers.models import ConsentRecord, Customer, CustomerMerge
from apps.customers.rules import MAX_ATTRIBUTES, clean_external_id
from apps.customers.timeline import timeline_of
from apps.customers.timeline_filters import TimelineFilter
from cxm.api.cursors import decode_cursor, encode_cursor, next_url, read_limit
from cxm.api.etags import etag_of, require_match
from cxm.api.problems import BadBody
from cxm.api.renderers import render_json
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import TenantViewSet, one_transaction, uuid_or_404
from cxm.errors import DomainError, NotFound


@extend_schema_field({"type": "object", "additionalProperties": True, "maxProperties": MAX_ATTRIBUTES})
class AttributesField(serializers.DictField):
    """Names and values; which values may stand there is for the service to say."""


class CustomerSerializer(TenantModelSerializer):
    """A customer. `attributes` is a flat object: text, numbers, booleans, null, and lists of these."""

    external_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    email = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    phone = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    account = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    stage = serializers.ChoiceField(choices=Customer.Stage.choices, required=False)
    unit = serializers.UUIDField(source="unit_id", required=False, allow_null=True)
    language = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    timezone = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)
    attributes = AttributesField(required=False)

    class Meta:
        model = Customer
        fields = (
            "id",
            "external_id",
            "email",
            "phone",
            "name",
            "stage",
            "account",
            "unit",
            "language",
            "timezone",
            "attributes",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "created_at", "updated_at")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """The sent fields under the names the services use."""
        values: dict[str, Any] = super().to_internal_value(data)
        if "unit_id" in values:
            values["unit"] = values.pop("unit_id")
        return values


class IdentifierSerializer(TenantSerializer):
    """One identifier of a person."""

    kind = serializers.ChoiceField(choices=["user_id", "email", "phone", "anonymous_id"])
    value = serializers.CharField()


class CustomerDetailSerializer(CustomerSerializer):
    """A customer with every identifier, and the ids of the records that were merged into this person."""

    identifiers = serializers.SerializerMethodField()
    merged = serializers.SerializerMethodField()

    class Meta(CustomerSerializer.Meta):
        fields = (*CustomerSerializer.Meta.fields, "identifiers", "merged")  # type: ignore[assignment]

    @extend_schema_field(IdentifierSerializer(many=True))
    def get_identifiers(self, row: Customer) -> list[dict[str, str]]:
        return merging.identifiers_of(row.pk)

    @extend_schema_field(serializers.ListField(child=serializers.UUIDField()))
    def get_merged(self, row: Customer) -> list[str]:
        return [str(pk) for pk in merging.records_of(row.pk)[1:]]


class WhichCustomerSerializer(TenantSerializer):
    """The other customer of a merge: by our id, or by the organisation's own."""

    customer = serializers.UUIDField(required=False, allow_null=True)
    external_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=1_000)


class UnmergeSerializer(TenantSerializer):
    """Which merged record is to be a customer of its own again; without it the one merged last."""

    customer = serializers.UUIDField(required=False, allow_null=True)


class UnmergedSerializer(TenantSerializer):
    """The person that is left, and the one that is back."""

    customer = CustomerDetailSerializer()
    restored = CustomerDetailSerializer()


class MergeSerializer(TenantModelSerializer):
    """One merge into this person; `undone_at` says when it was taken back."""

    merged = serializers.UUIDField(source="merged_id")
    external_id = serializers.CharField(source="merged.external_id", allow_null=True)
    name = serializers.CharField(source="merged.name")

    class Meta:
        model = CustomerMerge
        fields = ("id", "merged", "external_id", "name", "how", "merged_at", "undone_at")


class ConsentSerializer(TenantModelSerializer):
    """One statement of consent or withdrawal."""

    purpose = serializers.ChoiceField(choices=ConsentRecord.Purpose.choices)
    channel = serializers.ChoiceField(choices=ConsentRecord.Channel.choices, default=ConsentRecord.Channel.ANY)
    state = serializers.ChoiceField(choices=ConsentRecord.State.choices, default=ConsentRecord.State.GIVEN)
    at = UtcDateTimeField(required=False)

    class Meta:
        model = ConsentRecord
        fields = ("id", "purpose", "channel", "state", "text_version", "how", "at")
        read_only_fields = ("id",)


class TimelineItemSerializer(TenantSerializer):
    """One thing that happened with a customer."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    at = UtcDateTimeField()
    channel = serializers.CharField(allow_blank=True)
    title = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    outcome = serializers.CharField(allow_blank=True)
    data = serializers.DictField()  # type: ignore[assignment]


class CustomerViewSet(TenantViewSet):
    """The people the organisation serves."""

    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    queryset = Customer.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {
        "created_at": "created_at",
        "updated_at": "updated_at",
        "name": "name",
        "external_id": "external_id",
    }
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "customers.view",
        "retrieve": "customers.view",
        "create": "customers.edit",
        "update": "customers.edit",
        "partial_update": "customers.edit",
        "destroy": "customers.edit",
        "read_by_external_id": "customers.view",
        "upsert_by_external_id": "customers.edit",
        "timeline": "customers.view",
        "merge": "customers.edit",
        "unmerge": "customers.edit",
        "merges": "customers.view",
        "consents": "customers.view",
        "add_consent": "customers.edit",
    }

    def get_queryset(self) -> QuerySet[Customer]:
        return queries.customers(self.request.actor)

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        """Lists leave out what would cost queries a row."""
        detailed = self.action != "list" and self.serializer_class is CustomerSerializer
        return CustomerDetailSerializer if detailed else super().get_serializer_class()

    def filter_lookup(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The person; the id of a merged record means the person it is part of."""
        return queryset.filter(pk=queries.id_of_person(pk=uuid_or_404(self.kwargs["id"])))

    def create_object(self, data: dict[str, Any]) -> Customer:
        return services.create_customer(actor=self.request.actor, **data)

    def update_object(self, row: Customer, data: dict[str, Any]) -> Customer:
        merge = self.action == "partial_update"
        return services.update_customer(actor=self.request.actor, customer=row, merge=merge, values=data)

    def delete_object(self, row: Customer) -> None:
        services.delete_customer(actor=self.request.actor, customer=row)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One customer. Reading one is written to the audit log."""
        row = self.get_object()
        record_customer_read(actor=self.request.actor, customer=row)
        return Response(self.representation(row))

    @action(
        detail=False, url_path=r"by-external-id/(?P<external_id>.+)", url_name="by-external-id", filterset_class=None
    )
    def read_by_external_id(self, request: Request, external_id: str) -> Response:
        """One customer, found by the organisation's own id."""
        row = self.find_by_external_id(external_id)
        record_customer_read(actor=self.request.actor, customer=row)
        return Response(self.representation(row))

    @extend_schema(responses={200: CustomerSerializer, 201: CustomerSerializer})
    @read_by_external_id.mapping.put
    @one_transaction
    def upsert_by_external_id(self, request: Request, external_id: str) -> Response:
        """Make the customer with this external id (201), or change the one there is (200).

        Fields not sent stay as they are; attributes are merged, null takes one away.
        """
        values = self.validated(partial=True)
        if request.headers.get("If-Match"):
            list(
                Customer.objects.select_for_update()
                .filter(pk=queries.id_of_person(external_id=external_id))
                .values_list("pk")
            )
            row = self.find_by_external_id(external_id)
            require_match(request, etag_of(render_json(self.representation(row))))
        row, made = services.upsert_customer(actor=self.request.actor, external_id=external_id, values=values)
        if made:
            return self.created(row)
        return Response(self.representation(self.reread(row)))

    def find_by_external_id(self, external_id: str) -> Customer:
        """The customer with this external id. Raises Http404, also for text that can be nobody's id."""
        try:
            wanted = clean_external_id(external_id)
        except ValueError:
            raise Http404 from None
        row = self.get_queryset().filter(pk=queries.id_of_person(external_id=wanted)).first() if wanted else None
        if row is None:
            raise Http404
        return row

    @extend_schema(request=WhichCustomerSerializer, responses=CustomerDetailSerializer)
    @action(detail=True, methods=["post"], filterset_class=None, ordering_fields={})
    @one_transaction
    def merge(self, request: Request, id: str) -> Response:
        """Make the customer in the body a part of this one; answers with this person.

        What this customer lacks is filled in, attributes are merged by time, and everything the other has comes along.
        """
        person = self.get_object()
        asked = WhichCustomerSerializer(data=self.object_body())
        asked.is_valid(raise_exception=True)
        other = self.record_named(**asked.validated_data)
        merging.merge_customers(actor=self.request.actor, kept=person, merged=other)
        return Response(self.representation(self.reread(person)))

    @extend_schema(request=UnmergeSerializer, responses=UnmergedSerializer)
    @action(detail=True, methods=["post"], filterset_class=None, ordering_fields={})
    @one_transaction
    def unmerge(self, request: Request, id: str) -> Response:
        """Undo a merge: the record is a customer of its own again, exactly as it was."""
        person = self.get_object()
        asked = UnmergeSerializer(data=self.object_body() if self.request.data else {})
        asked.is_valid(raise_exception=True)
        merge = merging.merge_in_force(person, asked.validated_data.get("customer"))
        restored = merging.undo_merge(actor=self.request.actor, merge=merge)
        person = self.reread(person)
        return Response({"customer": self.representation(person), "restored": self.representation(restored)})

    @extend_schema(responses=MergeSerializer(many=True))
    @action(
        detail=True,
        serializer_class=MergeSerializer,
        filterset_class=None,
        ordering_fields={"merged_at": "merged_at"},
        ordering="-merged_at",
    )
    def merges(self, request: Request, id: str) -> Response:
        """The merges into this person, newest first, those undone included."""
        rows = self.paginate_queryset(merging.merges_of(self.get_object()))
        return self.get_paginated_response(MergeSerializer(rows, many=True).data)

    def record_named(self, customer: UUID | None = None, external_id: str | None = None) -> Customer:
        """The record that a merge names and the actor may see. Raises DomainError naming the field, NotFound."""
        field = "customer" if customer or not external_id else "external_id"
        if not customer and not external_id:
            message = _("Send the other customer's id as customer, or external_id.")
            raise DomainError(message, field="customer", code="required")
        rows = merging.visible_records(self.request.actor)
        row = rows.filter(pk=customer).first() if customer else rows.filter(external_id=external_id).first()
        if row is None:
            raise NotFound(_("There is no such customer."), field=field)
        return row

    @extend_schema(
        parameters=[
            OpenApiParameter("kind", str, many=True, description="Only these kinds; may be repeated."),
            OpenApiParameter("channel", str, description="Only this channel."),
            OpenApiParameter("from", str, description="A day in the organisation's zone, or an instant."),
            OpenApiParameter("to", str, description="A day, included, or an instant, excluded."),
            OpenApiParameter("ordering", OpenApiTypes.STR, exclude=True),
        ],
        responses=TimelineItemSerializer(many=True),
    )
    @action(detail=True, filterset_class=None, ordering_fields={})
    def timeline(self, request: Request, id: str) -> Response:
        """Everything that happened with this customer, newest first."""
        customer = self.get_object()
        purpose = request.path
        asked = TimelineFilter(request.query_params, actor=self.request.actor, organization=self.request.organization)
        if not asked.is_valid():
            name, errors = next(iter(asked.errors.items()))
            raise BadBody(str(errors[0]), field=name)
        limit = read_limit(request.query_params, default=50)
        cursor = request.query_params.get("cursor", "")
        before = None
        if cursor:
            at, pk = decode_cursor(purpose, cursor)
            before = (datetime.fromisoformat(at), UUID(pk))
        found = timeline_of(
            actor=self.request.actor,
            customer=customer,
            **asked.conditions(),
            before=before,
            limit=limit + 1,
        )
        items, more = found[:limit], len(found) > limit
        link = None
        if more:
            at, pk = items[-1].position
            link = next_url(request, encode_cursor(purpose, [at.astimezone(UTC).isoformat(), str(pk)]))
        return Response({"results": TimelineItemSerializer(items, many=True).data, "next": link})

    @extend_schema(responses=ConsentSerializer(many=True))
    @action(
        detail=True,
        serializer_class=ConsentSerializer,
        filterset_class=None,
        ordering_fields={"at": "at"},
        ordering="-at",
    )
    def consents(self, request: Request, id: str) -> Response:
        """Every statement of consent and withdrawal, newest first.

        The newest of a purpose and channel is in force.
        """
        rows = self.paginate_queryset(queries.consent_history(self.get_object()))
        return self.get_paginated_response(ConsentSerializer(rows, many=True).data)

    @extend_schema(request=ConsentSerializer, responses={201: ConsentSerializer})
    @consents.mapping.post
    @one_transaction
    def add_consent(self, request: Request, id: str) -> Response:
        """Record that the customer agreed, or withdrew. The history is kept."""
        customer = self.get_object()
        serializer = ConsentSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        consent = services.record_consent(actor=self.request.actor, customer=customer, **serializer.validated_data)
        return Response(ConsentSerializer(consent).data, status=status.HTTP_201_CREATED)


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    from apps.customers.api_accounts import register as register_accounts

    router.register("customers", CustomerViewSet, basename="customer")
    register_accounts(router)
