"""`segments/`: shape of the representation and thin viewsets over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.api import CustomerSerializer
from apps.customers.services import people_called, people_of
from apps.segments import queries, services
from apps.segments.describe import Names, describe_rule, names_for
from apps.segments.filters import SegmentFilter
from apps.segments.models import Segment, SegmentMember
from apps.segments.references import read_rule
from apps.segments.rule import parse_rule
from cxm.api.etags import etag_of, require_match
from cxm.api.problems import BadBody
from cxm.api.renderers import render_json
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import TenantViewSet, one_transaction, uuid_or_404

MAX_LISTED = 10_000
RULE_SCHEMA = {
    "type": ["object", "null"],
    "description": 'The rule: `{"all": [conditions]}`, `any` or `none`, nested (docs/segments.md has every condition).',
    "properties": {name: {"type": "array", "items": {"type": "object"}} for name in ("all", "any", "none")},
}


@extend_schema_field(RULE_SCHEMA)
class RuleField(serializers.JSONField):
    """The rule tree; the service says what is wrong with it."""


class SegmentSerializer(TenantModelSerializer):
    """A segment. `size` is null until it is computed; `sentence` says the rule in words."""

    name = serializers.CharField(max_length=1_000)
    description = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=10_000)
    kind = serializers.ChoiceField(choices=Segment.Kind.choices, required=False)
    rule = RuleField(required=False, allow_null=True)
    sentence = serializers.SerializerMethodField()

    class Meta:
        model = Segment
        fields = (
            "id",
            "name",
            "description",
            "kind",
            "rule",
            "sentence",
            "size",
            "state",
            "error",
            "computed_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "size", "state", "error", "computed_at", "created_at", "updated_at")

    def get_sentence(self, row: Segment) -> str:
        """The rule in words; what a list is, for one without a rule."""
        if row.kind == Segment.Kind.STATIC:
            return _("Customers on a list")
        names: Names | None = self.context.get("names")
        return describe_rule(parse_rule(row.rule), names)


class PreviewRequestSerializer(TenantSerializer):
    """A rule to try."""

    rule = RuleField()


class PreviewSerializer(TenantSerializer):
    """How many people a rule finds. `exact` false: estimated from a sample; `size` null: not even that in time."""

    size = serializers.IntegerField(allow_null=True, source="count.n")
    exact = serializers.BooleanField(source="count.is_exact")
    sentence = serializers.CharField()
    sample = CustomerSerializer(many=True)


class ListedSerializer(TenantSerializer):
    """Customers for a static segment, by our ids or by the organisation's own."""

    customers = serializers.ListField(child=serializers.UUIDField(), required=False, max_length=MAX_LISTED)
    external_ids = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, max_length=MAX_LISTED
    )


class AddedSerializer(TenantSerializer):
    """What came of adding customers: how many are new on the list, its size now, and who is not known."""

    added = serializers.IntegerField()
    size = serializers.IntegerField()
    unknown = serializers.ListField(child=serializers.CharField())


class SegmentMemberSerializer(TenantModelSerializer):
    """That a customer belongs to a segment."""

    customer = serializers.UUIDField(source="customer_id")

    class Meta:
        model = SegmentMember
        fields = ("customer", "since")


