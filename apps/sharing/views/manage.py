"""The links to one thing, and those of the whole organisation."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from uuid import UUID

import segno
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.sharing import queries, services
from apps.sharing.addresses import address_of
from apps.sharing.forms import ShareForm
from apps.sharing.registry import Described, Shareable, shareable
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 50


@permission_required("maps.share")
def object_links(request: MemberRequest, kind: str, pk: UUID) -> HttpResponse:
    """The links to one thing, and a new one. A new link's address is in this one answer and nowhere else."""
    found, described = _thing(request, kind, pk)
    initial = {"filters": _filters(request, found), "show_scores": "scores" in request.GET}
    form = ShareForm(
        request.POST or None,
        initial=initial,
        kind=found,
        described=described,
        scores=request.actor.can(found.scores_permission),
    )
    context: dict[str, Any] = {"form": form, "kind": found, "described": described, "object_id": pk}
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            link, key = services.create_share_link(actor=request.actor, kind=kind, object_id=pk, **form.values())
            address = address_of(key)
            context |= {"made": link, "address": address, "qr": _qr(address)}
    rows = queries.share_links(request.actor).filter(kind=kind, object_id=pk)
    context["rows"] = queries.listed(rows[:PAGE_SIZE])
    return render_page(request, "sharing/object.html", context)


@permission_required("maps.share")
def all_links(request: MemberRequest) -> HttpResponse:
    """Every link of the organisation, also of people who have left."""
    page = Paginator(queries.share_links(request.actor), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": queries.listed(page.object_list)}
    return render_page(request, "sharing/list.html", context)


@permission_required("maps.share")
@require_POST
def revoke(request: MemberRequest, pk: UUID) -> HttpResponse:
    """End a link at once."""
    link = services.revoke_share_link(actor=request.actor, link=queries.share_link_for(request.actor, pk))
    messages.success(request, _("Revoked. Whoever opens the link finds nothing."))
    back = request.POST.get("back", "")
    if url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        return see_other(request, back)
    return see_other(request, org_url(request.organization, "sharing:object", kind=link.kind, pk=link.object_id))


def _thing(request: MemberRequest, kind: str, pk: UUID) -> tuple[Shareable, Described]:
    """What is to be shared. 404 for a kind or thing that is not there, 403 where the person may not see it."""
    found = shareable(kind)
    if found is None:
        raise Http404
    request.actor.require(found.permission)
    described = found.describe([pk]).get(pk)
    if described is None:
        raise Http404
    return found, described


def _filters(request: MemberRequest, found: Shareable) -> str:
    """The filters of the page this came from, as far as the thing can be filtered."""
    query = request.GET.copy()
    for name in list(query):
        if name not in found.filters or not query[name]:
            del query[name]
    return query.urlencode()


def _qr(address: str) -> SafeString:
    """A QR code as lines of SVG that take the colours of paper."""
    buffer = BytesIO()
    segno.make(address, error="m", micro=False).save(
        buffer, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, svgns=True, svgclass=None, lineclass=None
    )
    return SafeString(buffer.getvalue().decode())
