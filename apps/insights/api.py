"""`insights/`: shape of the representation and a thin viewset over services and queries."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.insights import queries, services
from apps.insights.filters import InsightFilter
from apps.insights.models import Insight
from apps.insights.queries import ShownInsight
from cxm.api.routers import ApiRouter
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import TenantViewSet

PERSON = {"type": "object", "properties": {"id": {"type": "string", "format": "uuid"}, "name": {"type": "string"}}}


class AnyJson(serializers.Field):
    """Whatever JSON holds: the service reads it and says what is wrong with it."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, value: Any) -> Any:
        return value


@extend_schema_field({"type": ["number", "null"], "minimum": -2, "maximum": 2})
class ScoreField(AnyJson):
    """How people felt, -2..+2."""


@extend_schema_field({"type": "integer", "minimum": 1})
class PeopleField(AnyJson):
    """How many people it speaks for."""


@extend_schema_field({"type": ["string", "null"], "format": "date"})
class DateField(AnyJson):
    """A day."""


@extend_schema_field({"type": ["string", "null"], "format": "uuid"})
class IdField(AnyJson):
    """An id, or null."""


@extend_schema_field(OpenApiTypes.STR)
class ChoiceTextField(AnyJson):
    """One of the words of the documentation."""


def _places(kind: str) -> type[AnyJson]:
    id_type = {"type": "string", "format": "uuid"}
    items = {"type": "object", "properties": {"journey": id_type, kind: id_type}}
    return extend_schema_field({"type": "array", "items": items})(type(f"{kind.title()}sField", (AnyJson,), {}))


StepsField, CardsField = _places("step"), _places("card")


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class TextsField(AnyJson):
    """A list of keys or ids."""


class InsightSerializer(TenantSerializer):
    """Something learned. `title` alone is required; lists that are given replace those that were."""

    id = serializers.UUIDField(read_only=True)
    kind = ChoiceTextField(required=False, help_text=", ".join(Insight.Kind.values))
    title = serializers.CharField(max_length=10_000, required=False, allow_blank=True)
    body = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=100_000)
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, allow_blank=True, allow_null=True, max_length=10_000
    )
    source_date = DateField(required=False, allow_null=True)
    link = serializers.CharField(required=False, allow_blank=True, allow_null=True, max_length=10_000)
    people = PeopleField(required=False)
    score = ScoreField(required=False, allow_null=True)
    persona = IdField(required=False, allow_null=True)
    consent = ChoiceTextField(required=False, help_text=", ".join(Insight.Consent.values))
    customer = IdField(required=False, allow_null=True, help_text="A customer's id, external id or e-mail address.")
    response = IdField(
        required=False,
        allow_null=True,
        help_text="When it is made: the answer it is taken from. What is not given is taken over from it.",
    )
    steps = StepsField(required=False, allow_null=True)
    cards = CardsField(required=False, allow_null=True)
    touchpoints = TextsField(required=False, allow_null=True, help_text="Keys.")
    opportunities = TextsField(required=False, allow_null=True, help_text="Ids.")
    author = extend_schema_field({**PERSON, "type": ["object", "null"]})(AnyJson)(read_only=True)
    age_months = serializers.IntegerField(read_only=True)
    old = serializers.BooleanField(read_only=True)
    withdrawn_at = UtcDateTimeField(read_only=True, allow_null=True)
    created_at = UtcDateTimeField(read_only=True)
    updated_at = UtcDateTimeField(read_only=True)

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        given = super().to_internal_value(data)
        for name in ("body", "source", "link"):
            if given.get(name, "") is None:
                given[name] = ""
        return given


def represent(shown: ShownInsight, request: Any) -> dict[str, Any]:
    """An insight as the API shows it to the reader."""
    row, actor = shown.insight, request.actor
    links = shown.links
    customer = row.customer if row.customer and actor.can("customers.view", row.customer.unit_id) else None
    time = UtcDateTimeField()
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "title": shown.title,
        "body": shown.body,
        "source": shown.source,
        "source_date": row.source_date.isoformat() if row.source_date else None,
        "link": row.link,
        "people": row.people,
        "score": row.score,
        "persona": str(row.persona_id) if row.persona_id else None,
        "consent": row.consent,
        "customer": str(customer.pk) if customer else None,
        "response": str(row.response_id) if row.response_id and actor.can("feedback.view") else None,
        "steps": [{"journey": str(one.journey_id), "step": str(one.step_id)} for one in links if one.step_id],
        "cards": [{"journey": str(one.journey_id), "card": str(one.card_id)} for one in links if one.card_id],
        "touchpoints": [touchpoint.key for touchpoint in shown.touchpoints],
        "opportunities": [str(one.pk) for one in shown.opportunities],
        "author": {"id": str(row.author_id), "name": str(row.author)} if row.author else None,
        "age_months": shown.months,
        "old": shown.is_old,
        "withdrawn_at": time.to_representation(row.withdrawn_at) if row.withdrawn_at else None,
        "created_at": time.to_representation(row.created_at),
        "updated_at": time.to_representation(row.updated_at),
    }


class InsightViewSet(TenantViewSet):
    """What was learned about customers by listening and watching."""

    serializer_class = InsightSerializer
    filterset_class = InsightFilter
    queryset = Insight.objects.none()
    ordering_fields: ClassVar[dict[str, str]] = {
        "created_at": "created_at",
        "source_date": "source_date",
        "score": "score",
        "people": "people",
    }
    required_permissions: ClassVar[dict[str, str]] = {
        "list": "insights.view",
        "retrieve": "insights.view",
        "create": "insights.edit",
        "update": "insights.edit",
        "partial_update": "insights.edit",
        "destroy": "insights.edit",
    }

    def get_queryset(self) -> QuerySet[Insight]:
        return queries.insights(self.request.actor)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The insights, by pages."""
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        shown = queries.show(self.request.actor, rows or [])
        return self.get_paginated_response([represent(one, self.request) for one in shown])

    def representation(self, row: Insight) -> dict[str, Any]:
        """The resource as a GET of it answers."""
        return represent(queries.show(self.request.actor, [row])[0], self.request)

    def create_object(self, data: dict[str, Any]) -> Insight:
        return services.create_insight(actor=self.request.actor, **data)

    def update_object(self, row: Insight, data: dict[str, Any]) -> Insight:
        data.pop("response", None)  # where it was taken from is said once, when it is made
        if self.action == "update":
            data = {**BLANK, **data}
        return services.update_insight(actor=self.request.actor, insight=row, **data)

    def delete_object(self, row: Insight) -> None:
        services.delete_insight(actor=self.request.actor, insight=row)


BLANK: dict[str, Any] = {
    "kind": Insight.Kind.OBSERVATION.value,
    "title": "",
    "body": "",
    "source": "",
    "source_date": None,
    "link": "",
    "people": 1,
    "score": None,
    "persona": None,
    "consent": Insight.Consent.NOT_NEEDED.value,
    "customer": None,
    "steps": [],
    "cards": [],
    "touchpoints": [],
    "opportunities": [],
}
"""What a PUT that does not say makes of it."""


def register(router: ApiRouter) -> None:
    """Add this app's resources to the API."""
    router.register("insights", InsightViewSet, basename="insight")
