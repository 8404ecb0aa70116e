"""`journeys/{id}/paths/`, `.../conversion/`, `.../handovers/` and `customers/{id}/position/`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.customers.queries import customer_for
from apps.journeys.api import read_version
from apps.journeys.models import Journey
from apps.paths.definition import Definition, define, read_scope
from apps.paths.models import PathReport
from apps.paths.position import position_of
from apps.paths.queries import Found, ask, between, map_for
from apps.paths.services import percent_of
from cxm.api.problems import BadBody
from cxm.api.routers import ApiRouter
from cxm.api.serializers import UtcDateTimeField
from cxm.api.viewsets import ApiView
from cxm.errors import NotFound

RETRY_AFTER = 5
"""Seconds after which to ask again for what is being counted."""

PARAMETERS = [
    OpenApiParameter("from", str, description="Day (included, in the organisation's zone) or time."),
    OpenApiParameter("to", str, description="Day (included) or time (excluded)."),
    OpenApiParameter("segment", str, description="Only customers who belong to this segment now."),
    OpenApiParameter("persona", str, description="Only the people behind this persona."),
    OpenApiParameter("channel", str, description="Only interactions by this channel; several are comma-separated."),
    OpenApiParameter("version", int, description="The touchpoints of this version; by default of the published map."),
]
KEY = {"type": "string", "description": "Key of a touchpoint."}
COUNT = {"type": "integer", "minimum": 0}
SECONDS = {"type": "number", "minimum": 0}
RATE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
MOMENT = {"type": "string", "format": "date-time"}
SHARE = {
    "type": "object",
    "required": ["n", "rate"],
    "properties": {"n": COUNT, "rate": RATE, "low": RATE, "high": RATE},
}


def _list_of(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "required": required, "properties": properties}}


PATHS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["customers", "follow", "edges", "variants", "unmapped"],
    "properties": {
        "customers": {**COUNT, "description": "Customers with an event that a touchpoint of the map matches."},
        "follow": {
            **SHARE,
            "description": "Customers who met the map's touchpoints in its order, skipping none.",
        },
        "edges": _list_of(
            ["from", "to", "n", "customers", "median_seconds"],
            {
                "from": KEY,
                "to": KEY,
                "n": COUNT,
                "customers": COUNT,
                "median_seconds": SECONDS,
                "q1_seconds": SECONDS,
                "q3_seconds": SECONDS,
                "kind": {"type": "string", "enum": ["next", "skip", "back", "repeat"]},
                "rate": {**RATE, "description": "Of all `customers`."},
            },
        ),
        "variants": _list_of(
            ["touchpoints", "customers"],
            {"touchpoints": {"type": "array", "items": KEY}, "customers": COUNT, "rate": RATE},
        ),
        "variant_count": {**COUNT, "description": "How many different whole walks there are; the top 100 are listed."},
        "unmapped": _list_of(["event", "n"], {"event": {"type": "string"}, "n": COUNT}),
        "elsewhere": _list_of(
            ["event", "touchpoint", "n"], {"event": {"type": "string"}, "touchpoint": KEY, "n": COUNT}
        ),
        "skip": SHARE,
        "loop": SHARE,
        "drop_off": SHARE,
        "touchpoints": _list_of(
            ["touchpoint", "customers"],
            {
                "touchpoint": KEY,
                "rate": RATE,
                **dict.fromkeys(("customers", "visits", "entered", "left", "skipped", "repeated"), COUNT),
            },
        ),
        "anonymous": {**COUNT, "description": "Matched events of visitors whom nobody knows; they are not counted."},
        "as_of": MOMENT,
    },
}
PENDING_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["state", "percent"],
    "properties": {
        "state": {"type": "string", "enum": ["computing"]},
        "percent": COUNT,
    },
}
FIGURES = {
    **dict.fromkeys(("entered", "ended", "achieved", "not_achieved", "open", "open_achieved"), COUNT),
    "rate": RATE,
    "low": RATE,
    "high": RATE,
    **{name: {"type": ["number", "null"]} for name in ("median_seconds", "q1_seconds", "q3_seconds")},
}
CONVERSION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["all", "channels", "segments"],
    "properties": {
        "all": {"type": ["object", "null"], "properties": FIGURES},
        "channels": _list_of(["channel"], {"channel": {"type": "string"}, **FIGURES}),
        "segments": _list_of(["segment"], {"segment": {"type": "string"}, "name": {"type": "string"}, **FIGURES}),
        "as_of": MOMENT,
    },
}
HANDOVERS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["cells"],
    "properties": {
        "cells": _list_of(
            ["from", "to", "n", "median_seconds", "repeat_n", "repeat_rate"],
            {
                "from": {"type": "string"},
                "to": {"type": "string"},
                "n": COUNT,
                "median_seconds": SECONDS,
                "repeat_n": COUNT,
                "repeat_rate": RATE,
            },
        ),
        "as_of": MOMENT,
    },
}


class NotCounted(exceptions.APIException):
    """A count that was stopped, or could not be finished."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE


