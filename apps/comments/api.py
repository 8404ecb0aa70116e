"""`comments/`: what colleagues say about a thing; `?kind=persona&object=<id>`."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.comments import queries, services
from apps.comments.models import Comment
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import TenantViewSet
from cxm.errors import DomainError, NotFound


class CommentAuthorSerializer(TenantSerializer):
    """Who wrote it; `id` is null for a key, and for somebody who is gone."""

    id = serializers.UUIDField(source="author_id", allow_null=True)
    name = serializers.CharField(source="author_name")


class CommentMentionSerializer(TenantSerializer):
    """Somebody the comment calls upon."""

    id = serializers.UUIDField(source="user_id")
    name = serializers.CharField(source="user.__str__")


class CommentSerializer(TenantModelSerializer):
    """A comment, or an answer to one (`parent`); “@Name” in the body calls upon a colleague."""

    kind = serializers.CharField(max_length=40)
    object = serializers.UUIDField(source="object_id")
    parent = serializers.UUIDField(  # type: ignore[assignment]  # a name of DRF's own
        source="parent_id", required=False, allow_null=True
    )
    anchor = serializers.UUIDField(required=False, allow_null=True)
    body = serializers.CharField(max_length=100_000)
    author = CommentAuthorSerializer(source="*", read_only=True)
    mentions = CommentMentionSerializer(many=True, read_only=True)

    class Meta:
        model = Comment
        fields = (
            "id",
            "kind",
            "object",
            "anchor",
            "parent",
            "body",
            "author",
            "mentions",
            "resolved_at",
            "deleted_at",
            "created_at",
            "edited_at",
        )
        read_only_fields = ("id", "resolved_at", "deleted_at", "created_at", "edited_at")


class ChangedCommentSerializer(CommentSerializer):
    """The same, where only the text can change."""

    class Meta(CommentSerializer.Meta):
        read_only_fields = (*CommentSerializer.Meta.read_only_fields,)

    def get_fields(self) -> dict[str, serializers.Field]:
        """What a comment is about, and what it answers, stays."""
        fields: dict[str, serializers.Field] = super().get_fields()
        for name in ("kind", "object", "anchor", "parent"):
            fields[name].read_only, fields[name].required = True, False
        return fields


class ResolveSerializer(TenantSerializer):
    """Settled, or with false open again."""

    resolved = serializers.BooleanField(required=False, default=True)


class CommentFilter(filters.FilterSet):
    """The comments on one thing."""

    kind = filters.CharFilter(max_length=40)
    object = filters.UUIDFilter(field_name="object_id")
    anchor = filters.UUIDFilter()
    resolved = filters.BooleanFilter(field_name="resolved_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Comment
        fields = ("kind", "object", "anchor", "resolved")


class CommentViewSet(TenantViewSet):
    """What colleagues say about personas, maps and other things."""

    serializer_class = CommentSerializer
    filterset_class = CommentFilter
    queryset = Comment.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"created_at": "created_at"}
    ordering = "created_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "comments.write",
        "retrieve": "comments.write",
        "create": "comments.write",
        "update": "comments.write",
        "partial_update": "comments.write",
        "destroy": "comments.write",
        "resolve": "comments.write",
    }

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return ChangedCommentSerializer if self.action in ("update", "partial_update") else CommentSerializer

    def get_queryset(self) -> QuerySet[Comment]:
        return queries.comments(self.request.actor)

    def create_object(self, data: dict[str, Any]) -> Comment:
        values = {
            "kind": data["kind"],
            "object_id": data["object_id"],
            "body": data["body"],
            "parent": data.get("parent_id"),
            "anchor": data.get("anchor"),
        }
        try:
            return services.add_comment(actor=self.request.actor, **values)
        except NotFound:
            message = _("There is nothing of this kind and id to comment on.")
            raise DomainError(message, field="object", code="not_found") from None

    def update_object(self, row: Comment, data: dict[str, Any]) -> Comment:
        if "body" not in data:
            return row
        return services.edit_comment(actor=self.request.actor, comment=row, body=data["body"])

    def delete_object(self, row: Comment) -> None:
        services.delete_comment(actor=self.request.actor, comment=row)

    @extend_schema(request=ResolveSerializer, responses={200: CommentSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def resolve(self, request: Request, id: UUID) -> Response:
        """Say that what a comment is about is settled, or open again."""
        comment = self.get_object_to_change()
        wish = ResolveSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        services.resolve_comment(actor=self.request.actor, comment=comment, **wish.validated_data)
        return Response(self.representation(self.get_object()))


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("comments", CommentViewSet, basename="comment")
