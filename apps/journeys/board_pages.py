"""The page of a map: board, table or matrix, for members and for guests of a workshop."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.utils.translation import gettext_lazy

from apps.journeys import queries, registry
from apps.journeys.access import may_edit, may_see_draft, measuring
from apps.journeys.addresses import map_context
from apps.journeys.around import card_entries, other_kind, pages_beside, read_around
from apps.journeys.board import build_board
from apps.journeys.content import EVIDENCE, OTHER_LANES, STANDARD_LANES
from apps.journeys.forms import PublishForm
from apps.journeys.map_filters import MapFilterForm
from apps.journeys.matrix import build_matrix, read_matrix_order
from apps.journeys.models import Evidence, Journey
from apps.journeys.overlay import read_overlay
from apps.journeys.presence import initials_of
from apps.journeys.queries import MapView
from apps.journeys.services.edits import undo_and_redo
from apps.metrics.populations import population_choices
from apps.touchpoints.periods import with_usual_period
from cxm.channels import Channel
from cxm.web.http import MemberRequest
from cxm.web.views import render_page

VIEWS = {"board": gettext_lazy("Board"), "table": gettext_lazy("Table"), "matrix": gettext_lazy("Matrix")}


def board_page(request: MemberRequest, journey: Journey) -> HttpResponse:
    """A map as its reader may see it. htmx is given the emotion lane alone, or with `?part=board` the whole board."""
    view = shown_map(request, journey)
    editable = view.number is None and journey.archived_at is None and may_edit(request.actor, journey)
    params = with_usual_period(request.GET)
    evidence = request.GET.get("evidence", "")
    evidence = evidence if evidence in EVIDENCE else ""
    over = read_overlay(
        actor=measuring(request.actor, journey),
        organization=request.organization,
        view=view,
        params=params,
        while_in_force=bool(request.GET.get("version")),
    )
    around = read_around(request, view)
    board = build_board(view, over, around=around, editable=editable, evidence=evidence)
    shown = view_name(request)
    populations = population_choices(request.actor) if request.actor.can("metrics.view") else {}
    undo, redo = undo_and_redo(request.actor, journey) if editable else (False, False)
    context: dict[str, Any] = {
        **map_context(request, journey),
        "map": view,
        "board": board,
        "editable": editable,
        "evidence": evidence,
        "view": shown,
        "views": VIEWS,
        "filters": MapFilterForm(params, **populations) if over.is_live else None,
        "filter_query": over.filters.query.urlencode(),
        "undo": undo,
        "redo": redo,
        "publish_form": PublishForm(),
        "can_measure": over.is_live,
        "other_kind": other_kind(request.actor, journey),
        "pages": pages_beside(request, journey, is_draft=view.number is None),
        "card_entries": card_entries(request) if editable else [],
        "bars": registry.board_bars(request=request, journey_id=journey.pk),
        "evidence_choices": Evidence.choices,
        "channels": Channel.choices,
        "me": {"name": request.actor.name, "initials": initials_of(request.actor.name)},
    }
    if shown == "matrix":
        context["matrix"] = build_matrix(board, read_matrix_order(request.GET))
    if editable:
        keys = {lane.key for lane in board.lanes}
        context["more_lanes"] = [(k, t) for k, t in {**STANDARD_LANES, **OTHER_LANES}.items() if k not in keys]
    part = "board" if request.GET.get("part") == "board" else "emotion"
    response = render_page(request, "journeys/board.html", context, partial=part)
    response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "User-Agent"]))
    return response


def shown_map(request: MemberRequest, journey: Journey) -> MapView:
    """The version the address names, else the draft for those who edit and the published map for the others."""
    text = request.GET.get("version", "")
    if text:
        if not (text.isascii() and text.isdigit() and len(text) < 9):
            raise Http404
        return queries.version_view(journey, int(text))
    if may_see_draft(request.actor, journey):
        return queries.draft_view(journey)
    return queries.version_view(journey, journey.published_version)


def view_name(request: MemberRequest) -> str:
    """`board`, `table` or `matrix`: what the address says, else the table on phones."""
    asked = request.GET.get("view", "")
    if asked in VIEWS:
        return asked
    return "table" if "Mobi" in request.headers.get("User-Agent", "") else "board"
