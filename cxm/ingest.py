"""The fast lane: what arrives in thousands a second is answered before Django's request machinery begins.

A management request may cost a millisecond of middleware, sessions and serializers; an answer to a survey may not. An
app registers a route with a handler that answers the ordinary, good case. Whatever the handler does not answer (an
error, an odd header, anything rare) goes the common way with its body untouched, so there is one place that says what
is wrong, and the two ways cannot differ in what they refuse. Both call the same services (docs/adr/0051).

A handler must not write anything and then decline. It runs outside of a transaction: a service's single statement is
its own transaction, acknowledged when it is on disk.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError, connection
from django.http.request import split_domain_port, validate_host

from cxm.errors import DomainError
from cxm.telemetry import observe_request

logger = logging.getLogger("cxm.ingest")

MAX_BODY: Final = 1_000_000
"""Bytes. Larger bodies take the common way, which has the limits of each resource."""
IDLE_CHECK: Final = 5.0
"""Seconds without use after which a thread's database connection is tried before it is trusted."""

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class FastAnswer:
    """A whole answer. ``headers`` come on top of those that every answer of the lane has."""

    status: HTTPStatus
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Environ, bytes, "re.Match[str]"], FastAnswer | None]


@dataclass(frozen=True, slots=True)
class FastRoute:
    """POSTs to addresses of one form; ``name`` is the URL pattern that figures are kept under."""

    name: str
    pattern: re.Pattern[str]
    handler: Handler


_routes: dict[str, FastRoute] = {}
_UNAVAILABLE: Final = FastAnswer(
    HTTPStatus.SERVICE_UNAVAILABLE,
    json.dumps(
        {
            "type": "/api/docs/#problem-busy",
            "title": "Not available",
            "status": 503,
            "detail": "Try again in a few seconds.",
            "errors": [],
        }
    ).encode(),
    (("Content-Type", "application/problem+json"), ("Retry-After", "1")),
)


def register_fast_route(name: str, pattern: str, handler: Handler) -> None:
    """Answer POSTs to addresses that match ``pattern`` as a whole. Called from an app's ``wiring.py``."""
    _routes[name] = FastRoute(name, re.compile(pattern), handler)


class FastLane:
    """A WSGI application: registered routes first, everything else to the application it wraps."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            for route in _routes.values():
                match = route.pattern.fullmatch(environ.get("PATH_INFO", ""))
                if match:
                    answer = answer_fast(route, match, environ)
                    if answer:
                        return send(answer, start_response)
                    break
        return self.application(environ, start_response)


def answer_fast(route: FastRoute, match: re.Match[str], environ: Environ) -> FastAnswer | None:
    """The route's answer, or None with the body put back for the common way."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isdigit() and len(length) <= 7 and int(length) <= MAX_BODY) or not is_allowed_host(environ):
        return None
    began = time.perf_counter()
    body = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(body)
    try:
        _check_idle_connection(began)
        answer = route.handler(environ, body, match)
    except (DomainError, SuspiciousOperation):
        return None
    except (DatabaseError, InterfaceError) as error:
        # Whether the statement was committed is not known: saying so is right, trying again might store it twice.
        logger.warning("fast lane lost the database", extra={"error": type(error).__name__})
        connection.close()
        answer = _UNAVAILABLE
    if answer:
        observe_request(route.name, "POST", answer.status, time.perf_counter() - began)
    return answer


def _check_idle_connection(now: float) -> None:
    """Let Django try a connection of this thread that has not been used for a while, and replace an old one."""
    if connection.in_atomic_block:
        return
    if now - getattr(connection, "fast_lane_used_at", now) > IDLE_CHECK:
        connection.close_if_unusable_or_obsolete()
    connection.fast_lane_used_at = now  # type: ignore[attr-defined]


def send(answer: FastAnswer, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand the answer to the web server."""
    start_response(
        f"{answer.status.value} {answer.status.phrase}",
        [
            *answer.headers,
            ("Content-Length", str(len(answer.body))),
            ("X-Content-Type-Options", "nosniff"),
        ],
    )
    return [answer.body]


def is_allowed_host(environ: Environ) -> bool:
    """Whether the Host header is one of ours; another one takes the common way, which refuses it."""
    return _is_allowed(environ.get("HTTP_HOST", ""))


@lru_cache(maxsize=1_000)
def _is_allowed(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def absolute_url(environ: Environ, path: str) -> str:
    """The address of a path as the client sees this server."""
    header, value = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) or ("", "")
    secure = bool(header) and environ.get(header, "").split(",")[0].strip() == value
    scheme = "https" if secure else environ.get("wsgi.url_scheme", "http")
    return f"{scheme}://{environ.get('HTTP_HOST', '')}{path}"
