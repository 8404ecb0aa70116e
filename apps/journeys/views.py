"""The pages of journey maps: list, board, versions."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse, QueryDict
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.journeys import queries, services
from apps.journeys.board import build_board
from apps.journeys.content import EVIDENCE
from apps.journeys.forms import OUTLINE, JourneyForm, NewJourneyForm, PublishForm
from apps.journeys.models import Journey
from apps.journeys.queries import MapView, TouchpointScore
from apps.journeys.services.edits import undo_and_redo
from apps.metrics.filters import read_selection
from apps.touchpoints import registry
from apps.touchpoints.periods import PeriodForm, period_parameters, with_usual_period
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50
SORTS = {"name": "name", "changed": "updated_at", "version": "published_version"}


@permission_required("journeys.view")
def journey_list(request: MemberRequest) -> HttpResponse:
    """The maps one may see."""
    archived = bool(request.GET.get("archived")) and request.actor.can("journeys.edit")
    rows = queries.journeys(request.actor).filter(archived_at__isnull=not archived)
    sort = request.GET.get("sort", "")
    column = SORTS.get(sort.removeprefix("-"), "updated_at")
    sign = "-" if sort.startswith("-") or not sort else ""
    page = Paginator(rows.order_by(f"{sign}{column}", "id"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render_page(request, "journeys/list.html", {"page": page, "archived": archived}, partial="list")


@permission_required("journeys.edit")
def journey_create(request: MemberRequest) -> HttpResponse:
    """A first map in under a minute: a name and the stages as lines."""
    blank = request.GET.get("start") == "blank"
    outline = "" if blank else "\n".join(str(name) for name in OUTLINE)
    form = NewJourneyForm(request.POST or None, initial={"stages": outline, "persona": request.GET.get("persona")})
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            journey = services.create_journey(
                actor=request.actor,
                name=form.cleaned_data["name"],
                persona=form.cleaned_data["persona"],
                metric=form.cleaned_data["metric"],
                stages=form.stage_list(),
            )
            return see_other(request, org_url(request.organization, "journeys:detail", pk=journey.pk))
    return render_page(request, "journeys/new.html", {"form": form, "blank": blank})


@permission_required("journeys.view")
def journey_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The map: the draft for those who edit, what is published for everybody else, or one version of it."""
    journey = queries.journey_for(request.actor, pk)
    view = shown_map(request, journey)
    editable = view.number is None and journey.archived_at is None
    params = with_usual_period(request.GET)
    evidence = request.GET.get("evidence", "")
    evidence = evidence if evidence in EVIDENCE else ""
    scores, ideas = live(request, view, params)
    links = Links(request, params, view.content["metric"])
    board = build_board(view, scores, ideas, links=links, editable=editable, evidence=evidence)
    undo, redo = undo_and_redo(request.actor, journey) if editable else (False, False)
    context = {
        "journey": journey,
        "map": view,
        "board": board,
        "editable": editable,
        "evidence": evidence,
        "view": view_name(request),
        "period": PeriodForm(params),
        "undo": undo,
        "redo": redo,
        "publish_form": PublishForm(),
        "base": org_url(request.organization, "journeys:detail", pk=journey.pk),
        "can_measure": request.actor.can("metrics.view"),
    }
    response = render_page(request, "journeys/board.html", context, partial="emotion")
    response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "User-Agent"]))
    return response


@permission_required("journeys.edit")
def journey_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Name, persona and metric of a map, and putting it away."""
    journey = queries.journey_for(request.actor, pk)
    initial = {"name": journey.name, "persona": journey.persona_id, "metric": journey.metric}
    form = JourneyForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_journey(actor=request.actor, journey=journey, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))
    return render_page(request, "journeys/form.html", {"form": form, "journey": journey})


@permission_required("journeys.edit")
@require_POST
def journey_archive(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Put a map away or bring it back."""
    journey = queries.journey_for(request.actor, pk)
    if journey.archived_at is None:
        services.archive_journey(actor=request.actor, journey=journey)
        messages.success(request, _("Archived. It is in the list under “Archived”."))
        return see_other(request, org_url(request.organization, "journeys:list"))
    services.unarchive_journey(actor=request.actor, journey=journey)
    messages.success(request, _("Back in the list."))
    return see_other(request, org_url(request.organization, "journeys:detail", pk=pk))


