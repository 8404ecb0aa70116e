"""The web widget: the script that sites load, and the page in its frame. No sign-in, no cookie, no CSRF token."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.urls import reverse

from apps.accounts.clients import client_ip
from apps.collectors.addresses import find_place
from apps.collectors.models import Collector
from apps.collectors.queries import place_at
from apps.collectors.services import note_seen
from apps.collectors.visitors import Visitor, is_due, known_visitor, note_shown, shown_invitation, visitor_of
from apps.organizations.models import Organization
from apps.surveys.links import respondent_token
from apps.surveys.places import Place
from apps.surveys.views.respondent_base import BY_ADDRESS, Refused, respondent_page
from apps.surveys.views.respondents import answer_openly, explain_openly, thank_openly
from apps.touchpoints.models import Channel
from cxm.api.throttles import throttle
from cxm.scope import tenant
from cxm.web.views import as_respondent_page, public_view

SCRIPT = Path(settings.ROOT) / "static" / "cx" / "embed.js"
SCRIPT_SECONDS = 24 * 3600

_COMMENT_LINE = re.compile(rb"^ *(?://|/\*\*).*\n", re.MULTILINE)
"""Lines that are nothing but a comment: sites need not load them."""

View = Callable[..., Any]


@public_view
def script(request: HttpRequest) -> HttpResponse:
    """`/e/v1.js`: what a site includes. Anybody may load it, from anywhere; browsers ask again after a day.

    The number in the address is the version of its attributes and events: what a site wrote keeps working.
    """
    body, packed, etag = _script(SCRIPT.stat().st_mtime_ns)
    if request.headers.get("If-None-Match") == etag:
        response = HttpResponse(status=HTTPStatus.NOT_MODIFIED)
    elif "gzip" in request.headers.get("Accept-Encoding", ""):
        response = HttpResponse(packed, content_type="text/javascript; charset=utf-8")
        response["Content-Encoding"] = "gzip"
    else:
        response = HttpResponse(body, content_type="text/javascript; charset=utf-8")
    response["ETag"] = etag
    response["Vary"] = "Accept-Encoding"
    response["Cache-Control"] = f"public, max-age={SCRIPT_SECONDS}, stale-while-revalidate=604800"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@lru_cache(maxsize=2)
def _script(changed: int) -> tuple[bytes, bytes, str]:
    body = _COMMENT_LINE.sub(b"", SCRIPT.read_bytes())
    return body, gzip.compress(body, 9, mtime=0), f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def with_widget(view: View) -> View:
    """Find the widget and run the view in its organisation; only the sites it allows may frame the answer."""

    @respondent_page
    @wraps(view)
    def wrapped(request: HttpRequest, token: str) -> HttpResponseBase:
        found = find_place(Collector.Kind.WIDGET, token)
        if found is None:
            raise Refused("unknown", HTTPStatus.NOT_FOUND)
        if found.is_ended:
            raise Refused("closed", HTTPStatus.GONE)
        with tenant(found.organization):
            response = view(request, token, found.organization, found.collector)
        return as_respondent_page(response, found.collector.settings.get("sites", []))

    return wrapped


@with_widget
def page(request: HttpRequest, token: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/e/<token>/`: the questions in the frame. 204 when this customer is not to be asked now: nothing is shown."""
    is_post = request.method == "POST"
    given = request.POST if is_post else request.GET
    visitor = visitor_of(collector, given)
    is_first = not is_post and "t" not in given
    if visitor and is_first and not is_due(collector, visitor):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    if visitor and is_post:
        visitor = known_visitor(visitor)
    place = _place(collector, visitor, given.get("i", ""))
    response = answer_openly(request, organization, collector.survey_id, place, home=reverse("widget", args=[token]))
    if is_post and response.status_code < HTTPStatus.BAD_REQUEST:
        note_seen(collector.pk)
    return response


@with_widget
def shown(request: HttpRequest, token: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/e/<token>/shown/`: a known customer sees the widget, which counts as having been asked.

    409 when another window asked in the meantime: this one closes.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    visitor = visitor_of(collector, request.POST)
    if visitor is None:
        raise Refused("unknown", HTTPStatus.NOT_FOUND)
    verdict = throttle().take(f"respond:{client_ip(request)}", BY_ADDRESS)
    if not verdict.allowed:
        raise Refused("too_many", HTTPStatus.TOO_MANY_REQUESTS, retry_after=verdict.headers["Retry-After"])
    noted = note_shown(collector, visitor, {})
    if noted is None:
        return JsonResponse({"i": ""}, status=HTTPStatus.CONFLICT)
    return JsonResponse({"i": respondent_token(organization.pk, noted)})


@with_widget
def done(request: HttpRequest, token: str, organization: Organization, collector: Collector) -> HttpResponse:
    """Thanks, in the frame."""
    place = place_at(collector, Channel.WIDGET, embedded=True)
    return thank_openly(request, organization, collector.survey_id, embedded=True, place=place)


@with_widget
def privacy(request: HttpRequest, token: str, organization: Organization, collector: Collector) -> HttpResponse:
    """What is stored, in a window of its own."""
    home = reverse("widget", args=[token])
    return explain_openly(request, organization, collector.survey_id, home=home)


def _place(collector: Collector, visitor: Visitor | None, shown_token: str) -> Place:
    if visitor is None:
        return place_at(collector, Channel.WIDGET, embedded=True)
    carried = (("u", visitor.external_id), ("h", visitor.signature), ("i", shown_token))
    return place_at(
        collector,
        Channel.WIDGET,
        customer_id=visitor.id,
        customer_unit_id=visitor.unit_id,
        invitation_id=shown_invitation(collector, visitor, shown_token) if shown_token else None,
        carried=carried,
        embedded=True,
    )
