"""The door for guests: from a code in the address to a workshop, and from a cookie to the guest who is in it.

Before the organisation is known nothing is read but the global table of hashed codes. From then on everything runs in
the scope of that one organisation, as a guest who holds no permission, whoever may be signed in to this browser.
"""

from __future__ import annotations

import ipaddress
import zoneinfo
from collections.abc import Callable, Iterator
from functools import wraps
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.clients import client_ip
from apps.workshops import queries, rules, services
from apps.workshops.models import Workshop, WorkshopGuest
from cxm.actor import Actor
from cxm.api.throttles import throttle
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.scope import tenant
from cxm.web.views import public_view, wants_json

COOKIE: Final = "cxm_workshop"
GUEST_SHELL: Final = "workshops/guest_shell.html"
MOST_KEPT: Final = 20
"""Texts that are shown again to somebody whose workshop ended meanwhile."""

View = Callable[..., HttpResponseBase]


class GuestRequest(HttpRequest):
    """A request by a guest (or by somebody about to become one: then `guest` is None) for a page of a workshop.

    `map_base`, `map_layout` and `workshop_base` tell the pages of the map where they are.
    """

    actor: Actor
    organization: Any
    workshop: Workshop
    guest: WorkshopGuest
    code: str
    map_base: str
    map_layout: str
    workshop_base: str


