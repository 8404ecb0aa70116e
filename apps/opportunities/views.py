"""The opportunity pages: list, roadmap, matrix, one opportunity with its evidence."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse, JsonResponse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from apps.ideas.models import Idea
from apps.insights.filters import name_places
from apps.insights.places import Place, Ref, resolve
from apps.insights.queries import insights as readable_insights
from apps.journeys.models import StepTouchpoint
from apps.journeys.queries import journey_for
from apps.opportunities import queries, services
from apps.opportunities.evidence import DAYS, evidence_of
from apps.opportunities.filters import OpportunityFilter
from apps.opportunities.forms import BEGINNING, EvidenceForm, OpportunityForm, ScoreForm
from apps.opportunities.matrix import AXES, build_matrix
from apps.opportunities.models import Opportunity, OpportunityIdea, OpportunityInsight
from apps.touchpoints.models import Touchpoint
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other, wants_json

PAGE_SIZE: Final = 50
SORTS: Final = {
    "roadmap": (F("rank").asc(),),
    "title": (F("title_lower").asc(),),
    "-title": (F("title_lower").desc(),),
    "customer_value": (F("customer_value").asc(nulls_last=True),),
    "-customer_value": (F("customer_value").desc(nulls_last=True),),
    "business_value": (F("business_value").asc(nulls_last=True),),
    "-business_value": (F("business_value").desc(nulls_last=True),),
    "effort": (F("effort").asc(nulls_last=True),),
    "-effort": (F("effort").desc(nulls_last=True),),
    "evidence": (F("evidence_count").asc(),),
    "-evidence": (F("evidence_count").desc(),),
    "due": (F("due_date").asc(nulls_last=True),),
    "-due": (F("due_date").desc(nulls_last=True),),
    "created": (F("created_at").asc(),),
    "-created": (F("created_at").desc(),),
}
OFFERED_INSIGHTS: Final = 200


@permission_required("opportunities.view")
@require_safe
def opportunity_list(request: MemberRequest) -> HttpResponse:
    """Every opportunity, filtered and sorted."""
    found, rows = _filtered(request)
    sort = request.GET.get("sort", "")
    page = Paginator(rows.order_by(*SORTS.get(sort, SORTS["-created"]), "-pk"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    shown = list(page.object_list)
    context = {
        "filter": found,
        "page": page,
        "rows": [{"row": row, "place": place} for row, place in _with_places(request, shown)],
        "create_query": _create_query(request),
        "view": "list",
        "view_query": _shared_query(request),
    }
    return render_page(request, "opportunities/list.html", context, partial="list")


@permission_required("opportunities.view")
@require_safe
def roadmap(request: MemberRequest) -> HttpResponse:
    """The board: by status, or by horizon (`?by=horizon`)."""
    found, rows = _filtered(request)
    board = "horizon" if request.GET.get("by") == "horizon" else "status"
    context = {
        "filter": found,
        "board": board,
        "columns": queries.columns(request.actor, rows, board),
        "view": board,
        "view_query": _shared_query(request),
        "create_query": _create_query(request),
        "undo": _undo_of(request, board),
        "back": request.get_full_path(),
    }
    return render_page(request, "opportunities/roadmap.html", context)


@permission_required("opportunities.view")
@require_safe
def matrix(request: MemberRequest) -> HttpResponse:
    """Opportunities on two axes; what is done or dropped is drawn when the filter asks for it."""
    found, rows = _filtered(request)
    x, y = request.GET.get("x", ""), request.GET.get("y", "")
    x, y = x if x in AXES else "effort", y if y in AXES else "customer_value"
    if not request.GET.getlist("status"):
        rows = rows.exclude(status__in=services.CLOSED)
    built = build_matrix(list(rows.order_by("rank", "pk")[:500]), x, y)
    context = {
        "filter": found,
        "matrix": built,
        "axes": AXES.items(),
        "x_title": AXES[x],
        "y_title": AXES[y],
        "view": "matrix",
        "view_query": _shared_query(request),
        "create_query": _create_query(request),
    }
    return render_page(request, "opportunities/matrix.html", context)


@permission_required("opportunities.view")
@require_safe
def opportunity_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One opportunity with everything that speaks for it, and what that suggests."""
    return _detail(request, queries.opportunity_for(request.actor, pk))


@permission_required("opportunities.edit")
def opportunity_create(request: MemberRequest) -> HttpResponse:
    """Write an opportunity; card, step, touchpoint, insight or idea may be named in the address."""
    initial = _from_address(request)
    form = OpportunityForm(request.POST or None, actor=request.actor, initial=initial)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            evidence = {f"{kind}s": [pk] for kind in ("insight", "idea") if (pk := parse_uuid(request.GET.get(kind)))}
            row = services.create_opportunity(actor=request.actor, **form.values(), **evidence)
            messages.success(request, _("Opportunity written."))
            return see_other(request, _page_of(request, row))
    return render_page(request, "opportunities/form.html", {"form": form, "opportunity": None})


