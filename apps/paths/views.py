"""The pages of real paths beside a map: the ways, between two touchpoints, between channels, loose events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.interactions.event_match import EVENT_LENGTH
from apps.journeys.map_filters import FILTERS, MapFilterForm
from apps.journeys.models import Journey
from apps.journeys.queries import MapView, journey_for
from apps.metrics.populations import population_choices
from apps.paths import services
from apps.paths.claiming import claim_event, give_event, usual_channel
from apps.paths.definition import Definition, define, read_scope
from apps.paths.forms import BetweenForm, ClaimForm, GiveForm
from apps.paths.models import PathReport
from apps.paths.presenting import THRESHOLDS, USUAL, conversion_row, matrix, present
from apps.paths.queries import Found, ask, between, map_for
from apps.touchpoints.models import Channel, Touchpoint
from apps.touchpoints.periods import with_usual_period
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

TABS = {"paths": "paths:detail", "between": "paths:between", "channels": "paths:channels"}
DAYS = 30


class Asked:
    """What every page here needs: the map, the filters of the address, and the answer to the page's question."""

    def __init__(self, request: MemberRequest, pk: UUID) -> None:
        self.request = request
        self.journey: Journey = journey_for(request.actor, pk)
        self.params = with_usual_period(request.GET)
        self.view: MapView = map_for(self.journey, _version(request))
        self.errors: list[str] = []
        try:
            scope = read_scope(self.params, actor=request.actor, organization=request.organization)
        except DomainError as error:
            self.errors = [str(one["message"]) for one in error.errors] or [error.message]
            scope = read_scope(with_usual_period(QueryDict()), actor=request.actor, organization=request.organization)
        self.definition: Definition = define(self.view, scope)

    def ask(self, kind: str, definition: Definition | None = None) -> Found:
        """The answer, counted now or by a worker."""
        return ask(
            actor=self.request.actor,
            journey=self.journey,
            kind=kind,
            definition=definition or self.definition,
            keep=not _version(self.request),
        )

    def context(self, tab: str, found: Found | None) -> dict[str, Any]:
        """What the frame of the page shows."""
        report = found.report if found else None
        organization = self.request.organization
        query = {name: value for name in (*FILTERS, "period") if (value := self.params.get(name))}
        all_time = {name: value for name, value in query.items() if name not in ("from", "to")} | {"period": "all"}
        return {
            "journey": self.journey,
            "map": self.view,
            "tab": tab,
            "tabs": [
                (name, org_url(organization, url, pk=self.journey.pk) + (f"?{urlencode(query)}" if query else ""))
                for name, url in TABS.items()
            ],
            "query": urlencode(query),
            "carried": list(query.items()),
            "filters": MapFilterForm(self.params, **population_choices(self.request.actor)),
            "errors": self.errors,
            "found": found,
            "result": found.result if found else None,
            "report": report,
            "is_counting": report is not None and report.state in services.BUSY,
            "percent": services.percent_of(report) if report else 0,
            "all_time": f"?{urlencode(all_time)}",
            "has_events": bool(self.definition.places),
        }


