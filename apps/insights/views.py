"""The insight pages: list, one insight, writing and linking."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from apps.insights import queries, services
from apps.insights.filters import InsightFilter, name_places
from apps.insights.forms import InsightForm, LinkForm, SettingsForm, choices_from, choices_of, score_in_words
from apps.insights.models import Insight
from apps.insights.places import place_at
from apps.insights.scoring import weight_of
from apps.journeys.queries import journey_for
from cxm.charts.figures import rounded
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE: Final = 50
SORTS: Final = {
    "learned": F("learned").asc(),
    "-learned": F("learned").desc(),
    "title": F("title_lower").asc(),
    "-title": F("title_lower").desc(),
    "score": F("score").asc(nulls_last=True),
    "-score": F("score").desc(nulls_last=True),
    "people": F("people").asc(),
    "-people": F("people").desc(),
}


@permission_required("insights.view")
@require_safe
def insight_list(request: MemberRequest) -> HttpResponse:
    """What was learned, filtered and sorted, with what it says together where a step is named."""
    found = InsightFilter(request.GET or None, queryset=queries.insights(request.actor), request=request)
    rows = found.qs if not found.is_bound or found.form.is_valid() else found.queryset.none()
    name_places(found.form, request.actor)
    sort = request.GET.get("sort", "")
    order = SORTS.get(sort, SORTS["-learned"])
    page = Paginator(rows.order_by(order, "-pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "filter": found,
        "page": page,
        "rows": queries.show(request.actor, page.object_list),
        "where": _where(request),
        "create_query": _create_query(request),
        "link_form": LinkForm(actor=request.actor) if request.actor.can("insights.edit") else None,
        "old_after": queries.old_after_months(),
        "export_query": request.GET.urlencode(),
    }
    return render_page(request, "insights/list.html", context, partial="list")


@permission_required("insights.view")
@require_safe
def insight_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """One insight with where it comes from, how old it is, and where it belongs."""
    row = queries.insight_for(request.actor, pk)
    customer = row.customer
    context = {
        "shown": queries.show(request.actor, [row])[0],
        "insight": row,
        "score": score_in_words(row.score) if row.score is not None else "",
        "weight": rounded(weight_of(row.people), 1),
        "customer": customer if customer and request.actor.can("customers.view", customer.unit_id) else None,
        "has_customer": customer is not None,
    }
    return render_page(request, "insights/detail.html", context)


@permission_required("insights.edit")
def insight_create(request: MemberRequest) -> HttpResponse:
    """Write down what was learned. Step, card, touchpoint, opportunity or answer may be named in the address."""
    response = parse_uuid(request.GET.get("response"))
    taken = services.from_response(request.actor, response) if response else {}
    query = request.GET.copy()
    if taken.get("touchpoints"):
        query.setdefault("touchpoint", taken["touchpoints"][0])
    form = InsightForm(
        request.POST or None,
        actor=request.actor,
        links=choices_from(request.actor, query),
        initial={
            **{name: value for name, value in taken.items() if name in InsightForm.base_fields},
            **({"customer": request.GET["customer"]} if "customer" in request.GET else {}),
        },
    )
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            values = form.values(with_opportunities=request.actor.can("opportunities.edit"))
            insight = services.create_insight(actor=request.actor, response=response, **values)
            messages.success(request, _("Insight added."))
            return see_other(request, _page_of(request, insight))
    context = {"form": form, "insight": None, "from_answer": response}
    return render_page(request, "insights/form.html", context)


@permission_required("insights.edit")
def insight_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change an insight and where it belongs."""
    row = queries.insight_for(request.actor, pk)
    shown = queries.show(request.actor, [row])[0]
    form = InsightForm(request.POST or None, actor=request.actor, links=choices_of(shown), insight=row)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            values = form.values(with_opportunities=request.actor.can("opportunities.edit"))
            services.update_insight(actor=request.actor, insight=row, **_kept(shown, values))
            messages.success(request, _("Saved."))
            return see_other(request, _page_of(request, row))
    return render_page(request, "insights/form.html", {"form": form, "insight": row})


@permission_required("insights.edit")
def insight_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Ask, then remove an insight."""
    row = queries.insight_for(request.actor, pk)
    if request.method == "POST":
        services.delete_insight(actor=request.actor, insight=row)
        messages.success(request, _("Insight removed."))
        return see_other(request, org_url(request.organization, "insights:list"))
    return render_page(request, "insights/delete.html", {"insight": row})


@permission_required("insights.edit")
@require_POST
def insight_link(request: MemberRequest) -> HttpResponse:
    """Link the insights selected in the list to a step or a touchpoint."""
    form = LinkForm(request.POST, actor=request.actor)
    back = org_url(request.organization, "insights:list")
    ids = [pk for pk in map(parse_uuid, request.POST.getlist("sel")) if pk]
    try:
        if not form.is_valid():
            raise DomainError(_("Choose a step or a touchpoint of the list."))
        made = services.link_insights(actor=request.actor, insights=ids, **form.links())
    except DomainError as error:
        messages.error(request, str(error.errors[0]["message"]))
    else:
        said = ngettext("%(n)d link added.", "%(n)d links added.", made) % {"n": made}
        messages.success(request, said)
    return see_other(request, back)


@permission_required("insights.view")
@require_safe
def map_insights(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The insights of a map: the list, filtered."""
    journey = journey_for(request.actor, pk)
    return see_other(request, f"{org_url(request.organization, 'insights:list')}?journey={journey.pk}")


@permission_required("organization.settings")
def insight_settings(request: MemberRequest) -> HttpResponse:
    """From when on an insight is marked as old."""
    form = SettingsForm(request.POST or None, initial={"months": queries.old_after_months()})
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.set_old_after(actor=request.actor, months=form.cleaned_data["months"])
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "insights:settings"))
    return render_page(request, "insights/settings.html", {"form": form})


def _kept(shown: queries.ShownInsight, values: dict[str, Any]) -> dict[str, Any]:
    """The values with the links this page cannot show, because their step or card is gone from the map for now."""
    known = {place.ref for place in shown.places}
    for link in shown.links:
        ref = queries.ref_of(link)
        if ref is not None and ref not in known:
            kind = "card" if ref.card else "step"
            values[f"{kind}s"].append({"journey": str(ref.journey), kind: str(ref.card or ref.step)})
    if shown.insight.withdrawn_at:
        values = {name: value for name, value in values.items() if name not in services.PERSONAL}
    return values


def _where(request: MemberRequest) -> dict[str, Any] | None:
    """The step or card the list is about, with the mean of its insights; None for a list about all of them."""
    journey, step, card = (parse_uuid(request.GET.get(name)) for name in ("journey", "step", "card"))
    if not journey or not (step or card):
        return None
    place = place_at(request.actor, journey, card=card) if card else place_at(request.actor, journey, step=step)
    if place is None:
        return None
    said = None if card else queries.insights_of_steps(actor=request.actor, journey_id=journey).get(str(step))
    return {
        "place": place,
        "said": said,
        "score": score_in_words(round(said.score, 1)) if said and said.score is not None else "",
    }


def _create_query(request: MemberRequest) -> str:
    """The step, card or touchpoint the list is about, for a new insight."""
    query = request.GET.copy()
    for name in [*query]:
        if name not in ("journey", "step", "card", "touchpoint"):
            del query[name]
    return query.urlencode()


def _page_of(request: MemberRequest, insight: Insight) -> str:
    return org_url(request.organization, "insights:detail", pk=insight.pk)
