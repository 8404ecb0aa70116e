"""The page that says what is known of every touchpoint of a map, and what stands behind it."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse

from apps.journeys import queries
from apps.journeys.board_pages import shown_map
from apps.journeys.content import iter_steps
from apps.touchpoints.backstage import backstage_of
from apps.touchpoints.queries import coverage_lines, coverage_of, known_of
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page


@permission_required("journeys.view")
def journey_coverage(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Owner, event, survey, promise, backstage and measurement of every touchpoint on the map, in map order."""
    journey = queries.journey_for(request.actor, pk)
    view = shown_map(request, journey)
    rows = list(view.touchpoints.values())
    known = known_of(actor=request.actor, organization=request.organization, rows=rows)
    behind = backstage_of([row.pk for row in rows])
    steps: dict[str, list[str]] = {}
    for step in iter_steps(view.content["stages"]):
        for key in step["touchpoints"]:
            steps.setdefault(key, []).append(step["name"])
    context = {
        "journey": journey,
        "map": view,
        "lines": coverage_lines(coverage_of(known.values())),
        "rows": [
            {
                "touchpoint": view.touchpoints[key],
                "steps": names,
                "known": known[view.touchpoints[key].pk],
                "backstage": behind.get(view.touchpoints[key].pk, []),
            }
            for key, names in steps.items()
            if key in view.touchpoints
        ],
    }
    return render_page(request, "journeys/coverage.html", context)
