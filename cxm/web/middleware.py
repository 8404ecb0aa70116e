"""Headers on every answer, and services' refusals as pages."""

from __future__ import annotations

import json
from collections.abc import Callable

from django.contrib import messages
from django.contrib.messages import constants as levels
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from cxm.db.limits import took_too_long
from cxm.errors import DomainError
from cxm.web.views import domain_error_response, is_htmx, too_slow

#: Every feature that browsers gate, switched off: no page of ours uses one.
PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "autoplay",
        "browsing-topics",
        "camera",
        "display-capture",
        "encrypted-media",
        "fullscreen",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "picture-in-picture",
        "screen-wake-lock",
        "usb",
        "xr-spatial-tracking",
    )
)


class SecurityHeadersMiddleware:
    """What Django's own middleware does not write: Permissions-Policy, no caching of pages, ``Vary`` for fragments.

    A page carries a nonce and somebody's data, so it is never stored. Views that set ``Cache-Control`` themselves
    (stylesheets, exports, respondent pages) keep what they set. Messages for a fragment travel in ``HX-Trigger``.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if response.headers.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Cache-Control", "private, no-store")
            patch_vary_headers(response, ["HX-Request-Type"])
        if is_htmx(request) and "HX-Redirect" not in response.headers and "HX-Trigger" not in response.headers:
            toasts = [
                {"text": str(message), "error": message.level >= levels.ERROR}
                for message in messages.get_messages(request)
            ]
            if toasts:
                response.headers["HX-Trigger"] = json.dumps({"cx:toast": {"messages": toasts}})
        return response


class DomainErrorMiddleware:
    """A ``DomainError`` that leaves a view becomes a page with its message (403, 404, 409, 412 or 422).

    A question that the database gave up because it took too long becomes a page that says so (503). The request's
    transaction has been rolled back by then. The API has its own handler and never comes here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, DomainError):
            return domain_error_response(request, exception)
        if took_too_long(exception):
            return too_slow(request)
        return None