@permission_required("journeys.edit")
@require_POST
def journey_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a map that was never published; a published one is archived."""
    journey = queries.journey_for(request.actor, pk)
    services.delete_journey(actor=request.actor, journey=journey)
    messages.success(request, _("The map is gone from the list."))
    return see_other(request, org_url(request.organization, "journeys:list"))


# ---------------------------------------------------------------------------------------------------------------------
# What the board shows


class Links:
    """Where the numbers of a board lead: the answers behind them, and a survey for what is not measured."""

    def __init__(self, request: MemberRequest, params: QueryDict, metric: str) -> None:
        self.period = period_parameters(params)
        self.metric = metric
        self.feedback = self._page(request, "dashboards:feedback", "feedback.view")
        self.survey = self._page(request, "surveys:create", "surveys.edit")
        self.ideas = self._page(request, "ideas:list", "ideas.view")

    @staticmethod
    def _page(request: MemberRequest, name: str, permission: str) -> str:
        """The address of a page of another app, "" when this person may not open it."""
        try:
            return org_url(request.organization, name) if request.actor.can(permission) else ""
        except NoReverseMatch:
            return ""

    def answers(self, touchpoint: str, metric: str) -> str:
        """The answers behind a score of a touchpoint, over the same period."""
        query = urlencode({"touchpoint": touchpoint, "metric": metric, **self.period})
        return f"{self.feedback}?{query}" if self.feedback else ""

    def new_survey(self, touchpoint: str) -> str:
        """A new survey for a touchpoint nobody measures."""
        query = urlencode({"touchpoint": touchpoint, "kind": self.metric})
        return f"{self.survey}?{query}" if self.survey else ""

    def ideas_of(self, touchpoint: str) -> str:
        """The ideas about a touchpoint."""
        return f"{self.ideas}?{urlencode({'touchpoint': touchpoint})}" if self.ideas else ""


def shown_map(request: MemberRequest, journey: Journey) -> MapView:
    """The version the address names, else the draft for those who edit and the published map for the others."""
    text = request.GET.get("version", "")
    if text:
        if not (text.isascii() and text.isdigit() and len(text) < 9):
            raise Http404
        return queries.version_view(journey, int(text))
    if request.actor.can("journeys.edit"):
        return queries.draft_view(journey)
    return queries.version_view(journey, journey.published_version)


def live(
    request: MemberRequest, view: MapView, params: QueryDict
) -> tuple[dict[UUID, TouchpointScore], dict[UUID, int]]:
    """Scores and numbers of ideas by touchpoint id; no scores for those who may not see metrics.

    A version named by the address shows the experiences while it was in force.
    """
    ids = [row.pk for row in view.touchpoints.values()]
    ideas = dict(registry.figure("ideas", ids))
    if not request.actor.can("metrics.view"):
        return {}, ideas
    if view.number is not None and request.GET.get("version"):
        found = queries.journey_scores(
            actor=request.actor,
            organization=request.organization,
            journey=view.journey,
            params=params,
            version=view.number,
        ).touchpoints
    else:
        selection = read_selection(queries.window_of(params), actor=request.actor, organization=request.organization)
        found = queries.scores_on(request.actor, view.touchpoints, selection, list(view.touchpoints))
    return {score.touchpoint.pk: score for score in found}, ideas


def view_name(request: MemberRequest) -> str:
    """`board` or `table`: what the address says, else the table on phones."""
    asked = request.GET.get("view", "")
    if asked in ("board", "table"):
        return asked
    return "table" if "Mobi" in request.headers.get("User-Agent", "") else "board"
