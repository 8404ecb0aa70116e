"""`opportunities/`: shape of the representation and a thin viewset over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.insights.api import AnyJson, ChoiceTextField, DateField, IdField, TextsField
from apps.opportunities import queries, services
from apps.opportunities.evidence import DAYS, Evidence, Part, evidence_of
from apps.opportunities.filters import OpportunityFilter
from apps.opportunities.models import SCORES, Opportunity, OpportunityIdea, OpportunityInsight
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import TenantViewSet

PERSON = {
    "type": ["object", "null"],
    "properties": {"id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}},
}


@extend_schema_field({"type": ["integer", "null"], "minimum": 1, "maximum": 5})
class MarkField(AnyJson):
    """A score of 1 to 5, or null."""


@extend_schema_field({"type": "integer", "minimum": 0})
class PositionField(AnyJson):
    """A place in a column, from 0."""


@extend_schema_field(OpenApiTypes.STR)
class KeyField(AnyJson):
    """The key of a touchpoint, or null."""


@extend_schema_field(PERSON)
class PersonField(AnyJson):
    """Somebody of the organisation."""


@extend_schema_field(OpenApiTypes.OBJECT)
class EvidenceField(AnyJson):
    """How many pieces of evidence there are."""


class OpportunitySerializer(TenantSerializer):
    """An opportunity; `title` alone is required. From a `card` its step and its text are taken over."""

    id = serializers.UUIDField(read_only=True)
    title = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    description = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)
    pain_point = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)
    journey = IdField(required=False, allow_null=True)
    step = IdField(required=False, allow_null=True)
    card = IdField(required=False, allow_null=True)
    touchpoint = KeyField(required=False, allow_null=True)
    persona = IdField(required=False, allow_null=True)
    status = ChoiceTextField(required=False, help_text=", ".join(Opportunity.Status.values))
    horizon = ChoiceTextField(required=False, help_text=", ".join(Opportunity.Horizon.values))
    due_date = DateField(required=False, allow_null=True)
    customer_value = MarkField(required=False, allow_null=True)
    business_value = MarkField(required=False, allow_null=True)
    effort = MarkField(required=False, allow_null=True)
    owner = IdField(required=False, allow_null=True, help_text="The id of a member.")
    insights = TextsField(required=False, allow_null=True, help_text="Ids. Those you may read; the counts are whole.")
    ideas = TextsField(required=False, allow_null=True, help_text="Ids.")
    evidence_count = serializers.IntegerField(read_only=True)
    insight_count = serializers.IntegerField(read_only=True)
    idea_count = serializers.IntegerField(read_only=True)
    rank = serializers.FloatField(read_only=True)
    created_by = PersonField(read_only=True)
    created_at = UtcDateTimeField(read_only=True)
    updated_at = UtcDateTimeField(read_only=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        for name in ("description", "pain_point"):
            if given.get(name, "") is None:
                given[name] = ""
        return given


class MoveSerializer(TenantSerializer):
    """Where an opportunity goes on the roadmap; without a position it comes last in its column."""

    status = ChoiceTextField(required=False, help_text=", ".join(Opportunity.Status.values))
    horizon = ChoiceTextField(required=False, help_text=", ".join(Opportunity.Horizon.values))
    position = PositionField(required=False)


class EvidenceSerializer(TenantSerializer):
    """What speaks for an opportunity; the suggested value is a heuristic (docs/insights-and-opportunities.md)."""

    insights = EvidenceField()
    ideas = serializers.IntegerField()
    pain_point = serializers.BooleanField()
    count = serializers.IntegerField()
    answers = EvidenceField(allow_null=True)
    volume = serializers.IntegerField()
    days = serializers.IntegerField()
    suggested_customer_value = EvidenceField(allow_null=True)


BLANK: dict[str, Any] = {
    "title": "",
    "description": "",
    "pain_point": "",
    "journey": None,
    "step": None,
    "card": None,
    "touchpoint": None,
    "persona": None,
    "status": Opportunity.Status.NEW.value,
    "horizon": Opportunity.Horizon.LATER.value,
    "due_date": None,
    **dict.fromkeys(SCORES),
    "owner": None,
    "insights": [],
    "ideas": [],
}
"""What a PUT that does not say makes of it."""


def represent(rows: list[Opportunity], actor: Any) -> list[dict[str, Any]]:
    """Opportunities as the API shows them. Two queries, however many."""
    ids = [row.pk for row in rows]
    insights: dict[Any, list[str]] = {pk: [] for pk in ids}
    ideas: dict[Any, list[str]] = {pk: [] for pk in ids}
    if actor.can("insights.view"):
        links = OpportunityInsight.objects.filter(opportunity__in=ids).order_by("pk")
        if not actor.can("insights.edit"):
            links = links.exclude(insight__consent="not_given")
        for pk, insight in links.values_list("opportunity_id", "insight_id"):
            insights[pk].append(str(insight))
    for pk, idea in (
        OpportunityIdea.objects.filter(opportunity__in=ids).order_by("pk").values_list("opportunity_id", "idea_id")
    ):
        ideas[pk].append(str(idea))
    return [_represent(row, insights[row.pk], ideas[row.pk]) for row in rows]


def _represent(row: Any, insights: list[str], ideas: list[str]) -> dict[str, Any]:
    time = UtcDateTimeField()
    return {
        "id": str(row.pk),
        "title": row.title,
        "description": row.description,
        "pain_point": row.pain_point,
        "journey": _id(row.journey_id),
        "step": _id(row.step_id),
        "card": _id(row.card_id),
        "touchpoint": row.touchpoint.key if row.touchpoint else None,
        "persona": _id(row.persona_id),
        "status": row.status,
        "horizon": row.horizon,
        "due_date": row.due_date.isoformat() if row.due_date else None,
        **{name: getattr(row, name) for name in SCORES},
        "owner": _id(row.owner_id),
        "insights": insights,
        "ideas": ideas,
        "evidence_count": row.evidence_count,
        "insight_count": row.insight_count,
        "idea_count": row.idea_count,
        "rank": row.rank,
        "created_by": {"id": str(row.created_by_id), "name": str(row.created_by)} if row.created_by else None,
        "created_at": time.to_representation(row.created_at),
        "updated_at": time.to_representation(row.updated_at),
    }


def _id(value: Any) -> str | None:
    return str(value) if value else None


def represent_evidence(evidence: Evidence) -> dict[str, Any]:
    """Evidence with the parts of what it suggests."""
    mean, score, suggestion = evidence.mean, evidence.score, evidence.suggestion
    return {
        "insights": {
            "count": evidence.insights,
            "scored": mean.n if mean else None,
            "mean": mean.value if mean else None,
            "low": mean.low if mean else None,
            "high": mean.high if mean else None,
        },
        "ideas": evidence.ideas,
        "pain_point": evidence.pain_point,
        "count": evidence.count,
        "answers": {"metric": evidence.metric, **score.as_json()} if score else None,
        "volume": evidence.volume,
        "days": DAYS,
        "suggested_customer_value": {
            "value": round(suggestion.value, 1),
            "severity": suggestion.severity,
            "reach": suggestion.reach,
            "from_insights": _part(suggestion.said),
            "from_answers": _part(suggestion.measured),
        }
        if suggestion
        else None,
    }


def _part(part: Part | None) -> dict[str, float] | None:
    return {"severity": part.severity, "trust": part.trust} if part else None


class OpportunityViewSet(TenantViewSet):
    """What could be made better, weighed by evidence."""

    serializer_class = OpportunitySerializer
    filterset_class = OpportunityFilter
    queryset = Opportunity.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {
        "created_at": "created_at",
        "rank": "rank",
        "due_date": "due_date",
        "customer_value": "customer_value",
        "business_value": "business_value",
        "effort": "effort",
        "evidence_count": "evidence_count",
    }
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "opportunities.view",
        "retrieve": "opportunities.view",
        "create": "opportunities.edit",
        "update": "opportunities.edit",
        "partial_update": "opportunities.edit",
        "destroy": "opportunities.edit",
        "move": "opportunities.edit",
        "evidence": "opportunities.view",
    }

    def get_queryset(self) -> QuerySet[Opportunity]:
        return queries.opportunities(self.request.actor)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The opportunities, by pages."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(represent(list(rows or []), self.request.actor))

    def representation(self, row: Opportunity) -> dict[str, Any]:
        """The resource as a GET of it answers."""
        return represent([row], self.request.actor)[0]

    def create_object(self, data: dict[str, Any]) -> Opportunity:
        return services.create_opportunity(actor=self.request.actor, **data)

    def update_object(self, row: Opportunity, data: dict[str, Any]) -> Opportunity:
        if self.action == "update":
            data = {**BLANK, **data}
        return services.update_opportunity(actor=self.request.actor, opportunity=row, **data)

    def delete_object(self, row: Opportunity) -> None:
        services.delete_opportunity(actor=self.request.actor, opportunity=row)

    @extend_schema(request=MoveSerializer, responses={200: OpportunitySerializer})
    @action(detail=True, methods=["post"], filterset_class=None)
    def move(self, request: Request, id: str) -> Response:
        """Move it to another column of the roadmap, or within its own."""
        row = self.get_object_to_change()
        wish = MoveSerializer(data=self.object_body())
        wish.is_valid(raise_exception=True)
        services.move_opportunity(actor=self.request.actor, opportunity=row, **wish.validated_data)
        return Response(self.representation(self.get_object()))

    @extend_schema(responses={200: EvidenceSerializer})
    @action(detail=True, methods=["get"], filterset_class=None)
    def evidence(self, request: Request, id: str) -> Response:
        """What speaks for it, and the customer value that suggests."""
        row = self.get_object()
        organization = self.request.organization
        evidence = evidence_of(actor=self.request.actor, organization=organization, rows=[row])[row.pk]
        return Response(represent_evidence(evidence))


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    router.register("opportunities", OpportunityViewSet, basename="opportunity")
