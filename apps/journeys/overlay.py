"""What lies over a map for one reader: filters, live scores, ideas, insights, curves, and where the numbers lead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.urls import NoReverseMatch

from apps.journeys.curves import Curves, CurveStep, build_curves
from apps.journeys.live import LiveLayer
from apps.journeys.map_filters import MapFilters, filters_of, read_map_filters
from apps.journeys.models import JourneyVersion
from apps.journeys.queries import MapView, TouchpointScore, instants, live_scores, within
from apps.journeys.registry import StepInsights, insights_of
from apps.touchpoints import registry
from cxm.actor import Actor
from cxm.charts import Paint
from cxm.web.urls import org_url


@dataclass(frozen=True)
class Links:
    """Where the numbers of a map lead: the answers behind them, and a survey for what is not measured."""

    filters: MapFilters
    metric: str
    feedback: str = ""
    survey: str = ""
    ideas: str = ""

    @classmethod
    def of(cls, actor: Actor, organization: Any, filters: MapFilters, metric: str) -> Links:
        """The pages that this reader may open; "" for all others."""

        def page(name: str, permission: str) -> str:
            try:
                return org_url(organization, name) if actor.can(permission) else ""
            except NoReverseMatch:
                return ""

        return cls(
            filters,
            metric,
            feedback=page("dashboards:feedback", "feedback.view"),
            survey=page("surveys:create", "surveys.edit"),
            ideas=page("ideas:list", "ideas.view"),
        )

    def answers(self, touchpoint: str, metric: str, since: datetime | None = None) -> str:
        """The answers behind a score of a touchpoint: the same filters, and where its series starts anew since then."""
        if not self.feedback:
            return ""
        start = {"from": since.isoformat()} if since else {}
        return f"{self.feedback}?{self.filters.query_with(touchpoint=touchpoint, metric=metric, **start)}"

    def new_survey(self, touchpoint: str) -> str:
        """A new survey for a touchpoint nobody measures."""
        query = urlencode({"touchpoint": touchpoint, "kind": self.metric})
        return f"{self.survey}?{query}" if self.survey else ""

    def ideas_of(self, touchpoint: str) -> str:
        """The ideas about a touchpoint."""
        return f"{self.ideas}?{urlencode({'touchpoint': touchpoint})}" if self.ideas else ""


@dataclass(frozen=True)
class Overlay:
    """All of it. `scores` and `ideas` by touchpoint id, `insights` by step id; `is_live`: whether scores are shown."""

    filters: MapFilters
    scores: Mapping[UUID, TouchpointScore]
    ideas: Mapping[UUID, int]
    insights: Mapping[str, StepInsights]
    links: Links
    is_live: bool


def read_overlay(
    *, actor: Actor, organization: Any, view: MapView, params: QueryDict, while_in_force: bool = False
) -> Overlay:
    """Read what lies over a map, for somebody who may see the map; no scores for those who may not see metrics.

    `while_in_force` limits the scores to when the version shown was in force. The same number of queries for a map of
    any size. Raises DomainErrors naming each filter that cannot be understood.
    """
    is_live = actor.can("metrics.view")
    filters = read_map_filters(params if is_live else QueryDict(), actor, organization)
    ids = [row.pk for row in view.touchpoints.values()]
    scores: list[TouchpointScore] = []
    if is_live:
        if while_in_force:
            filters = _in_force(filters, view)
        scores = live_scores(view, filters.selection, organization=organization, with_starts=not while_in_force)
    return Overlay(
        filters=filters,
        scores={score.touchpoint.pk: score for score in scores},
        ideas=dict(registry.figure("ideas", ids)) if actor.can("ideas.view") else {},
        insights=insights_of(actor=actor, journey_id=view.journey.pk),
        links=Links.of(actor, organization, filters, view.content["metric"]),
        is_live=is_live,
    )


def _in_force(filters: MapFilters, view: MapView) -> MapFilters:
    """The filters cut to when the version was in force, in what is read and in what links carry."""
    version = JourneyVersion.objects.get(journey=view.journey, number=view.number or 0)
    selection = within(filters.selection, version.in_force_from, version.in_force_to)
    if selection == filters.selection:
        return filters
    query = filters_of(filters.query)
    for name, moment in zip(("from", "to"), instants(selection), strict=True):
        if moment is None:
            query.pop(name, None)
        else:
            query[name] = moment.isoformat()
    return replace(filters, selection=selection, query=query)


def curves_over(view: MapView, over: Overlay, *, paint: Paint = "css", step_width: int = 192) -> Curves:
    """The three curves of a map on their own, to be read: belief, insights and measurement of every step. No query."""
    live = LiveLayer(view, over.scores, over.ideas, over.links)
    steps = [
        CurveStep(step["id"], step["name"], step["belief"], live.places(step), stage["name"], step["moment_of_truth"])
        for stage in view.content["stages"]
        for step in stage["steps"]
    ]
    return build_curves(
        steps,
        view.content["metric"],
        insights=over.insights,
        is_live=over.is_live,
        paint=paint,
        step_width=step_width,
    )
