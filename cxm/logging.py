"""Structured logs: one JSON object a line, with the organisation and the request, without what people wrote.

Everything that Python's logging receives, from our code, Django or Celery, passes the same processors. They add the ids
in force, and take out what has no place in a log: addresses, tokens, secrets, answers, and the messages of exceptions
(a database error quotes the row). Of an exception the log keeps the type and the lines of code it passed.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
import uuid
from collections.abc import Callable, MutableMapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse

from cxm.errors import DomainError
from cxm.scope import current_scope, current_user_id
from cxm.telemetry import observe_request

Event = MutableMapping[str, Any]

_request_id: ContextVar[str] = ContextVar("cxm_request_id", default="")
_PROJECT = str(Path(__file__).resolve().parent.parent) + "/"
_SANE_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}")
_SECRET_NAMES = re.compile(
    r"password|passwd|secret|token|authorization|cookie|api_?key|write_?key|e_?mail|phone|answer|comment|payload|body|"
    r"recipient|subject",
    re.IGNORECASE,
)
_SECRET_TEXTS = [
    (re.compile(r"[A-Za-z0-9_.+%-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "[address]"),
    (re.compile(r"\bcxm_(?:api|write)_[A-Za-z0-9_-]+"), "[key]"),
    (re.compile(r"(/(?:r|k|share|confirm-email|reset/key)/)[^/\s?]+"), r"\1[token]"),
    (re.compile(r"(://[^:/@\s]*:)[^@\s]+@"), r"\1[password]@"),
    (re.compile(r"\b[A-Za-z0-9_-]{40,}\b"), "[token]"),
]


def current_request_id() -> str:
    """The id of the request, or of the request that caused the task, that this code runs for; "" for none."""
    return _request_id.get()


def set_request_id(value: str) -> Any:
    """Put an id in force; give the result to :func:`reset_request_id`."""
    return _request_id.set(value)


def reset_request_id(token: Any) -> None:
    """Undo :func:`set_request_id`."""
    _request_id.reset(token)


def describe_exception(error: BaseException) -> str:
    """The exception without what it quotes: ``KeyError at apps/metrics/handlers.py:41 in fold``.

    The message of a :class:`~cxm.errors.DomainError` is ours and is kept.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_PROJECT) and "/.venv/" not in frame.filename]
    place = (ours or list(frames))[-1:] if frames else []
    where = "".join(f" at {frame.filename.removeprefix(_PROJECT)}:{frame.lineno} in {frame.name}" for frame in place)
    message = f": {error}" if isinstance(error, DomainError) else ""
    return f"{type(error).__name__}{where}{message}"


# -- processors --------------------------------------------------------------------------------------------------------


def _add_ids(_logger: Any, _method: str, event: Event) -> Event:
    scope, user, request = current_scope(), current_user_id(), current_request_id()
    if isinstance(scope, uuid.UUID):
        event.setdefault("organization", str(scope))
    if user:
        event.setdefault("user", str(user))
    if request:
        event.setdefault("request", request)
    return event


def _name_the_exception(_logger: Any, _method: str, event: Event) -> Event:
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info
    if isinstance(error, BaseException):
        event["exception"] = describe_exception(error)
        event["frames"] = [
            f"{frame.filename.removeprefix(_PROJECT)}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(error.__traceback__)
        ]
    return event


def _take_out_paths(_logger: Any, _method: str, event: Event) -> Event:
    """Django's own messages about requests hold the path, and paths hold tokens: the request line has the route."""
    if str(event.get("logger", "")).startswith("django.request"):
        event["event"] = "request refused" if event.get("level") == "warning" else "request failed"
    for name in ("request", "server_time", "stack_info"):
        if not isinstance(event.get(name), str):
            event.pop(name, None)
    return event


def redact(value: Any) -> Any:
    """The value with addresses, keys, tokens and passwords masked in every text inside it."""
    if isinstance(value, str):
        for pattern, mask in _SECRET_TEXTS:
            value = pattern.sub(mask, value)
        return value
    if isinstance(value, dict):
        return {key: "[removed]" if _is_secret(key) else redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return value if isinstance(value, int | float | bool | type(None)) else redact(str(value))


def _is_secret(name: Any) -> bool:
    return isinstance(name, str) and _SECRET_NAMES.search(name) is not None


def _redact(_logger: Any, _method: str, event: Event) -> Event:
    kept = {"event", "level", "logger", "timestamp"}
    for name, value in list(event.items()):
        if not name.startswith("_"):
            event[name] = "[removed]" if name not in kept and _is_secret(name) else redact(value)
    return event


_SHARED: list[structlog.typing.Processor] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _name_the_exception,
]
_LAST: list[structlog.typing.Processor] = [
    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
    _take_out_paths,
    _add_ids,
    _redact,
]


def logging_settings(level: str, *, for_people: bool) -> dict[str, Any]:
    """Django's LOGGING. JSON lines on stderr, or coloured text ``for_people`` (DEBUG)."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if for_people else structlog.processors.JSONRenderer(sort_keys=False)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [*_SHARED, structlog.stdlib.ExtraAdder()],
                "processors": [*_LAST, renderer],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": "INFO", "handlers": [], "propagate": True},
            "django.server": {"level": "WARNING", "handlers": [], "propagate": True},
            "celery": {"level": "WARNING"},
            "celery.app.trace": {"level": "CRITICAL"},  # quotes arguments and messages: cxm.telemetry logs outcomes
            "celery.beat": {"level": "CRITICAL"},  # writes out its stack whenever the broker is away
            "kombu": {"level": "WARNING"},
        },
    }


# -- requests ----------------------------------------------------------------------------------------------------------

_requests = logging.getLogger("cxm.requests")
_UNLOGGED = {"healthz", "readyz", "metrics"}


class RequestLogMiddleware:
    """Gives each request an id (also in the answer, ``X-Request-ID``), logs its route, status and time, counts it.

    The route is the URL pattern, never the path, which may hold a token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identity = given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex
        token = _request_id.set(identity)
        began = time.perf_counter()
        try:
            response = self.get_response(request)
            seconds = time.perf_counter() - began
            match = request.resolver_match
            route = match.route if match else "unmatched"
            observe_request(route, request.method or "", response.status_code, seconds)
            if route.strip("/") not in _UNLOGGED:
                organization = getattr(getattr(request, "organization", None), "pk", None)
                _requests.info(
                    "request",
                    extra={
                        "method": request.method,
                        "route": "/" + route.lstrip("/"),
                        "status": response.status_code,
                        "milliseconds": round(seconds * 1000, 1),
                        **({"organization": str(organization)} if organization else {}),
                    },
                )
            response["X-Request-ID"] = identity
            return response
        finally:
            _request_id.reset(token)