@permission_required("opportunities.edit")
def opportunity_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change an opportunity."""
    row = queries.opportunity_for(request.actor, pk)
    place = queries.places_of(request.actor, [row]).get(row.pk)
    label = place.label if place else ""
    form = OpportunityForm(request.POST or None, actor=request.actor, opportunity=row, place_label=label)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_opportunity(actor=request.actor, opportunity=row, **form.values(row))
            messages.success(request, _("Saved."))
            return see_other(request, _page_of(request, row))
    return render_page(request, "opportunities/form.html", {"form": form, "opportunity": row})


@permission_required("opportunities.edit")
@require_POST
def opportunity_move(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Move it on the roadmap: `status` or `horizon` names the column, `after` the card it shall follow ("" = first).

    Back to `next`, or for our module the words and what undoes it.
    """
    row = queries.opportunity_for(request.actor, pk)
    board = "horizon" if "horizon" in request.POST else "status"
    given = request.POST if "after" in request.POST else request.GET
    place = {"after": given["after"]} if "after" in given else {}
    moved = services.move_opportunity(actor=request.actor, opportunity=row, **{board: request.POST.get(board)}, **place)
    said = _("Moved “%(title)s” to %(column)s") % {
        "title": moved.opportunity.title,
        "column": getattr(moved.opportunity, f"get_{board}_display")(),
    }
    undo = {board: getattr(moved, board), "after": str(moved.after or "")}
    if wants_json(request):
        return JsonResponse({"said": said, "undo": undo})
    back = request.POST.get("next", "")
    if not back.startswith(org_url(request.organization, "opportunities:list")):
        back = _page_of(request, row)
        messages.success(request, said)
        return see_other(request, back)
    path, _mark, query = back.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in _UNDO]
    if "undone" not in request.POST:
        kept.append(urlencode({"moved": row.pk, "back": undo[board], "after": undo["after"]}))
    return see_other(request, f"{path}?{'&'.join(kept)}" if kept else path)