class MapView(ApiView):
    """What a question about a map answers."""

    required_permissions = {"get": "paths.view"}
    kind = ""

    def definition(self, request: Request, journey: Journey) -> Definition:
        """What is asked: the touchpoints of the map, and the scope of the query string."""
        params = request.query_params
        organization = self.request.organization  # type: ignore[attr-defined]
        scope = read_scope(params, actor=self.request.actor, organization=organization)  # type: ignore[attr-defined]
        return define(map_for(journey, read_version(params.get("version", ""))), scope)

    def answer(self, request: Request, journey_id: UUID) -> Response:
        """200 with the numbers; 202 with `Retry-After` while they are counted, where there is much to count."""
        journey = Journey.objects.filter(pk=journey_id, archived_at=None).first()
        if journey is None:
            raise NotFound
        definition = self.definition(request, journey)
        actor = self.request.actor  # type: ignore[attr-defined]
        return represent(ask(actor=actor, journey=journey, kind=self.kind, definition=definition))


def represent(found: Found) -> Response:
    """An answer, or that it is being counted. Raises NotCounted when a count was stopped or has failed."""
    if found.result is not None and found.as_of is not None and found.is_current:
        moment = UtcDateTimeField().to_representation(found.as_of)
        response = Response({**found.result, "as_of": moment})
        response.tagged_by = found.result  # type: ignore[attr-defined]
        return response
    if found.report is not None and found.report.state in (PathReport.State.FAILED, PathReport.State.STOPPED):
        raise NotCounted(found.report.error or _("The count was stopped. Start it again from the page of the map."))
    percent = percent_of(found.report) if found.report else 0
    headers = {"Retry-After": str(RETRY_AFTER)}
    return Response({"state": "computing", "percent": percent}, status=202, headers=headers)


class PathsView(MapView):
    """The ways that customers really take over the touchpoints of a map."""

    kind = PathReport.Kind.PATHS

    @extend_schema(parameters=PARAMETERS, responses={200: PATHS_SCHEMA, 202: PENDING_SCHEMA})
    def get(self, request: Request, journey_id: UUID) -> Response:
        """Directly-follows edges, whole walks, who follows the map, and events that no touchpoint claims.

        Over events that the map's touchpoints match, by customer and in time order; the published map, or the draft
        while nothing is published. More than 300,000 interactions are counted by a worker: then 202 until it is done.
        """
        return self.answer(request, journey_id)


class ConversionView(MapView):
    """From one touchpoint of a map to another."""

    kind = PathReport.Kind.CONVERSION

    def definition(self, request: Request, journey: Journey) -> Definition:
        params = request.query_params
        days = params.get("days", "30")
        if not (days.isascii() and days.isdigit() and len(days) <= 6):
            raise BadBody(_("Give a number of days, such as 30."), field="days", code="invalid")
        asked = super().definition(request, journey)
        return between(asked, source=params.get("source", ""), target=params.get("target", ""), days=int(days))

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "source", str, description="Key of the touchpoint they come from; by default the map's first."
            ),
            OpenApiParameter(
                "target", str, description="Key of the touchpoint they are to reach; by default the last."
            ),
            OpenApiParameter("days", int, description="Within so many days of 24 hours; 30 by default."),
            *PARAMETERS,
        ],
        responses={200: CONVERSION_SCHEMA, 202: PENDING_SCHEMA},
    )
    def get(self, request: Request, journey_id: UUID) -> Response:
        """How many of those who came by one touchpoint reached another in time, by channel and segment.

        Counted from the first visit in the window. `rate` is over those whose days have ended; `open` could still.
        """
        return self.answer(request, journey_id)


class HandoversView(MapView):
    """From channel to channel."""

    kind = PathReport.Kind.HANDOVERS

    @extend_schema(parameters=PARAMETERS, responses={200: HANDOVERS_SCHEMA, 202: PENDING_SCHEMA})
    def get(self, request: Request, journey_id: UUID) -> Response:
        """From the channel of a visit to that of the customer's next: volume, median wait, repeat contact.

        `repeat_n` counts those who came by the same touchpoint again within seven days.
        """
        return self.answer(request, journey_id)


POSITION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["maps"],
    "properties": {"maps": {"type": "array", "items": {"type": "object"}}},
}


class PositionView(ApiView):
    """Where a customer is on the maps."""

    required_permissions = {"get": "paths.view"}

    @extend_schema(responses={200: POSITION_SCHEMA})
    def get(self, request: Request, customer_id: UUID) -> Response:
        """For every published map they touched: where they are, their path, what comes next, the worst score so far."""
        actor = self.request.actor  # type: ignore[attr-defined]
        customer = customer_for(actor, customer_id)
        return Response({"maps": [one.as_json() for one in position_of(actor, customer)]})


def register(router: ApiRouter) -> None:
    """Add what is known of ways to maps and customers."""
    router.register_view("journeys/<uuid:journey_id>/paths/", PathsView, name="journey-paths")
    router.register_view("journeys/<uuid:journey_id>/conversion/", ConversionView, name="journey-conversion")
    router.register_view("journeys/<uuid:journey_id>/handovers/", HandoversView, name="journey-handovers")
    router.register_view("customers/<uuid:customer_id>/position/", PositionView, name="customer-position")
