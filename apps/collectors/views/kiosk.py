"""The kiosk: a page that runs by itself, its service worker, and where it delivers. No sign-in, no cookie."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts.clients import client_ip
from apps.collectors.addresses import find_place
from apps.collectors.kiosk import BY_KIOSK, MOST_AT_ONCE, is_open, programme, take_answers
from apps.collectors.models import Collector
from apps.collectors.queries import place_at
from apps.collectors.services import check_pin, note_seen
from apps.organizations.models import Organization
from apps.surveys.live import live_survey
from apps.surveys.views.respondent_base import Refused, respondent_page
from apps.surveys.views.respondents import answer_openly, explain_openly, thank_openly
from apps.surveys.wording import is_right_to_left
from apps.touchpoints.models import Channel
from cxm.api.problems import BadBody
from cxm.api.throttles import throttle
from cxm.ingest import parse_plain_json
from cxm.scope import tenant
from cxm.web.middleware import PERMISSIONS_POLICY
from cxm.web.policies import respondent_policy
from cxm.web.views import public_view

WORKER = Path(settings.ROOT) / "static" / "cx" / "kiosk-sw.js"
MOST_BYTES = 512 * 1024
TRUSTED_TYPES_POLICY = "cx-kiosk"
"""May name one script: the kiosk's service worker."""
THANKS_SECONDS = 3

View = Callable[..., Any]


def with_kiosk(view: View) -> View:
    """Find the kiosk and run the view in its organisation."""

    @respondent_page
    @wraps(view)
    def wrapped(request: HttpRequest, key: str) -> HttpResponseBase:
        found = find_place(Collector.Kind.KIOSK, key)
        if found is None:
            raise Refused("unknown", HTTPStatus.NOT_FOUND)
        if found.is_ended:
            raise Refused("closed", HTTPStatus.GONE)
        with tenant(found.organization):
            return view(request, key, found.organization, found.collector)

    return wrapped