class SegmentViewSet(TenantViewSet):
    """Groups of customers: by a rule that is always up to date, or by a list."""

    serializer_class = SegmentSerializer
    filterset_class = SegmentFilter
    queryset = Segment.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"name": "name", "created_at": "created_at"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "segments.view",
        "retrieve": "segments.view",
        "create": "segments.edit",
        "update": "segments.edit",
        "partial_update": "segments.edit",
        "destroy": "segments.edit",
        "preview": "segments.view",
        "customers": "segments.view",
        "add_customers": "segments.edit",
        "member": "segments.view",
        "remove_member": "segments.edit",
    }

    def get_queryset(self) -> QuerySet[Segment]:
        return queries.segments()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Every segment. The names that rules refer to are read once for the page."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        rules = [parse_rule(row.rule) for row in rows if row.kind == Segment.Kind.LIVE]
        context = {**self.get_serializer_context(), "names": names_for(*rules)}
        return self.get_paginated_response(SegmentSerializer(rows, many=True, context=context).data)

    def create_object(self, data: dict[str, Any]) -> Segment:
        return services.create_segment(actor=self.request.actor, **data)

    def update_object(self, row: Segment, data: dict[str, Any]) -> Segment:
        return services.update_segment(actor=self.request.actor, segment=row, **data)

    def delete_object(self, row: Segment) -> None:
        services.delete_segment(actor=self.request.actor, segment=row)

    @extend_schema(request=PreviewRequestSerializer, responses=PreviewSerializer)
    @action(detail=False, methods=["post"], filterset_class=None, ordering_fields={})
    def preview(self, request: Request) -> Response:
        """Try a rule without keeping it: how many people it finds, the rule in words, and five of the people.

        The size is that of the whole organisation; the five are of those the key's holder may see.
        """
        rule = read_rule(self.object_body().get("rule"))
        found = queries.preview_rule(self.request.actor, rule)
        shown = {"count": found.count, "sentence": describe_rule(rule), "sample": found.sample}
        return Response(PreviewSerializer(shown, context=self.get_serializer_context()).data)

    @extend_schema(responses=CustomerSerializer(many=True))
    @action(
        detail=True,
        serializer_class=CustomerSerializer,
        filterset_class=None,
        ordering_fields={"created_at": "created_at", "name": "name"},
    )
    def customers(self, request: Request, id: str) -> Response:
        """The people who belong to the segment, of those the key's holder may see."""
        rows = self.paginate_queryset(queries.members(self.request.actor, self.get_object()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    @extend_schema(request=ListedSerializer, responses=AddedSerializer)
    @customers.mapping.post
    @one_transaction
    def add_customers(self, request: Request, id: str) -> Response:
        """Add customers to a static segment, at most 10,000 at a time. Who is unknown is named and left out."""
        segment = self.get_object()
        self.object_body()
        serializer = ListedSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        ids = serializer.validated_data.get("customers", [])
        external_ids = serializer.validated_data.get("external_ids", [])
        if not ids and not external_ids:
            raise BadBody(_("Send customers or external_ids."), field="customers", code="required")
        by_id, by_name = people_of(ids), people_called(external_ids)
        added = services.set_static_members(
            actor=self.request.actor, segment=segment, customer_ids=sorted({*by_id.values(), *by_name.values()})
        )
        segment.refresh_from_db()
        unknown = [str(pk) for pk in ids if pk not in by_id] + [name for name in external_ids if name not in by_name]
        return Response({"added": added, "size": segment.size, "unknown": unknown}, status=status.HTTP_200_OK)

    @extend_schema(
        parameters=[OpenApiParameter("customer_id", OpenApiTypes.UUID, OpenApiParameter.PATH)],
        responses=SegmentMemberSerializer,
    )
    @action(
        detail=True,
        url_path=r"customers/(?P<customer_id>[^/.]+)",
        url_name="member",
        serializer_class=SegmentMemberSerializer,
        filterset_class=None,
        ordering_fields={},
    )
    def member(self, request: Request, id: str, customer_id: str) -> Response:
        """That a customer belongs to the segment, and since when; 404 when not."""
        return Response(self.representation(self.membership(customer_id)))

    @extend_schema(
        parameters=[OpenApiParameter("customer_id", OpenApiTypes.UUID, OpenApiParameter.PATH)], responses={204: None}
    )
    @member.mapping.delete
    @one_transaction
    def remove_member(self, request: Request, id: str, customer_id: str) -> Response:
        """Take a customer off a static segment."""
        row = self.membership(customer_id)
        if request.headers.get("If-Match"):
            require_match(request, etag_of(render_json(self.representation(row))))
        services.remove_static_members(actor=self.request.actor, segment=row.segment, customer_ids=[row.customer_id])
        return Response(status=status.HTTP_204_NO_CONTENT)

    def membership(self, customer_id: str) -> SegmentMember:
        """Who the address names, when he belongs and may be seen. Raises Http404."""
        return queries.member_for(self.request.actor, self.get_object(), uuid_or_404(customer_id))


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("segments", SegmentViewSet, basename="segment")
