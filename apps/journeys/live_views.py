"""The page of a map's curves: belief against measurement, what insights say, and the customers' own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.http import HttpResponse, QueryDict
from django.utils.text import Truncator
from django.views.decorators.http import require_safe

from apps.journeys import queries
from apps.journeys.board_pages import shown_map
from apps.journeys.curves import Gap
from apps.journeys.map_filters import MapFilterForm
from apps.journeys.overlay import Overlay, curves_over, read_overlay
from apps.metrics.counting import all_surveys
from apps.metrics.feedback import feedback, read_feedback_filter
from apps.metrics.populations import population_choices
from apps.surveys.holding import readable_comment
from apps.touchpoints.periods import with_usual_period
from cxm.actor import Actor
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page

MOST_QUOTED = 5
QUOTES = 2
LONGEST_QUOTE = 300


@dataclass(frozen=True)
class ToldGap:
    """A gap with what customers wrote on the side where they stand."""

    gap: Gap
    quotes: list[str] = field(default_factory=list)


@permission_required("metrics.view")
@require_safe
def journey_curves(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The biggest delusions of a map, its three curves, and the steps that have no measured point, with the reason."""
    journey = queries.journey_for(request.actor, pk)
    view = shown_map(request, journey)
    params = with_usual_period(request.GET)
    over = read_overlay(
        actor=request.actor,
        organization=request.organization,
        view=view,
        params=params,
        while_in_force=bool(request.GET.get("version")),
    )
    curves = curves_over(view, over)
    context = {
        "journey": journey,
        "map": view,
        "base": org_url(request.organization, "journeys:detail", pk=journey.pk),
        "filters": MapFilterForm(params, **population_choices(request.actor)),
        "filter_query": over.filters.query.urlencode(),
        "curves": curves,
        "delusions": told(request.actor, request.organization, curves.delusions, over),
    }
    return render_page(request, "journeys/curves.html", context)


def told(actor: Actor, organization: Any, gaps: Sequence[Gap], over: Overlay) -> list[ToldGap]:
    """The gaps, the first MOST_QUOTED of them with two comments from the side where the customers stand.

    No comments for those who may not read feedback; addresses and numbers hidden from those whose role hides them.
    Two queries for each gap that is quoted at most, one for all.
    """
    if not gaps or not actor.can("feedback.view"):
        return [ToldGap(gap) for gap in gaps]
    surveys = all_surveys()
    return [
        ToldGap(gap, _quotes(actor, organization, gap, over, surveys) if index < MOST_QUOTED else [])
        for index, gap in enumerate(gaps)
    ]


def _quotes(actor: Actor, organization: Any, gap: Gap, over: Overlay, surveys: Any) -> list[str]:
    place = gap.point.measured.place
    if place is None:
        return []
    since = {"from": place.since.isoformat()} if place.since else {}
    asked = over.filters.query_with(
        touchpoint=place.key,
        metric=over.links.metric,
        band="detractor" if gap.gap > 0 else "promoter",
        comment="1",
        **since,
    )
    wanted = read_feedback_filter(QueryDict(asked), actor=actor, organization=organization)
    rows = feedback(wanted, among=surveys).rows[:QUOTES]
    return [Truncator(readable_comment(row, actor)).chars(LONGEST_QUOTE) for row in rows]