def _version(request: MemberRequest) -> int | None:
    text = request.GET.get("version", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Http404
    return int(text) if text else None


@permission_required("paths.view")
def paths_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The ways that customers take over the touchpoints of a map, drawn on it and as a table."""
    asked = Asked(request, pk)
    found = asked.ask(PathReport.Kind.PATHS)
    context = asked.context("paths", found)
    least = _threshold(request)
    if found.result is not None and found.result["customers"]:
        between_url = org_url(request.organization, "paths:between", pk=pk)
        address = f"{between_url}?{context['query']}&" if context["query"] else f"{between_url}?"
        context["shown"] = present(found.result, asked.view, least=least, between_url=address)
    if found.result is not None:
        context["unmapped"] = found.result["unmapped"][:SHOWN_EVENTS]
        context["elsewhere"] = _named(found.result["elsewhere"][:SHOWN_EVENTS])
    context |= {"thresholds": THRESHOLDS, "least": least, "may_claim": request.actor.can("touchpoints.edit")}
    return render_page(request, "paths/detail.html", context, partial="answer", status=200)


SHOWN_EVENTS = 50


def _threshold(request: MemberRequest) -> int:
    text = request.GET.get("least", "")
    return int(text) if text in map(str, THRESHOLDS) else USUAL


def _named(rows: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    known = {row.key: row for row in Touchpoint.objects.filter(key__in=[one["touchpoint"] for one in rows])}
    return [{**one, "row": known.get(one["touchpoint"])} for one in rows]


@permission_required("paths.view")
def paths_between(request: MemberRequest, pk: UUID) -> HttpResponse:
    """How many of those who came by one touchpoint of a map reached another in time."""
    asked = Asked(request, pk)
    keys = [place.key for place in asked.definition.places]
    places = [(key, asked.view.touchpoints[key].name) for key in keys]
    said = {name: request.GET.get(name) for name in ("source", "target", "days") if request.GET.get(name)}
    usual = {"source": keys[0], "target": keys[-1], "days": DAYS} if keys else {}
    form = BetweenForm({**usual, **said}, places=places)
    found = None
    context: dict[str, Any] = {}
    if keys and form.is_valid():
        chosen = form.cleaned_data
        found = asked.ask(PathReport.Kind.CONVERSION, between(asked.definition, **chosen))
        if found.result is not None and found.result["all"]:
            context["rows"] = _conversion_rows(found.result)
        context["segment"] = _segment_fields(asked, chosen) if request.actor.can("segments.edit") else None
    context |= asked.context("between", found) | {"form": form}
    return render_page(request, "paths/between.html", context, partial="answer", status=200)


def _conversion_rows(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    labels = dict(Channel.choices)
    return [
        {"title": "", "rows": [conversion_row(_("All customers"), result["all"])]},
        {
            "title": _("By channel of the first visit"),
            "rows": [
                conversion_row(str(labels.get(one["channel"], one["channel"])), one) for one in result["channels"]
            ],
        },
        {
            "title": _("By segment"),
            "rows": [
                {**conversion_row(one["name"], one), "segment": parse_uuid(one["segment"])}
                for one in result["segments"]
                if one["entered"]
            ],
        },
    ]


def _segment_fields(asked: Asked, chosen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What opens the form of a new segment with these two events, one after the other; [] where properties matter."""
    by_key = {place.key: place for place in asked.definition.places}
    source, target = by_key[chosen["source"]], by_key[chosen["target"]]
    if source.where or target.where:
        return []
    return [
        ("do", "refresh"),
        ("name", f"{asked.view.touchpoints[source.key].name} → {asked.view.touchpoints[target.key].name}"[:120]),
        ("r.mode", "all"),
        ("r-0.kind", "sequence"),
        ("r-0.a_event", source.event),
        ("r-0.b_event", target.event),
        ("r-0.within_days", str(chosen["days"])),
        ("r-0.window", "ever"),
    ]


@permission_required("paths.view")
def paths_channels(request: MemberRequest, pk: UUID) -> HttpResponse:
    """From the channel of a visit to that of the next."""
    asked = Asked(request, pk)
    found = asked.ask(PathReport.Kind.HANDOVERS)
    context = asked.context("channels", found)
    if found.result is not None and found.result["cells"]:
        context["matrix"] = matrix(found.result["cells"])
    return render_page(request, "paths/channels.html", context, partial="answer", status=200)


@permission_required("paths.view")
@require_POST
def report_stop(request: MemberRequest, pk: UUID, report: UUID) -> HttpResponse:
    """Stop a count."""
    journey = journey_for(request.actor, pk)
    services.stop_report(actor=request.actor, journey=journey, report_id=report)
    messages.success(request, _("Stopped. The former numbers stay, if there were any."))
    return see_other(request, _back(request, journey))


@permission_required("paths.view")
@require_POST
def report_again(request: MemberRequest, pk: UUID, report: UUID) -> HttpResponse:
    """Count again what was stopped or failed."""
    journey = journey_for(request.actor, pk)
    services.count_again(actor=request.actor, journey=journey, report_id=report)
    return see_other(request, _back(request, journey))


def _back(request: MemberRequest, journey: Journey) -> str:
    tab = request.POST.get("tab", "")
    query = request.POST.get("query", "")[:1_000]
    url = org_url(request.organization, TABS.get(tab, TABS["paths"]), pk=journey.pk)
    return f"{url}?{query}" if query else url


@permission_required("touchpoints.edit")
def paths_event(request: MemberRequest, pk: UUID) -> HttpResponse:
    """An event that no touchpoint claims: make a touchpoint of it, or give it to one that has none."""
    journey = journey_for(request.actor, pk)
    event = request.GET.get("event", "")
    if not event or len(event) > EVENT_LENGTH or "\x00" in event:
        raise Http404
    is_new = request.POST.get("do") != "give"
    posted = request.POST if request.method == "POST" else None
    initial = {"name": event.replace("_", " ").strip().capitalize()[:120], "channel": usual_channel(event)}
    claim = ClaimForm(posted if is_new else None, initial=initial)
    give = GiveForm(None if is_new else posted)
    form = claim if is_new else give
    if posted is not None and form.is_valid():
        with domain_errors_into(form):
            if is_new:
                touchpoint = claim_event(actor=request.actor, event=event, **form.cleaned_data)
            else:
                touchpoint = give_event(actor=request.actor, event=event, **form.cleaned_data)
            said = _("“%(name)s” is met by this event now. Put it on the map to see it on the way.")
            messages.success(request, said % {"name": touchpoint.name})
            return see_other(request, org_url(request.organization, "touchpoints:detail", pk=touchpoint.pk))
    context = {"journey": journey, "event": event, "claim": claim, "give": give}
    return render_page(request, "paths/event.html", context)


@permission_required("paths.view")
def paths_of_step(request: MemberRequest) -> HttpResponse:
    """From a step of a board to the paths of its map."""
    pk = parse_uuid(request.GET.get("journey", ""))
    if pk is None:
        raise Http404
    journey = journey_for(request.actor, pk)
    return see_other(request, org_url(request.organization, "paths:detail", pk=journey.pk) + "?period=all")
