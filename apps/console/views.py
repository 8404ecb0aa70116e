"""The shell's own pages: home, palette, help, gallery, theme, accent, reports of the browser."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

import structlog
from allauth.mfa.adapter import get_adapter
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.services import update_preferences
from apps.console.gallery import gallery_context
from apps.console.help import PAGES
from apps.organizations.branding import is_colour, stylesheet
from apps.organizations.models import Organization
from apps.organizations.queries import actor_for, organizations_of
from cxm.scope import tenant
from cxm.web.navigation import links
from cxm.web.palette import LONGEST_TEXT, find
from cxm.web.views import permission_required, public_view, render_page, sign_in_first, signed_in_view

log = structlog.get_logger(__name__)

LONGEST_REPORT = 16 * 1024


@public_view
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Where a person belongs: their organisation, a choice of several, or the way to a first one."""
    if not request.user.is_authenticated:
        return sign_in_first(request) if request.GET.get("next") else HttpResponseRedirect(reverse("account_login"))
    found = organizations_of(request.user)
    if len(found) == 1:
        return HttpResponseRedirect(_first_page(request, found[0]))
    return render(request, "console/choose.html", {"organizations": found})


@permission_required("organization.view")
@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    """The first page of an organisation for this role: what the workspace switcher leads to."""
    return HttpResponseRedirect(_first_page(request, request.organization))  # type: ignore[attr-defined]


def _first_page(request: HttpRequest, organization: Organization) -> str:
    """The first page of the sidebar this role may open; the help pages when there is none. At most two queries."""
    actor = getattr(request, "actor", None)
    with tenant(organization):
        actor = actor or actor_for(request.user, organization)  # type: ignore[arg-type]
        for group in ("measure", "understand", "improve"):
            for link in links(actor, organization, group=group):  # type: ignore[arg-type]
                return link.url
    return reverse("console:help", args=[organization.slug, "start"])


@permission_required("organization.view")
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """Search over pages, things and commands; the results alone for the palette's dialog."""
    text = request.GET.get("q", "")[:LONGEST_TEXT]
    groups = find(request.actor, request.organization, text)  # type: ignore[attr-defined]
    context = {"q": text, "groups": groups}
    return render_page(request, "console/palette.html", context, partial="results")


@public_view
@require_GET
def help_page(request: HttpRequest, page: str = "index") -> HttpResponse:
    """A help page, readable without signing in."""
    return _help(request, page, "public.html")


@permission_required("organization.view")
@require_GET
def organization_help(request: HttpRequest, page: str = "index") -> HttpResponse:
    """The same help page inside the organisation's shell."""
    return _help(request, page, "shell.html")


def _help(request: HttpRequest, name: str, layout: str) -> HttpResponse:
    page = PAGES.get(name)
    if page is None and name != "index":
        raise Http404
    context = {"layout": layout, "inside": layout == "shell.html", "pages": PAGES.values(), "page": page}
    return render(request, "help/page.html", context)


@signed_in_view
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Store light, dark or same-as-device for this person, and go back to where they were."""
    update_preferences(user=request.user, theme=request.POST.get("theme", ""))  # type: ignore[arg-type]
    back = request.POST.get("next", "")
    allowed = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    return HttpResponseRedirect(back if allowed else reverse("home"))


@signed_in_view
@require_GET
def totp_picture(request: HttpRequest) -> HttpResponse:
    """The secret of the authenticator app being set up, as a picture to scan; 404 when none is.

    An address of its own, because the policy allows no ``data:`` pictures. Never stored anywhere.
    """
    secret = request.session.get(SECRET_SESSION_KEY)
    if not secret:
        raise Http404
    adapter = get_adapter()
    picture = adapter.build_totp_svg(adapter.build_totp_url(request.user, secret))
    return HttpResponse(picture, content_type="image/svg+xml", headers={"Cache-Control": "no-store"})


@public_view
@require_GET
def accent(request: HttpRequest, colour: str) -> HttpResponse:
    """The stylesheet that follows from an accent colour. It depends on nothing else, so it is kept for ever."""
    if not is_colour(f"#{colour}"):
        raise Http404
    response = HttpResponse(stylesheet(f"#{colour}"), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@public_view
@require_GET
def gallery(request: HttpRequest) -> HttpResponse:
    """Every component on one page, for the people who build pages: with DEBUG, or for staff."""
    if not (settings.DEBUG or getattr(request.user, "is_staff", False)):
        raise Http404
    return render(request, "console/gallery.html", gallery_context())


@csrf_exempt
@public_view
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """A browser blocked something on a page of ours: one line in the log, without anything of the person.

    Whatever arrives is answered with 204. Of addresses only the origin and the first part of the path are kept: the
    rest may be a token.
    """
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        length = LONGEST_REPORT + 1
    if 0 < length <= LONGEST_REPORT:
        for report in _reports(request.read(LONGEST_REPORT)):
            log.warning("csp_violation", **report)
    return HttpResponse(status=204)


def _reports(body: bytes) -> list[dict[str, str]]:
    """The violations of a report, in the old shape or the new one; nothing for what is neither."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return []
    if isinstance(data, dict):
        found = [data.get("csp-report")]
    elif isinstance(data, list):
        found = [item.get("body") for item in data[:10] if isinstance(item, dict)]
    else:
        found = []
    return [
        {
            "directive": _word(_either(report, "effective-directive", "effectiveDirective", "violated-directive")),
            "blocked": _place(_either(report, "blocked-uri", "blockedURL")),
            "page": _place(_either(report, "document-uri", "documentURL")),
        }
        for report in found
        if isinstance(report, dict)
    ]


def _either(report: dict[str, Any], *names: str) -> str:
    return next((str(report[name]) for name in names if report.get(name)), "")


def _word(text: str) -> str:
    return re.sub(r"[^a-z-]", "", text.lower())[:40]


def _place(address: str) -> str:
    """Origin and first part of the path; words such as ``inline`` and ``eval`` as they are."""
    try:
        parts = urlsplit(address[:2000])
    except ValueError:
        return ""
    if not parts.netloc:
        return _word(address)
    first = parts.path.lstrip("/").partition("/")[0]
    return re.sub(r"[^\w.:/-]", "", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/{first}")[:200]
