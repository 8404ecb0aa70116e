"""`journeys/{id}/versions/{number}/`, `journeys/{id}/compare/` and `journeys/{id}/to-be/`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.journeys import content, services
from apps.journeys.alignment import LanePair, Pair, StagePair, StepPair
from apps.journeys.compare import Comparison, Side, TouchpointScores, compare_maps
from apps.journeys.models import JourneyVersion
from apps.metrics.queries import Change
from cxm.api.serializers import TenantModelSerializer, TenantSerializer, UtcDateTimeField
from cxm.errors import NotFound

STATE = {"type": "string", "enum": ["same", "added", "removed", "moved", "changed"]}
MOMENT = {"type": ["string", "null"], "format": "date-time"}
SIDE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "journey": {"type": "string", "format": "uuid"},
        "name": {"type": "string"},
        "kind": {"type": "string", "enum": list(content.KINDS)},
        "version": {"type": ["integer", "null"], "description": "Null for the draft."},
        "purpose": {"type": "string"},
        "in_force_from": MOMENT,
        "in_force_to": MOMENT,
    },
}
COMPARISON_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["a", "b", "differences", "stages", "touchpoints"],
    "properties": {
        "a": SIDE_SCHEMA,
        "b": SIDE_SCHEMA,
        "differences": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"type": "string"},
                    "what": {"type": "string"},
                    "item": {"type": ["string", "null"]},
                    "sentence": {"type": "string"},
                    "substantive": {"type": "boolean"},
                    "cosmetic": {"type": "boolean"},
                    "touchpoints": {"type": "array", "items": {"type": "string"}},
                },
            },
        },
        "stages": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "state": STATE,
                    "a": {"type": ["object", "null"]},
                    "b": {"type": ["object", "null"]},
                    "steps": {"type": "array", "items": {"type": "object"}},
                },
            },
        },
        "touchpoints": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "touchpoint": {"type": "string"},
                    "name": {"type": "string"},
                    "series": {"type": ["string", "null"], "enum": ["continues", "anew", None]},
                    "scores": {"type": "object"},
                },
            },
        },
    },
}


class JourneyVersionSerializer(TenantModelSerializer):
    """A map as it was published. `in_force_from` null: it reaches back without limit."""

    version = serializers.IntegerField(source="number")
    published_at = UtcDateTimeField()
    in_force_from = UtcDateTimeField(allow_null=True)
    in_force_to = UtcDateTimeField(allow_null=True)
    content = serializers.SerializerMethodField()

    class Meta:
        model = JourneyVersion
        fields = ("version", "purpose", "published_at", "in_force_from", "in_force_to", "content")

    def get_content(self, row: JourneyVersion) -> dict[str, Any]:
        """The map, with every field a map has today."""
        return dict(content.complete(row.content))


class MadeMapSerializer(TenantSerializer):
    """The map that was made."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    as_is = serializers.UUIDField()


class VersionActions:
    """What the viewset of maps can do with versions."""

    @extend_schema(
        parameters=[OpenApiParameter("number", int, OpenApiParameter.PATH, description="The version's number.")],
        responses={200: JourneyVersionSerializer},
    )
    @action(detail=True, filterset_class=None, url_path=r"versions/(?P<number>[^/.]+)", url_name="version")
    def version(self: Any, request: Request, id: str, number: str) -> Response:
        """One version."""
        journey = self.get_object()
        is_number = number.isascii() and number.isdigit() and len(number) < 9
        row = JourneyVersion.objects.filter(journey=journey, number=int(number)).first() if is_number else None
        if row is None:
            raise NotFound
        return Response(JourneyVersionSerializer(row).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("a", str, description="draft, a version's number, or another map's id (also id:number)."),
            OpenApiParameter("b", str, description="As a. Without it the draft, or what is published."),
        ],
        responses={200: COMPARISON_SCHEMA},
    )
    @action(detail=True, filterset_class=None)
    def compare(self: Any, request: Request, id: str) -> Response:
        """Two states of a map aligned, what differs, and the scores each had while it was in force."""
        compared = compare_maps(
            actor=self.request.actor,
            organization=self.request.organization,
            journey=self.get_object(),
            a=request.query_params.get("a", ""),
            b=request.query_params.get("b", ""),
        )
        return Response(comparison_json(compared))

    @extend_schema(request=None, responses={201: MadeMapSerializer})
    @action(detail=True, methods=["post"], filterset_class=None, url_path="to-be")
    def to_be(self: Any, request: Request, id: str) -> Response:
        """Make a map of how it shall be from the draft of this one."""
        made = services.make_to_be(actor=self.request.actor, journey=self.get_object())
        shape = {"id": made.pk, "name": made.name, "as_is": made.as_is_id}
        return Response(MadeMapSerializer(shape).data, status=status.HTTP_201_CREATED)


def comparison_json(compared: Comparison) -> dict[str, Any]:
    """A comparison in the shape of the API."""
    return {
        "a": _side(compared.a),
        "b": _side(compared.b),
        "differences": [found.as_json() for found in compared.differences],
        "stages": [_stage(stage) for stage in compared.stages],
        "touchpoints": [
            {
                "touchpoint": key,
                "name": row.name,
                **_scores(compared.scores.get(key)),
            }
            for key, row in sorted(compared.touchpoints.items())
        ],
    }


def _side(side: Side) -> dict[str, Any]:
    moment = UtcDateTimeField().to_representation
    return {
        "journey": str(side.journey.pk),
        "name": side.content["name"],
        "kind": side.content["kind"],
        "version": side.number,
        "purpose": side.purpose,
        "in_force_from": moment(side.start) if side.start else None,
        "in_force_to": moment(side.end) if side.end else None,
    }


def _scores(found: TouchpointScores | None) -> dict[str, Any]:
    if found is None:
        return {"series": None, "scores": {}}
    series = {True: "continues", False: "anew", None: None}[found.continues]
    return {
        "series": series,
        "scores": {
            pair.metric: {
                "a": pair.a.as_json() if pair.a else None,
                "b": pair.b.as_json() if pair.b else None,
                "change": _change(pair.change),
                "not_comparable": pair.why or None,
            }
            for pair in found.scores
        },
    }


def _change(change: Change | None) -> dict[str, Any] | None:
    if change is None:
        return None
    numbers = {name: round(getattr(change, name), 4) for name in ("difference", "low", "high")}
    return {**numbers, "significant": change.significant, "better": change.better, "unit": change.unit}


def _stage(stage: StagePair) -> dict[str, Any]:
    return {
        "state": stage.state,
        **{side: _without(row, "steps") for side, row in (("a", stage.a), ("b", stage.b))},
        "steps": [_step(step) for step in stage.steps],
    }


def _step(step: StepPair) -> dict[str, Any]:
    return {
        "state": step.state,
        **{side: _without(row, "cards", "touchpoints") for side, row in (("a", step.a), ("b", step.b))},
        "stage_on_the_other_side": step.elsewhere or None,
        "touchpoints": [
            {"touchpoint": place.key, "state": place.state, "a": place.in_a, "b": place.in_b} for place in step.places
        ],
        "lanes": [_lane(lane) for lane in step.lanes],
    }


def _lane(lane: LanePair) -> dict[str, Any]:
    cards: list[Pair[Any]] = list(lane.cards)
    return {"key": lane.key, "title": lane.title, "cards": [{"state": c.state, "a": c.a, "b": c.b} for c in cards]}


def _without(row: Any, *names: str) -> dict[str, Any] | None:
    return None if row is None else {name: value for name, value in row.items() if name not in names}