def workshop_page(view: View) -> View:
    """A page under `/w/<code>/` for everybody who has the code: `request.guest` is None for who has not joined."""

    @public_view
    @wraps(view)
    def wrapped(request: Any, code: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _quiet(_enter(request, code, lambda: view(request, *args, **kwargs)))

    return wrapped


def guest_page(view: View) -> View:
    """A page under `/w/<code>/` for guests who are in: others join first; who was in is told that it is over."""

    def inside(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.guest is None:
            if wants_json(request):
                return _problem(request, HTTPStatus.UNAUTHORIZED, _("Join the workshop first."))
            return HttpResponseRedirect(request.workshop_base)
        verdict = throttle().take(f"workshop-guest:{request.guest.pk}", rules.ACTS)
        if not verdict.allowed:
            refused = _problem(request, HTTPStatus.TOO_MANY_REQUESTS, _("That was a lot at once. Wait a moment."))
            refused["Retry-After"] = verdict.headers["Retry-After"]
            return refused
        services.note_seen(request.guest)
        return view(request, *args, **kwargs)

    return workshop_page(wraps(view)(inside))


def _enter(request: Any, text: str, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    code = rules.read_code(text)
    session = _session(request, code) if code else None
    if session is None and not _may_try(request):
        return _too_many(request)
    found = queries.find_by_code(code)
    if found is None:
        return unknown_code(request)
    if text != rules.in_groups(code):
        return _at_usual_address(request, code)
    organization, workshop = found
    request.user = AnonymousUser()
    request.organization, request.workshop, request.code = organization, workshop, code
    request.workshop_base = reverse("workshop", args=[rules.in_groups(code)])
    request.map_base, request.map_layout = f"{request.workshop_base}map/", GUEST_SHELL
    zone = zoneinfo.ZoneInfo(organization.timezone)
    with tenant(organization), timezone.override(zone):
        guest = queries.guest_in(workshop, *session) if session else None
        is_old_code = code != rules.code_of(workshop.pk, workshop.code_version)
        if guest is None and (workshop.is_over or is_old_code):
            return unknown_code(request)
        request.guest = guest
        request.actor = queries.guest_actor(guest, client_ip(request)) if guest else Actor.respondent()
        if guest is not None and (workshop.is_over or guest.removed_at is not None):
            return _ended(request)
        response = _answer(request, view)
        if response.streaming:
            response.streaming_content = iter(list(_parts(response)))  # type: ignore[attr-defined]
        return response


def _parts(response: Any) -> Iterator[bytes]:
    """A streamed answer (a picture) is read here, while the organisation is in force."""
    yield from response.streaming_content


def _answer(request: Any, view: Callable[[], HttpResponseBase]) -> HttpResponseBase:
    """The view's answer, or what went wrong in a guest's words: the usual pages speak of roles and colleagues."""
    try:
        return view()
    except Http404:
        return _problem(request, HTTPStatus.NOT_FOUND, _("There is nothing here."))
    except PermissionDenied:
        return _problem(request, HTTPStatus.FORBIDDEN, _("Guests of a workshop cannot do this."))
    except DomainError as error:
        status = HTTPStatus.UNPROCESSABLE_ENTITY if error.status == HTTPStatus.BAD_REQUEST else HTTPStatus(error.status)
        detail = _("Guests of a workshop cannot do this.") if status == HTTPStatus.FORBIDDEN else error.message
        return _problem(request, status, detail, errors=list(error.errors))


def _problem(request: Any, status: HTTPStatus, detail: str, **more: Any) -> HttpResponse:
    if wants_json(request):
        return JsonResponse({"title": detail, "status": status, "errors": more.get("errors", [])}, status=status)
    return render(request, "workshops/problem.html", {"detail": detail, "kept": _kept(request)}, status=status)


def _ended(request: Any) -> HttpResponse:
    """403: it is over, and what was being typed, to copy."""
    title = _("The workshop has ended")
    if wants_json(request):
        body = {"title": title, "status": 403, "errors": [], "ended": True}
        return JsonResponse(body, status=HTTPStatus.FORBIDDEN)
    context = {"ended": True, "kept": _kept(request), "workshop": request.workshop}
    return render(request, "workshops/problem.html", context, status=HTTPStatus.FORBIDDEN)


def _kept(request: HttpRequest) -> list[str]:
    """The texts of a form that could not be saved."""
    if request.method != "POST":
        return []
    hidden = {
        "csrfmiddlewaretoken",
        "version",
        "action",
        "id",
        "step",
        "stage",
        "position",
        "evidence",
        "thing",
        "dots",
    }
    texts = (str(value) for name, value in request.POST.items() if name not in hidden)
    return [text for text in texts if text.strip()][:MOST_KEPT]


def unknown_code(request: HttpRequest) -> HttpResponse:
    """The one answer to a code that opens nothing now, whatever is the matter with it."""
    detail = _("No workshop is open under this code. Check it letter by letter, or ask your host.")
    if wants_json(request):
        return JsonResponse({"title": detail, "status": 404, "errors": []}, status=HTTPStatus.NOT_FOUND)
    return render(request, "workshops/enter.html", {"problem": detail}, status=HTTPStatus.NOT_FOUND)


def _too_many(request: HttpRequest) -> HttpResponse:
    detail = _("Too many tries from your network. Wait a minute and try again.")
    response = render(request, "workshops/enter.html", {"problem": detail}, status=HTTPStatus.TOO_MANY_REQUESTS)
    response["Retry-After"] = "60"
    return response


def _at_usual_address(request: HttpRequest, code: str) -> HttpResponse:
    """Capitals, spaces and missing dashes do not matter: on to the address as we write it."""
    if request.method not in ("GET", "HEAD"):
        return unknown_code(request)
    return HttpResponseRedirect(reverse("workshop", args=[rules.in_groups(code)]))


def _may_try(request: HttpRequest) -> bool:
    return throttle().take(f"workshop-code:{network_of(client_ip(request))}", rules.TRIES).allowed


def network_of(ip: str | None) -> str:
    """Who counts as one for limits: an IPv4 address, or the /64 of an IPv6 address, which one household has."""
    if not ip or ":" not in ip:
        return ip or "none"
    return str(ipaddress.ip_network((ip, 64), strict=False))


def _quiet(response: HttpResponseBase) -> HttpResponseBase:
    """The code in the address is told to nobody else."""
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Robots-Tag", "noindex")
    return response


# -- the cookie -------------------------------------------------------------------------------------------------------


def _salt(code: str) -> str:
    return f"workshops.guest.{rules.digest_of(code)}"


def _session(request: HttpRequest, code: str) -> tuple[UUID, str] | None:
    """Guest and secret of the cookie, when we signed it for this code."""
    value = request.get_signed_cookie(COOKIE, default=None, salt=_salt(code))
    guest_id, _dot, secret = (value or "").partition(":")
    identifier = parse_uuid(guest_id)
    return (identifier, secret) if identifier and secret else None


def remember_guest(response: HttpResponse, request: GuestRequest, joined: services.Joined) -> None:
    """Let this browser in from now on: the cookie works under this workshop's address alone."""
    response.set_signed_cookie(
        COOKIE,
        f"{joined.guest.pk}:{joined.secret}",
        salt=_salt(request.code),
        max_age=int(rules.LONGEST.total_seconds()),
        path=request.workshop_base,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def forget_guest(response: HttpResponse, request: GuestRequest) -> None:
    """Take the cookie back."""
    response.delete_cookie(COOKIE, path=request.workshop_base, samesite="Lax")