@with_kiosk
def page(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/`: the page that the device keeps. Who has no scripts is led to the plain form."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    language = collector.language or (collector.survey.languages or ["en"])[0]
    context = {
        "organization": organization,
        "language": language,
        "direction": "rtl" if is_right_to_left(language) else "ltr",
        "key": key,
        "staff": json.dumps(_staff_texts(), ensure_ascii=False),
    }
    response = HttpResponse(render_to_string("collectors/kiosk.html", context))
    policy = respondent_policy()
    policy.update({"trusted-types": [TRUSTED_TYPES_POLICY], "worker-src": ["'self'"], "manifest-src": ["'self'"]})
    response._csp_config = policy  # type: ignore[attr-defined]
    own = {"fullscreen=()": "fullscreen=(self)", "screen-wake-lock=()": "screen-wake-lock=(self)"}
    response["Permissions-Policy"] = ", ".join(own.get(part, part) for part in PERMISSIONS_POLICY.split(", "))
    return response


def _staff_texts() -> dict[str, str]:
    """What staff read, in the language of the interface."""
    return {
        "staff": _("Staff"),
        "title": _("For staff"),
        "pin": _("PIN"),
        "enter": _("Enter"),
        "cancel": _("Back to the survey"),
        "wrong": _("This is not the PIN."),
        "often": _("Too many tries. Wait three minutes."),
        "offline": _("No connection: the PIN cannot be checked now."),
        "waiting": _("Answers kept on this device"),
        "refused": _("Of these, refused"),
        "sent": _("Last delivery"),
        "never": _("never"),
        "send": _("Send now"),
        "leave": _("Leave the kiosk"),
        "full": _("Full screen"),
        "left": _("The kiosk has stopped. Answers that were kept stay on this device."),
        "start": _("Start again"),
        "ended": _("This kiosk was ended or has a new address. Answers that were kept stay on this device."),
        "unready": _("Connect this device once: the kiosk has not been loaded yet."),
    }


@with_kiosk
def survey(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/survey.json`: the questions, and everything said around them, in every language."""
    return JsonResponse(programme(collector, organization, live_survey(collector.survey_id)))


@with_kiosk
def answers(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/answers/`: take what the device kept; without any, say that the kiosk is on."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    verdict = throttle().take(f"kiosk:{collector.pk}", BY_KIOSK)
    if not verdict.allowed:
        return JsonResponse(
            {}, status=HTTPStatus.TOO_MANY_REQUESTS, headers={"Retry-After": verdict.headers["Retry-After"]}
        )
    body = _body(request)
    if body is None:
        return JsonResponse({"error": "unreadable"}, status=HTTPStatus.BAD_REQUEST)
    given = body.get("answers", [])
    outcomes = (
        take_answers(collector=collector, answers=given, device_now=body.get("now"), ip=client_ip(request))
        if given
        else []
    )
    if not given:
        note_seen(collector.pk)
    live = live_survey(collector.survey_id)
    return JsonResponse(
        {
            "results": [{"id": outcome.number, "refused": outcome.refused} for outcome in outcomes],
            "version": live.version,
            "open": is_open(live),
        }
    )


def _body(request: HttpRequest) -> dict[str, Any] | None:
    """The delivery; None when it is too long, no JSON, or of another shape."""
    if len(request.body) > MOST_BYTES:
        return None
    try:
        body = parse_plain_json(request.body)
    except BadBody:
        return None
    given = body.get("answers", []) if isinstance(body, dict) else None
    return body if isinstance(given, list) and len(given) <= MOST_AT_ONCE else None


@with_kiosk
def leave(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/leave/`: whether this is the staff's PIN."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    verdict = check_pin(collector=collector, pin=request.POST.get("pin", ""))
    if verdict is None:
        return JsonResponse({"ok": False}, status=HTTPStatus.TOO_MANY_REQUESTS)
    return JsonResponse({"ok": verdict}, status=HTTPStatus.OK if verdict else HTTPStatus.FORBIDDEN)


@with_kiosk
def manifest(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/manifest.webmanifest`: the kiosk as an app of the device, without the browser's bars."""
    home = reverse("kiosk", args=[key])
    body = {
        "name": f"{organization.name}: {collector.name}",
        "short_name": collector.name[:30],
        "start_url": home,
        "scope": home,
        "display": "fullscreen",
        "icons": [{"src": "/static/favicon.svg", "sizes": "any", "type": "image/svg+xml"}],
    }
    return JsonResponse(body, content_type="application/manifest+json")


@public_view
def worker(request: HttpRequest) -> HttpResponse:
    """`/k/sw.js`: keeps the pages of kiosks for when there is no connection. Its own requests go to us alone."""
    response = HttpResponse(WORKER.read_bytes(), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    response._csp_config = {"default-src": ["'none'"], "connect-src": ["'self'"]}  # type: ignore[attr-defined]
    return response


# -- without scripts ---------------------------------------------------------------------------------------------------


@with_kiosk
def plain(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """`/k/<key>/plain/`: the same questions as a form."""
    home = reverse("kiosk_plain", args=[key])
    return answer_openly(request, organization, collector.survey_id, place_at(collector, Channel.KIOSK), home=home)


@with_kiosk
def plain_done(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """Thanks, and on to the next person."""
    place = place_at(collector, Channel.KIOSK)
    response = thank_openly(request, organization, collector.survey_id, place=place)
    response["Refresh"] = f"{THANKS_SECONDS}; url={reverse('kiosk_plain', args=[key])}"
    return response


@with_kiosk
def plain_privacy(request: HttpRequest, key: str, organization: Organization, collector: Collector) -> HttpResponse:
    """What is stored of somebody who answers at a kiosk."""
    return explain_openly(request, organization, collector.survey_id, home=reverse("kiosk_plain", args=[key]))
