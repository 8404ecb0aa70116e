"""Maps in and out: the export page and its files, and taking a map in by steps."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.journeys import queries
from apps.journeys.access import may_see_draft
from apps.journeys.documents import LAYOUTS
from apps.journeys.exchange import MOST_BYTES, read_file, read_pasted
from apps.journeys.exchange_forms import ReadForm, TakeForm
from apps.journeys.exports import TYPES, export_map
from apps.journeys.map_filters import filters_of
from apps.journeys.models import Journey
from apps.journeys.services.exchanging import import_map, plan_import
from apps.journeys.stickies import ReadMap, from_source, to_source
from cxm.api.problems import BadBody
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other


@permission_required("maps.share")
def journey_share(request: MemberRequest, pk: UUID) -> HttpResponse:
    """On to the links to this map, with the filters of the page this came from."""
    queries.journey_for(request.actor, pk)
    target = org_url(request.organization, "sharing:object", kind="journey", pk=pk)
    query = filters_of(request.GET).urlencode()
    return HttpResponseRedirect(f"{target}?{query}" if query else target)


@permission_required("journeys.view")
def journey_export(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Every file this map can be had as."""
    journey = queries.journey_for(request.actor, pk)
    number = _version(request)
    query = filters_of(request.GET)
    if number is not None:
        query["version"] = str(number)
    context = {
        "journey": journey,
        "number": number,
        "is_draft": number is None and may_see_draft(request.actor, journey),
        "query": query.urlencode(),
        "layouts": LAYOUTS,
        "filters": [(name, value) for name, value in filters_of(request.GET).items()],
    }
    return render_page(request, "journeys/export.html", context)


@permission_required("journeys.view")
def journey_file(request: MemberRequest, pk: UUID, format: str) -> HttpResponse:
    """The map as a file."""
    journey = queries.journey_for(request.actor, pk)
    if format not in TYPES:
        raise Http404
    file = export_map(
        actor=request.actor,
        organization=request.organization,
        journey=journey,
        format=format,
        params=request.GET,
        version=_version(request),
    )
    response = HttpResponse(file.body, content_type=file.content_type)
    response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@permission_required("journeys.edit")
def journey_import(request: MemberRequest) -> HttpResponse:
    """First what to read, then what was read and where it goes. Nothing is written before the second form is sent."""
    if request.method == "POST" and "source" in request.POST:
        return _take(request)
    maps = queries.journeys(request.actor).filter(archived_at=None).order_by("name", "pk")
    form = ReadForm(
        request.POST or None, request.FILES or None, maps=maps, initial={"journey": request.GET.get("journey")}
    )
    if request.method == "POST" and form.is_valid():
        try:
            read = _read(form)
            if len(to_source(read).encode()) > MOST_BYTES:
                raise DomainError(_("There is more on it than a map can hold."), code="too_large")
        except DomainError as error:
            add_domain_errors(form, error)
        else:
            return _preview(request, read, form.cleaned_data["journey"])
    return render_page(request, "journeys/import.html", {"form": form})


def _read(form: ReadForm) -> ReadMap:
    upload = form.cleaned_data["file"]
    if upload is None:
        return read_pasted(form.cleaned_data["text"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        with path.open("wb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
        return read_file(path, upload.name)


def _preview(
    request: MemberRequest, read: ReadMap, journey: Journey | None, form: TakeForm | None = None
) -> HttpResponse:
    plan = plan_import(read)
    if form is None:
        form = TakeForm(
            initial={
                "source": to_source(read),
                "journey": str(journey.pk) if journey else "",
                "name": read.name or _("Pasted map"),
                "create_touchpoints": request.actor.can("touchpoints.edit"),
            },
            lanes=read.lanes,
            new=journey is None,
            unknown=bool(plan.unknown) and request.actor.can("touchpoints.edit"),
        )
    context: dict[str, Any] = {"form": form, "read": read, "plan": plan, "journey": journey}
    return render_page(request, "journeys/import_preview.html", context)


def _take(request: MemberRequest) -> HttpResponse:
    try:
        read = from_source(request.POST.get("source", ""))
    except (ValueError, KeyError, TypeError, AttributeError, BadBody):
        raise Http404 from None
    pk = parse_uuid(request.POST.get("journey"))
    journey = queries.journey_for(request.actor, pk) if pk else None
    plan = plan_import(read)
    form = TakeForm(
        request.POST,
        lanes=read.lanes,
        new=journey is None,
        unknown=bool(plan.unknown) and request.actor.can("touchpoints.edit"),
    )
    if form.is_valid():
        with domain_errors_into(form):
            taken = import_map(
                actor=request.actor,
                read=read,
                name=form.cleaned_data.get("name", ""),
                journey=journey,
                lanes=form.lanes(),
                create_touchpoints=form.cleaned_data.get("create_touchpoints", False),
            )
            said = ngettext("%(count)d card is on the map.", "%(count)d cards are on the map.", taken.cards)
            more = _(" Undo takes them back.") if journey else ""
            messages.success(request, said % {"count": taken.cards} + more)
            return see_other(request, org_url(request.organization, "journeys:detail", pk=taken.journey.pk))
    return _preview(request, read, journey, form)


def _version(request: MemberRequest) -> int | None:
    text = request.GET.get("version", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Http404
    return int(text)
