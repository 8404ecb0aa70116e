"""`share-links/`: what somebody without an account may read."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.sharing import queries, services
from apps.sharing.addresses import address_of
from apps.sharing.models import ShareLink
from apps.sharing.options import FILTERS
from cxm.api.etags import etag_of
from cxm.api.renderers import render_json
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, UtcDateTimeField
from cxm.api.viewsets import TenantViewSet, one_transaction

OPTIONS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "version": {"description": "“published” (the newest at any time), “draft”, or the number of a version."},
        "show_scores": {"type": "boolean"},
        "show_quotes": {"type": "boolean", "description": "Quotes with names and numbers hidden."},
        "filters": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in FILTERS},
            "additionalProperties": False,
        },
    },
}


@extend_schema_field(OPTIONS_SCHEMA)
class OptionsField(serializers.JSONField):
    """What is shown; the service says what is wrong with it."""


class ShareLinkSerializer(TenantModelSerializer):
    """A link. `address` is given once, in the answer that makes it; the password never."""

    kind = serializers.CharField(max_length=100)
    object_id = serializers.UUIDField()
    note = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=1_000)
    options = OptionsField(required=False, allow_null=True)
    expires_at = UtcDateTimeField(required=False)
    password = serializers.CharField(
        required=False, allow_blank=True, allow_null=True, write_only=True, max_length=1_000, trim_whitespace=False
    )
    has_password = serializers.BooleanField(read_only=True)
    created_by = serializers.UUIDField(source="created_by_id", read_only=True, allow_null=True)

    class Meta:
        model = ShareLink
        fields: tuple[str, ...] = (
            "id",
            "kind",
            "object_id",
            "note",
            "options",
            "expires_at",
            "password",
            "has_password",
            "revoked_at",
            "created_by",
            "created_at",
            "opened",
            "last_opened_at",
        )
        read_only_fields = ("id", "revoked_at", "created_at", "opened", "last_opened_at")

    def get_fields(self) -> dict[str, Any]:
        """What a link leads to is said once."""
        fields: dict[str, Any] = super().get_fields()
        if self.instance is not None:
            fields["kind"].required = fields["object_id"].required = False
        return fields


class MadeShareLinkSerializer(ShareLinkSerializer):
    """A link just made, with its address."""

    address = serializers.CharField(read_only=True)

    class Meta(ShareLinkSerializer.Meta):
        fields: tuple[str, ...] = (*ShareLinkSerializer.Meta.fields, "address")


class ShareLinkFilter(filters.FilterSet):
    """By what they lead to."""

    kind = filters.CharFilter(max_length=40)
    object_id = filters.UUIDFilter()
    revoked = filters.BooleanFilter(field_name="revoked_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = ShareLink
        fields = ("kind", "object_id", "revoked")


class ShareLinkViewSet(TenantViewSet):
    """Links that let somebody without an account read one map or persona."""

    serializer_class = ShareLinkSerializer
    filterset_class = ShareLinkFilter
    queryset = ShareLink.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at", "expires_at": "expires_at"}
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "maps.share",
        "retrieve": "maps.share",
        "create": "maps.share",
        "update": "maps.share",
        "partial_update": "maps.share",
        "destroy": "maps.share",
    }

    def get_queryset(self) -> QuerySet[ShareLink]:
        return queries.share_links(self.request.actor)

    @extend_schema(responses={201: MadeShareLinkSerializer})
    @one_transaction
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Make a link. Its address is in this one answer and nowhere else."""
        link, key = services.create_share_link(actor=self.request.actor, **self.validated())
        shown = self.representation(self.reread(link))
        headers = {**self.location(link), "ETag": etag_of(render_json(shown))}
        return Response({**shown, "address": address_of(key)}, status=201, headers=headers)

    def update_object(self, row: ShareLink, data: dict[str, Any]) -> ShareLink:
        return services.update_share_link(actor=self.request.actor, link=row, **data)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Revoke the link at once; its row stays in the list."""
        return super().destroy(request, *args, **kwargs)

    def delete_object(self, row: ShareLink) -> None:
        services.revoke_share_link(actor=self.request.actor, link=row)


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("share-links", ShareLinkViewSet, basename="share-link")
