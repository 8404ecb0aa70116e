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

import msgspec
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import DatabaseError, InterfaceError, connection
from django.http.request import split_domain_port, validate_host
from redis import RedisError

from cxm.api.parsers import MAX_INTEGER, parse_json
from cxm.api.throttles import MAX_LOCAL_BUCKETS, Limit, Verdict, throttle
from cxm.errors import DomainError
from cxm.telemetry import observe_request

logger = logging.getLogger("cxm.ingest")

MAX_BODY: Final = 1_000_000
"""Bytes. Larger bodies take the common way, which has the limits of each resource."""
MAX_PLAIN_DEPTH: Final = 8
NOT_PLAIN: Final = -(10**9)
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


# -- limits ------------------------------------------------------------------------------------------------------------

LEASE: Final = 8
"""Requests that a busy key may send before the shared limit is asked again."""
LEASE_SECONDS: Final = 0.25
_TAKE_UP_TO: Final = """
local now = redis.call('TIME')
now = now[1] + now[2] / 1000000
local rate, burst, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(burst, (tonumber(bucket[1]) or burst) + (now - (tonumber(bucket[2]) or now)) * rate)
local taken = math.max(0, math.min(wanted, math.floor(tokens)))
tokens = tokens - taken
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(burst / rate * 1000) + 1000)
return {taken, tostring(tokens)}
"""


@dataclass(slots=True)
class _Lease:
    left: int
    tokens: float
    until: float


class LeasedThrottle:
    """The shared buckets of ``cxm.api.throttles``, asked less often: a busy key gets several requests at once.

    What a lease does not use within a quarter of a second is lost to its key; that is less than its rate, so a key
    below its limit never notices. Without Valkey this process's own buckets decide.
    """

    def __init__(self) -> None:
        self.leases: dict[str, _Lease] = {}
        self.script: Any = None

    def take(self, name: str, limit: Limit) -> Verdict:
        """Take one request for a name; never raises."""
        now = time.monotonic()
        lease = self.leases.get(name)
        busy = lease is not None and now < lease.until
        if lease is not None and busy and lease.left > 0:
            lease.left -= 1
            return Verdict(True, limit, lease.tokens + lease.left)
        shared = throttle()
        if now < shared.away_until:
            return shared.local.take(name, limit)
        if self.script is None:
            self.script = shared.client.register_script(_TAKE_UP_TO)
        try:
            taken, tokens = self.script(keys=[f"cxm:rate:{name}"], args=[limit.rate, limit.burst, LEASE if busy else 1])
        except RedisError:
            return shared.take(name, limit)
        if not taken:
            return Verdict(False, limit, float(tokens))
        if len(self.leases) > MAX_LOCAL_BUCKETS:
            self.leases.clear()
        self.leases[name] = _Lease(taken - 1, float(tokens), now + LEASE_SECONDS)
        return Verdict(True, limit, float(tokens) + taken - 1)


leased_throttle = LeasedThrottle()


# -- bodies ------------------------------------------------------------------------------------------------------------


def parse_plain_json(raw: bytes) -> Any:
    """The value of an ordinary JSON text, read by the fastest parser; the same as ``cxm.api.parsers.parse_json`` gives.

    A text with anything that needs a second look (an escaped character, a huge number, a name that may stand twice,
    depth, an error) goes through that careful parser, which takes ten times as long. Raises BadBody as it does.
    """
    if b"\\u" not in raw:
        try:
            value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return parse_json(raw)
        if _plain_names(value, 0) == raw.count(b'":'):
            return value
    return parse_json(raw)


def _plain_names(value: Any, depth: int) -> int:
    """How many names the objects in a value have together; far below 0 when it holds what is not plain."""
    names = 0
    if isinstance(value, dict):
        names, inside = len(value), value.values()
    elif isinstance(value, list):
        inside = value  # type: ignore[assignment]
    else:
        inside = (value,)  # type: ignore[assignment]
    for inner in inside:
        if isinstance(inner, dict | list):
            names += _plain_names(inner, depth + 1) if depth < MAX_PLAIN_DEPTH else NOT_PLAIN
        elif isinstance(inner, int | float) and not -MAX_INTEGER <= inner <= MAX_INTEGER:
            names += NOT_PLAIN
    return names


def absolute_url(environ: Environ, path: str) -> str:
    """The address of a path as the client sees this server."""
    header, value = getattr(settings, "SECURE_PROXY_SSL_HEADER", None) or ("", "")
    secure = bool(header) and environ.get(header, "").split(",")[0].strip() == value
    scheme = "https" if secure else environ.get("wsgi.url_scheme", "http")
    return f"{scheme}://{environ.get('HTTP_HOST', '')}{path}"