@permission_required("opportunities.edit")
@require_POST
def opportunity_score(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Give customer value, business value and effort beside the evidence."""
    row = queries.opportunity_for(request.actor, pk)
    form = ScoreForm(request.POST)
    if form.is_valid():
        with domain_errors_into(form):
            services.update_opportunity(actor=request.actor, opportunity=row, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return see_other(request, _page_of(request, row))
    return _detail(request, row, score_form=form)


@permission_required("opportunities.edit")
@require_POST
def opportunity_evidence(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Link an insight or an idea (`insight`, `idea` by number), or take one away (`remove_insight`, `remove_idea`)."""
    row = queries.opportunity_for(request.actor, pk)
    form = _evidence_form(request, row, request.POST)
    if form.is_valid():
        try:
            values = _evidence_values(request, row, form)
            services.update_opportunity(actor=request.actor, opportunity=row, **values)
        except DomainError as error:
            add_domain_errors(form, error)
        else:
            return see_other(request, f"{_page_of(request, row)}#evidence")
    return _detail(request, row, evidence_form=form)


@permission_required("opportunities.edit")
def opportunity_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove an opportunity."""
    row = queries.opportunity_for(request.actor, pk)
    if request.method == "POST":
        services.delete_opportunity(actor=request.actor, opportunity=row)
        messages.success(request, _("Opportunity removed."))
        return see_other(request, org_url(request.organization, "opportunities:list"))
    return render_page(request, "opportunities/delete.html", {"opportunity": row})


@permission_required("opportunities.view")
@require_safe
def map_opportunities(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The opportunities of a map: the list, filtered."""
    journey = journey_for(request.actor, pk)
    return see_other(request, f"{org_url(request.organization, 'opportunities:list')}?journey={journey.pk}")


# ----------------------------------------------------------------------------------------------------------------------

_UNDO: Final = ("moved", "back", "after")
_VIEW_OWN: Final = (*_UNDO, "by", "x", "y", "page", "sort")


def _filtered(request: MemberRequest) -> tuple[OpportunityFilter, Any]:
    found = OpportunityFilter(request.GET or None, queryset=queries.opportunities(request.actor), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    name_places(found.form, request.actor)
    return found, rows


def _with_places(request: MemberRequest, rows: list[Opportunity]) -> list[tuple[Opportunity, Place | None]]:
    places = queries.places_of(request.actor, rows)
    return [(row, places.get(row.pk)) for row in rows]


def _shared_query(request: MemberRequest) -> str:
    """The filters, which list, boards and matrix share."""
    query = request.GET.copy()
    for name in _VIEW_OWN:
        query.pop(name, None)
    return query.urlencode()


def _create_query(request: MemberRequest) -> str:
    query = request.GET.copy()
    for name in [*query]:
        if name not in ("journey", "step", "card", "touchpoint", "insight"):
            del query[name]
    return query.urlencode()


def _undo_of(request: MemberRequest, board: str) -> dict[str, Any] | None:
    """What a move without scripts left in the address: how to take it back."""
    pk = parse_uuid(request.GET.get("moved"))
    if pk is None or not request.actor.can("opportunities.edit"):
        return None
    row = Opportunity.objects.filter(pk=pk).first()
    back = request.GET.get("back", "")
    if row is None or back not in queries.BOARDS[board].values:
        return None
    return {
        "row": row,
        "board": board,
        "back": back,
        "after": request.GET.get("after", ""),
        "column": getattr(row, f"get_{board}_display")(),
    }


def _from_address(request: MemberRequest) -> dict[str, Any]:
    """What a new opportunity begins with: the words of the card, its touchpoint where the step has one, the persona."""
    initial: dict[str, Any] = {"title": BEGINNING}
    journey, step, card = (parse_uuid(request.GET.get(name)) for name in ("journey", "step", "card"))
    if journey:
        ref = Ref(journey, None if card else step, card)
        place = resolve(request.actor, [ref]).get(ref)
        if place:
            initial |= {"pain_point": place.card, "place_label": place.label}
            initial["place"] = f"card={journey}:{card}" if card else f"{journey}:{step or ''}"
            initial["persona"] = journey_for(request.actor, journey).persona_id
            placed = StepTouchpoint.objects.filter(step=place.step_id).order_by("position").select_related("touchpoint")
            first = placed.first()
            initial["touchpoint"] = first.touchpoint.key if first else None
    key = request.GET.get("touchpoint", "")
    if key and "\x00" not in key:
        touchpoint = Touchpoint.objects.filter(key=key).first()
        initial["touchpoint"] = touchpoint.key if touchpoint else initial.get("touchpoint")
    return initial


def _evidence_form(request: MemberRequest, row: Opportunity, data: Any = None) -> EvidenceForm:
    form = EvidenceForm(data)
    if request.actor.can("insights.view"):
        linked = OpportunityInsight.objects.filter(opportunity=row).values("insight_id")
        offered = readable_insights(request.actor).exclude(pk__in=linked).order_by("-created_at", "-pk")
        newest = list(offered.values_list("pk", flat=True)[:OFFERED_INSIGHTS])
        form.fields["insight"].queryset = readable_insights(request.actor).filter(pk__in=newest).order_by("-created_at")  # type: ignore[attr-defined]
    else:
        del form.fields["insight"]
    return form


def _evidence_values(request: MemberRequest, row: Opportunity, form: EvidenceForm) -> dict[str, Any]:
    insights = list(OpportunityInsight.objects.filter(opportunity=row).values_list("insight_id", flat=True))
    ideas = list(OpportunityIdea.objects.filter(opportunity=row).values_list("idea_id", flat=True))
    gone = {parse_uuid(request.POST.get(name)) for name in ("remove_insight", "remove_idea")}
    insights, ideas = [pk for pk in insights if pk not in gone], [pk for pk in ideas if pk not in gone]
    if form.cleaned_data.get("insight"):
        insights.append(form.cleaned_data["insight"].pk)
    number = form.cleaned_data.get("idea")
    if number:
        idea = Idea.objects.filter(number=number).first()
        if idea is None:
            raise DomainError(_("There is no idea with this number."), field="idea", code="not_found")
        ideas.append(idea.pk)
    return {"insights": insights, "ideas": ideas}


def _detail(request: MemberRequest, row: Opportunity, **forms: Any) -> HttpResponse:
    may_edit = request.actor.can("opportunities.edit")
    evidence = evidence_of(actor=request.actor, organization=request.organization, rows=[row])[row.pk]
    shown = queries.insights_for(request.actor, row)
    context = {
        "opportunity": row,
        "place": queries.places_of(request.actor, [row]).get(row.pk),
        "evidence": evidence,
        "insights": shown,
        "unread": evidence.insights - len(shown),
        "ideas": queries.ideas_for(row) if request.actor.can("ideas.view") else [],
        "days": DAYS,
        "score_form": ScoreForm(initial={name: getattr(row, name) for name in ScoreForm.base_fields})
        if may_edit
        else None,
        "evidence_form": _evidence_form(request, row) if may_edit else None,
        "statuses": Opportunity.Status.choices,
        "horizons": Opportunity.Horizon.choices,
        **forms,
    }
    return render_page(request, "opportunities/detail.html", context)


def _page_of(request: MemberRequest, row: Opportunity) -> str:
    return org_url(request.organization, "opportunities:detail", pk=row.pk)
