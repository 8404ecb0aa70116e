"""`workshops/`: opening and ending workshops, and what was voted in them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.journeys.models import Journey
from apps.workshops import queries, rules, services
from apps.workshops.addresses import address_of, code_for
from apps.workshops.models import Workshop
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import CreateMixin, ListMixin, ResourceViewSet, RetrieveMixin, one_transaction


class WorkshopSerializer(TenantModelSerializer):
    """A workshop. `code` and `address` are there while guests can come in, "" afterwards."""

    journey = serializers.UUIDField(source="journey_id")
    title = serializers.CharField(required=False, allow_blank=True, max_length=1_000)
    opens_at = UtcDateTimeField(required=False, allow_null=True)
    ends_at = UtcDateTimeField(required=False, allow_null=True)
    guests_may = serializers.CharField(required=False, max_length=40)
    votes_per_person = serializers.IntegerField(required=False, min_value=1, max_value=rules.MOST_VOTES)
    shows_names = serializers.BooleanField(required=False)
    shows_scores = serializers.BooleanField(required=False)
    opens_library = serializers.BooleanField(required=False)
    host = serializers.UUIDField(source="host_id", read_only=True, allow_null=True)
    code = serializers.SerializerMethodField()
    address = serializers.SerializerMethodField()

    class Meta:
        model = Workshop
        fields = (
            "id",
            "journey",
            "title",
            "host",
            "opens_at",
            "ends_at",
            "closed_at",
            "guests_may",
            "votes_per_person",
            "shows_names",
            "shows_scores",
            "opens_library",
            "code",
            "address",
        )
        read_only_fields = ("id", "closed_at")

    def get_code(self, workshop: Workshop) -> str:
        """Such as "bcd-fgh-jkm"."""
        return "" if workshop.is_over else code_for(workshop)

    def get_address(self, workshop: Workshop) -> str:
        """Where guests come in."""
        return "" if workshop.is_over else address_of(workshop)


class PlaceSerializer(TenantSerializer):
    """A card or step with its dots. Equal dots share a rank; `where` is "" when it is not on the map any more."""

    rank = serializers.IntegerField()
    tie = serializers.BooleanField(source="is_tie")
    thing = serializers.UUIDField()
    label = serializers.CharField()  # type: ignore[assignment]
    where = serializers.CharField()
    dots = serializers.IntegerField()
    voters = serializers.IntegerField()


class ResultSerializer(TenantSerializer):
    """How one vote came out."""

    number = serializers.IntegerField(source="round.number")
    question = serializers.CharField(source="round.question")
    lanes = serializers.ListField(child=serializers.CharField(), source="round.lanes")
    votes_per_person = serializers.IntegerField(source="round.votes_per_person")
    most_per_thing = serializers.IntegerField(source="round.most_per_thing")
    opened_at = UtcDateTimeField(source="round.opened_at")
    voters = serializers.IntegerField()
    dots = serializers.IntegerField()
    places = PlaceSerializer(many=True)


class ResultsSerializer(TenantSerializer):
    """The votes of a workshop that are over, newest first. One that runs is not among them."""

    results = ResultSerializer(many=True)


class WorkshopFilter(filters.FilterSet):
    """By map, and whether it was ended."""

    journey = filters.UUIDFilter(field_name="journey_id")
    closed = filters.BooleanFilter(field_name="closed_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Workshop
        fields = ("journey", "closed")


class WorkshopViewSet(ListMixin, RetrieveMixin, CreateMixin, ResourceViewSet):
    """Workshops in which guests without an account work on a map."""

    serializer_class = WorkshopSerializer
    filterset_class = WorkshopFilter
    queryset = Workshop.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {"opens_at": "opens_at", "ends_at": "ends_at"}
    ordering = "-opens_at"
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "workshops.host",
        "retrieve": "workshops.host",
        "create": "workshops.host",
        "end": "workshops.host",
        "results": "workshops.host",
    }

    def get_queryset(self) -> QuerySet[Workshop]:
        return queries.workshops(self.request.actor)

    def create_object(self, data: dict[str, Any]) -> Workshop:
        journey = Journey.objects.filter(pk=data.pop("journey_id")).first()
        if journey is None:
            raise serializers.ValidationError({"journey": [_("There is no map with this id.")]}, code="not_found")
        return services.start_workshop(actor=self.request.actor, journey=journey, **data)

    @extend_schema(request=None, responses={200: WorkshopSerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    @one_transaction
    def end(self, request: Request, id: str) -> Response:
        """End it now: guests are out, an open vote is revealed."""
        workshop = services.end_workshop(actor=self.request.actor, workshop=self.get_object())
        return Response(self.representation(self.reread(workshop)))

    @extend_schema(responses={200: ResultsSerializer})
    @action(detail=True, methods=["get"], filterset_class=None)
    def results(self, request: Request, id: str) -> Response:
        """What was voted."""
        found = queries.results_of(queries.rounds_of(self.get_object()))
        return Response(ResultsSerializer({"results": found}).data)


def register(router: ApiRouter) -> None:
    """Add the resource to the API."""
    router.register("workshops", WorkshopViewSet, basename="workshop")
