"""`/share/<key>/`: what somebody without an account reads. No sign-in, no session, nothing to change."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import get_language, get_language_bidi
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from apps.accounts.clients import client_ip
from apps.sharing import queries, services
from apps.sharing.forms import PasswordForm
from apps.sharing.models import ShareLink
from apps.sharing.options import read_options
from apps.sharing.registry import Shareable, Shared, shareable
from cxm.actor import Actor, Grant
from cxm.errors import DomainError, NotFound
from cxm.scope import tenant
from cxm.web.policies import respondent_policy
from cxm.web.views import public_view, respondent_csp

COOKIE = "cx-share"
MOST_BYTES = 4_000
"""Of a form that holds one password."""

Draw = Callable[..., HttpResponse]


def _with_link(draw: Draw) -> Callable[..., HttpResponseBase]:
    """Find the link, ask for its password, and draw within its organisation.

    A key that is unknown, altered or revoked, and one whose thing is gone, get one and the same answer.
    """

    @csrf_exempt
    @public_view
    @respondent_csp()
    @wraps(draw)
    def view(request: HttpRequest, key: str, **kwargs: Any) -> HttpResponseBase:
        found = queries.find_link(key)
        if found is None:
            return _nothing()
        organization, link = found
        kind = shareable(link.kind)
        if kind is None:
            return _nothing()
        if link.is_expired:
            return _message(_("This link has ended"), _("Ask whoever sent it for a new one."), HTTPStatus.GONE)
        with tenant(organization):
            if link.has_password and not services.is_pass_of(link, request.COOKIES.get(COOKIE, "")):
                return _ask(request, link, key)
            if request.method not in ("GET", "HEAD"):
                return HttpResponseNotAllowed(["GET", "HEAD"])
            if not services.may_open(link, document=kwargs.get("name", "").endswith(".pdf")):
                busy = _message(
                    _("Too many readers just now"), _("Try again in a minute."), HTTPStatus.TOO_MANY_REQUESTS
                )
                busy["Retry-After"] = "60"
                return busy
            options = read_options(link.options)
            shared = Shared(link, options, organization, _reader(link, kind, options.show_scores), key)
            try:
                return draw(request, shared, kind, **kwargs)
            except DomainError:
                # Gone since the link was made: the thing, its version, or a segment it was filtered by.
                return _nothing()

    return view


@_with_link
def page(request: HttpRequest, shared: Shared, kind: Shareable) -> HttpResponse:
    """The thing itself."""
    drawn = kind.render(shared)
    context = {**drawn.context, **_common(shared)}
    response = _page(drawn.template, context)
    if request.method == "GET":
        services.note_opened(shared.link)
    return response


@_with_link
def file(request: HttpRequest, shared: Shared, kind: Shareable, name: str) -> HttpResponse:
    """A picture or document of it."""
    if kind.open_file is None:
        raise NotFound
    found = kind.open_file(shared, name)
    response = HttpResponse(found.body, content_type=found.content_type)
    response["Content-Disposition"] = content_disposition_header(not found.inline, found.filename) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _reader(link: ShareLink, kind: Shareable, scores: bool) -> Actor:
    """Nobody, with the rights that the link gives: to see its thing and, where it shows them, the scores."""
    units = None if link.units is None else frozenset(map(UUID, link.units))
    grants = [Grant(frozenset({kind.permission}))]
    if scores:
        grants.append(Grant(frozenset({kind.scores_permission}), units))
    return Actor(kind="respondent", name="share link", grants=tuple(grants))


def _ask(request: HttpRequest, link: ShareLink, key: str) -> HttpResponse:
    """The password form, and what somebody sends with it."""
    if request.method in ("GET", "HEAD"):
        return _password_page(PasswordForm())
    length = request.META.get("CONTENT_LENGTH") or "0"
    if request.method != "POST" or not length.isdigit() or int(length) > MOST_BYTES:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    form = PasswordForm(request.POST)
    if not form.is_valid():
        return _password_page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    right = services.try_password(link, form.cleaned_data["password"], client_ip(request) or "")
    if right is None:
        form.add_error("password", _("Too many tries. Wait a few minutes."))
        response = _password_page(form, HTTPStatus.TOO_MANY_REQUESTS)
        response["Retry-After"] = "60"
        return response
    if not right:
        form.add_error("password", _("This is not the password."))
        return _password_page(form, HTTPStatus.UNPROCESSABLE_ENTITY)
    here = reverse("share", args=[key])
    response = HttpResponse(status=HTTPStatus.SEE_OTHER, headers={"Location": here})
    response.set_cookie(
        COOKIE,
        services.pass_of(link),
        max_age=services.PASS_HOURS * 3600,
        path=here,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )
    return response


def _common(shared: Shared) -> dict[str, Any]:
    """What every shared page says at its foot."""
    return {"shared": shared, "organization": shared.organization, "link": shared.link}


def _page(template: str, context: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    """A page without the app's context processors: nothing here knows of sessions or people."""
    language = {"language": get_language() or "en", "direction": "rtl" if get_language_bidi() else "ltr"}
    response = HttpResponse(render_to_string(template, {**language, **context}), status=status)
    policy = respondent_policy()
    policy["font-src"] = ["'self'"]
    response._csp_config = policy  # type: ignore[attr-defined]
    return response


def _password_page(form: PasswordForm, status: int = HTTPStatus.OK) -> HttpResponse:
    return _page("sharing/password.html", {"form": form}, status)


def _message(title: str, text: str, status: int) -> HttpResponse:
    return _page("sharing/message.html", {"title": title, "text": text}, status)


def _nothing() -> HttpResponse:
    return _message(
        _("There is nothing here"), _("The link is wrong, or whoever made it has ended it."), HTTPStatus.NOT_FOUND
    )
