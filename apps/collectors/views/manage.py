"""Where a survey stands open, for those who run it: its link, its places, and what each needs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.html import escape
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.collectors import queries, services
from apps.collectors.addresses import address_of, collector_token, identity_key
from apps.collectors.forms import FORMS
from apps.collectors.kiosk import cannot_run
from apps.collectors.models import Collector
from apps.collectors.posters import FORMATS, SIZES, draw_poster, poster_of, qr_png, qr_svg
from apps.surveys.definition import parse_definition
from apps.surveys.live import published_definition
from apps.surveys.models import Survey
from cxm.errors import DomainError
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

ICONS = {Collector.Kind.POSTER: "qrcode", Collector.Kind.KIOSK: "device-tablet", Collector.Kind.WIDGET: "code"}


@permission_required("surveys.view")
def share(request: MemberRequest, pk: UUID) -> HttpResponse:
    """The link for everybody, and every place with what it brought."""
    survey = _survey(pk)
    rows = list(queries.collectors().filter(survey=survey).order_by("-created_at", "-pk"))
    yields, refusals = queries.yields_of(rows), queries.refusal_counts(rows)
    lines = [
        {
            "place": row,
            "icon": ICONS[Collector.Kind(row.kind)],
            "yield": yields.get(row.pk, queries.Yield()),
            "refused": refusals.get(row.pk, 0),
        }
        for row in rows
    ]
    context = {"survey": survey, "lines": lines, "open_url": _open_url(request, survey), "kinds": _kinds()}
    return render_page(request, "collectors/share.html", context)


@permission_required("surveys.view")
def detail(request: MemberRequest, pk: UUID, collector_id: UUID) -> HttpResponse:
    """One place: its address, the poster, the lines for a web site, what it brought."""
    survey, row = _survey(pk), queries.collector_for(collector_id, pk)
    may_edit = request.actor.can("surveys.edit")
    address = address_of(row, survey, request.organization)
    definition = published_definition(survey.pk, survey.current_version) if survey.current_version else None
    context: dict[str, Any] = {
        "survey": survey,
        "place": row,
        "icon": ICONS[Collector.Kind(row.kind)],
        "yield": queries.yields_of([row]).get(row.pk, queries.Yield()),
        "refused": queries.refusal_counts([row]).get(row.pk, 0),
        "address": address,
        "sizes": SIZES,
        "snippet": _snippet(request, row) if row.kind == Collector.Kind.WIDGET else "",
        "identity_key": identity_key(row) if may_edit and row.kind == Collector.Kind.WIDGET else "",
        "cannot_run": bool(definition and row.kind == Collector.Kind.KIOSK and cannot_run(definition)),
        "hidden": list(parse_definition(survey.definition).hidden) if row.kind == Collector.Kind.WIDGET else [],
    }
    return render_page(request, "collectors/detail.html", context)


@permission_required("surveys.edit")
def create(request: MemberRequest, pk: UUID, kind: str) -> HttpResponse:
    """Open a place."""
    survey = _survey(pk)
    if kind not in FORMS:
        raise Http404
    form = FORMS[kind](request.POST or None, survey=survey)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            row = services.create_collector(actor=request.actor, survey=survey, kind=kind, **form.values())
            messages.success(request, _("The place is open."))
            return see_other(request, _url(request, "detail", row))
    context = {"survey": survey, "form": form, "place": None, "kind": Collector.Kind(kind).label}
    return render_page(request, "collectors/form.html", context)


@permission_required("surveys.edit")
def edit(request: MemberRequest, pk: UUID, collector_id: UUID) -> HttpResponse:
    """Change a place."""
    survey, row = _survey(pk), queries.collector_for(collector_id, pk)
    form = FORMS[row.kind](request.POST or None, survey=survey, collector=row)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_collector(actor=request.actor, collector=row, **form.values())
            messages.success(request, _("Saved."))
            return see_other(request, _url(request, "detail", row))
    context = {"survey": survey, "form": form, "place": row, "kind": row.get_kind_display()}
    return render_page(request, "collectors/form.html", context)


@permission_required("surveys.edit")
@require_POST
def revoke(request: MemberRequest, pk: UUID, collector_id: UUID) -> HttpResponse:
    """End a place."""
    row = services.revoke_collector(actor=request.actor, collector=queries.collector_for(collector_id, pk))
    messages.success(request, _("Ended. Its address takes no further answers."))
    return see_other(request, _url(request, "detail", row))


@permission_required("surveys.edit")
@require_POST
def renew(request: MemberRequest, pk: UUID, collector_id: UUID) -> HttpResponse:
    """Give a place another address."""
    row = services.renew_collector(actor=request.actor, collector=queries.collector_for(collector_id, pk))
    messages.success(request, _("It has a new address. The ones before have ended."))
    return see_other(request, _url(request, "detail", row))


@permission_required("surveys.edit")
@require_POST
def delete(request: MemberRequest, pk: UUID, collector_id: UUID) -> HttpResponse:
    """Remove a place."""
    services.delete_collector(actor=request.actor, collector=queries.collector_for(collector_id, pk))
    messages.success(request, _("Removed. The answers given there stay."))
    return see_other(request, org_url(request.organization, "collectors:share", pk=pk))


@permission_required("surveys.view")
def qr(request: MemberRequest, pk: UUID, collector_id: UUID, suffix: str) -> HttpResponse:
    """The address of a place as a QR code, SVG or PNG."""
    survey, row = _survey(pk), queries.collector_for(collector_id, pk)
    return _qr_response(request, address_of(row, survey, request.organization), suffix, f"{survey.slug}-qr")


@permission_required("surveys.view")
def open_qr(request: MemberRequest, pk: UUID, suffix: str) -> HttpResponse:
    """The link for everybody as a QR code, SVG or PNG."""
    survey = _survey(pk)
    return _qr_response(request, f"{_open_url(request, survey)}?c=qr", suffix, f"{survey.slug}-qr")


@permission_required("surveys.view")
def poster(request: MemberRequest, pk: UUID, collector_id: UUID, size: str, suffix: str) -> HttpResponse:
    """The poster of a place: PDF to print, PNG to look at."""
    survey, row = _survey(pk), queries.collector_for(collector_id, pk)
    if row.kind != Collector.Kind.POSTER or size not in SIZES or suffix not in FORMATS:
        raise Http404
    try:
        drawn = draw_poster(
            poster_of(row, survey, request.organization), size=size, suffix="pdf" if suffix == "pdf" else "png"
        )
    except DomainError as refused:
        messages.error(request, refused.message)
        return see_other(request, _url(request, "detail", row))
    response = HttpResponse(drawn, content_type=FORMATS[suffix])
    response["Cache-Control"] = "private, no-store"
    if suffix == "pdf" or "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{survey.slug}-{size}.{suffix}"'
    return response


def _qr_response(request: MemberRequest, address: str, suffix: str, name: str) -> HttpResponse:
    if suffix not in ("svg", "png"):
        raise Http404
    drawn, kind = (qr_png(address), "image/png") if suffix == "png" else (qr_svg(address), "image/svg+xml")
    response = HttpResponse(drawn, content_type=kind)
    response["Cache-Control"] = "private, no-store"
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return response


def _survey(pk: UUID) -> Survey:
    found = Survey.objects.select_related("touchpoint").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _kinds() -> list[tuple[str, str, str]]:
    """What can be opened: the kind, its words, its icon."""
    return [
        (Collector.Kind.POSTER, _("New poster"), ICONS[Collector.Kind.POSTER]),
        (Collector.Kind.KIOSK, _("New kiosk"), ICONS[Collector.Kind.KIOSK]),
        (Collector.Kind.WIDGET, _("New widget"), ICONS[Collector.Kind.WIDGET]),
    ]


def _url(request: MemberRequest, name: str, row: Collector) -> str:
    return org_url(request.organization, f"collectors:{name}", pk=row.survey_id, collector_id=row.pk)


def _open_url(request: MemberRequest, survey: Survey) -> str:
    return _absolute(reverse("open_survey", args=[request.organization.slug, survey.slug]))


def _absolute(path: str) -> str:
    return f"{settings.BASE_URL}{path}"


def _snippet(request: MemberRequest, row: Collector) -> str:
    """The line that a site puts into its pages: only what differs from what the script does by itself."""
    options = row.settings
    said = {"survey": collector_token(row)}
    for name, usual in (("sample", 100), ("trigger", "delay"), ("after", 5), ("again", 90)):
        if options.get(name, usual) != usual:
            said[name] = str(options[name])
    attributes = "".join(f' data-{name}="{escape(value)}"' for name, value in said.items())
    return f'<script type="module" src="{_absolute(reverse("widget_script"))}"{attributes}></script>'
