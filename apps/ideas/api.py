"""`ideas/`: shape of the representation and a thin viewset over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field, extend_schema_serializer
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.ideas import queries, services
from apps.ideas.filters import IdeaFilter
from apps.ideas.models import Idea, IdeaComment
from apps.personas.models import Persona
from apps.surveys.api import TouchpointKeyField
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer
from cxm.api.viewsets import TenantViewSet
from cxm.ids import parse_uuid


@extend_schema_field(OpenApiTypes.UUID)
class PersonaIdField(serializers.Field):
    """A persona by its id; null for none."""

    def to_internal_value(self, data: Any) -> Persona | None:
        pk = parse_uuid(data)
        persona = Persona.objects.filter(pk=pk).first() if pk else None
        if persona is None:
            raise serializers.ValidationError(_("There is no persona with this id."), code="unknown")
        return persona

    def to_representation(self, value: Persona) -> str:
        return str(value.pk)


class PersonSerializer(TenantSerializer):
    """Who wrote it."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="__str__")


class IdeaSerializer(TenantModelSerializer):
    """An idea; `title` alone is required. `author` is null without a name, and for what another system sent."""

    title = serializers.CharField(max_length=2_000)
    body = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)
    touchpoint = TouchpointKeyField(required=False, allow_null=True)
    persona = PersonaIdField(required=False, allow_null=True)
    challenge = serializers.CharField(required=False, allow_null=True, write_only=True, max_length=64)
    anonymous = serializers.BooleanField(required=False)
    author = PersonSerializer(read_only=True, allow_null=True)
    votes = serializers.IntegerField(source="votes_count", read_only=True)
    voted = serializers.BooleanField(read_only=True)
    comments = serializers.IntegerField(source="comments_count", read_only=True)
    merged_into = serializers.UUIDField(source="merged_into_id", read_only=True, allow_null=True)

    class Meta:
        model = Idea
        fields = (
            "id",
            "number",
            "title",
            "body",
            "touchpoint",
            "persona",
            "challenge",
            "anonymous",
            "author",
            "status",
            "official_answer",
            "votes",
            "voted",
            "comments",
            "merged_into",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("id", "number", "status", "official_answer", "created_at", "updated_at")

    def validate_challenge(self, value: str | None) -> None:
        """Challenges are not there yet, so none has this id."""
        if value:
            raise serializers.ValidationError(_("There is no challenge with this id."), code="unknown")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.pop("challenge", None)
        if attrs.get("body", "") is None:
            attrs["body"] = ""
        return attrs

    def to_representation(self, instance: Idea) -> dict[str, Any]:
        return {**super().to_representation(instance), "challenge": None}


class VoteSerializer(TenantSerializer):
    """Vote, or with false take the vote back."""

    vote = serializers.BooleanField(required=False, default=True)


class VotesSerializer(TenantSerializer):
    """How an idea stands after a vote."""

    votes = serializers.IntegerField()
    voted = serializers.BooleanField()


@extend_schema_serializer(component_name="IdeaComment")
class CommentSerializer(TenantModelSerializer):
    """A comment under an idea."""

    body = serializers.CharField(max_length=100_000)
    author = PersonSerializer(read_only=True, allow_null=True)

    class Meta:
        model = IdeaComment
        fields = ("id", "body", "author", "created_at")
        read_only_fields = ("id", "created_at")


class StatusSerializer(TenantSerializer):
    """What becomes of an idea."""

    status = serializers.CharField(max_length=40)
    official_answer = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)


class MergeSerializer(TenantSerializer):
    """The idea that remains."""

    into = serializers.UUIDField()


class IdeaViewSet(TenantViewSet):
    """What employees propose."""

    serializer_class = IdeaSerializer
    filterset_class = IdeaFilter
    queryset = Idea.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {
        "created_at": "created_at",
        "number": "number",
        "votes": "votes_count",
        "comments": "comments_count",
    }
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "ideas.view",
        "retrieve": "ideas.view",
        "create": "ideas.submit",
        "update": "ideas.submit",
        "partial_update": "ideas.submit",
        "destroy": "ideas.submit",
        "vote": "ideas.vote",
        "comments": "ideas.view",
        "add_comment": "ideas.comment",
        "merge": "ideas.moderate",
        "set_status": "ideas.moderate",
    }

    def get_queryset(self) -> QuerySet[Idea]:
        return queries.ideas(self.request.actor)

    def create_object(self, data: dict[str, Any]) -> Idea:
        return services.submit_idea(actor=self.request.actor, **data)

    def update_object(self, row: Idea, data: dict[str, Any]) -> Idea:
        data.pop("anonymous", None)  # whether there is a name is decided once, on submission
        if self.action == "update":
            data = {"body": "", "touchpoint": None, "persona": None, **data}
        return services.change_idea(actor=self.request.actor, idea=row, **data)

    def delete_object(self, row: Idea) -> None:
        services.delete_idea(actor=self.request.actor, idea=row)

    @extend_schema(request=VoteSerializer, responses={200: VotesSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def vote(self, request: Request, id: str) -> Response:
        """Vote for an idea; once is once, however often."""
        idea = self.get_object()
        wish = VoteSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        voted = wish.validated_data["vote"]
        votes = services.vote_for_idea(actor=self.request.actor, idea=idea, vote=voted)
        return Response({"votes": votes, "voted": voted})

    @extend_schema(responses={200: CommentSerializer(many=True)})
    @action(detail=True, methods=["get"], filterset_class=None, ordering_fields={"created_at": "created_at"})
    def comments(self, request: Request, id: str) -> Response:
        """What was said about an idea, in order."""
        rows = self.paginate_queryset(queries.comments_of(self.get_object()))
        return self.get_paginated_response(CommentSerializer(rows, many=True).data)

    @extend_schema(request=CommentSerializer, responses={201: CommentSerializer})
    @comments.mapping.post
    def add_comment(self, request: Request, id: str) -> Response:
        """Say something about an idea."""
        idea = self.get_object()
        wish = CommentSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        comment = services.comment_on_idea(actor=self.request.actor, idea=idea, **wish.validated_data)
        return Response(CommentSerializer(comment).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=StatusSerializer, responses={200: IdeaSerializer})
    @action(detail=True, methods=["post"], url_path="status", url_name="status", filterset_class=None)
    def set_status(self, request: Request, id: str) -> Response:
        """Set status and official answer; the author is told by mail."""
        idea = self.get_object()
        wish = StatusSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        services.set_idea_status(actor=self.request.actor, idea=idea, **wish.validated_data)
        return Response(self.representation(self.get_object()))

    @extend_schema(request=MergeSerializer, responses={200: IdeaSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def merge(self, request: Request, id: str) -> Response:
        """Merge this duplicate into another idea, which is answered with the votes of both."""
        idea = self.get_object()
        wish = MergeSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        into = self.get_queryset().filter(pk=wish.validated_data["into"]).first()
        if into is None:
            raise serializers.ValidationError({"into": [_("There is no idea with this id.")]}, code="not_found")
        remaining = services.merge_idea(actor=self.request.actor, idea=idea, into=into)
        return Response(self.representation(self.reread(remaining)))


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    router.register("ideas", IdeaViewSet, basename="idea")
