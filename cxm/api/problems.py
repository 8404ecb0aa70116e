"""Errors as RFC 9457 problems: `application/problem+json` with type, title, status, detail and errors.

Every failure of the API leaves in this one shape, whoever raised it: a serializer, a service (`DomainError`), Django's
own 404 or the database. Nothing of the inside (exception text, SQL, paths) gets out; what is not ours to say is logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DatabaseError, DataError, IntegrityError, OperationalError, connections
from django.http import Http404, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import exceptions, status
from rest_framework.fields import get_error_detail
from rest_framework.response import Response

from cxm.db.limits import took_too_long
from cxm.errors import DomainError

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
DOCS = "/api/docs/"

FieldErrors = list[dict[str, Any]]

KINDS: dict[int, tuple[str, Any, Any]] = {
    400: ("invalid", gettext_lazy("Invalid request"), gettext_lazy("The request could not be taken. See errors.")),
    401: (
        "no-key",
        gettext_lazy("Not authenticated"),
        gettext_lazy("Send a valid key as Authorization: Bearer <key>."),
    ),
    403: ("not-allowed", gettext_lazy("Not allowed"), gettext_lazy("This key does not carry the right to do this.")),
    404: ("not-found", gettext_lazy("Not found"), gettext_lazy("There is nothing at this address.")),
    405: ("method", gettext_lazy("Method not allowed"), gettext_lazy("This resource does not offer that method.")),
    406: ("not-acceptable", gettext_lazy("Not acceptable"), gettext_lazy("This resource answers in JSON only.")),
    409: ("conflict", gettext_lazy("Conflict"), gettext_lazy("The change clashes with what is stored.")),
    411: ("length", gettext_lazy("Length required"), gettext_lazy("Send the Content-Length of the body.")),
    412: ("changed", gettext_lazy("Changed meanwhile"), gettext_lazy("The resource is no longer what If-Match names.")),
    413: ("too-large", gettext_lazy("Too large"), gettext_lazy("The body is larger than this resource takes.")),
    415: ("media-type", gettext_lazy("Unsupported media type"), gettext_lazy("Send application/json.")),
    422: ("key-reused", gettext_lazy("Idempotency key reused"), gettext_lazy("The key was used with another request.")),
    429: ("too-many", gettext_lazy("Too many requests"), gettext_lazy("Slow down and try again.")),
    500: ("internal", gettext_lazy("Internal error"), gettext_lazy("Something broke on our side. It was logged.")),
    503: ("busy", gettext_lazy("Not available"), gettext_lazy("Try again in a few seconds.")),
}
"""Status -> (fragment of the type URI, title, detail when nothing better is known)."""


class PayloadTooLarge(exceptions.APIException):
    """413: the body is over the limit of the resource."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = KINDS[413][2]


class IdempotencyKeyReused(exceptions.APIException):
    """422: the same Idempotency-Key came with another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"
    default_detail = KINDS[422][2]


class StillRunning(exceptions.APIException):
    """409: the first request with this Idempotency-Key has not ended; ask again in `wait` seconds."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "still_running"
    default_detail = gettext_lazy("The first request with this Idempotency-Key is still running.")
    wait = 1


class BadBody(exceptions.ParseError):
    """400 for one named place of the body (or one query parameter)."""

    def __init__(self, message: Any, *, field: str = "", code: str = "invalid") -> None:
        super().__init__(message, code)
        self.errors: FieldErrors = [{"field": field, "code": code, "message": str(message)}]


def problem_body(status_code: int, detail: Any = None, errors: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """The members of a problem, in the order the specification lists them."""
    slug, title, usual = KINDS.get(status_code) or KINDS[500 if status_code >= 500 else 400]
    if status_code not in KINDS:
        title = HTTPStatus(status_code).phrase
    return {
        "type": f"{DOCS}#problem-{slug}",
        "title": str(title),
        "status": status_code,
        "detail": str(detail or usual),
        "errors": [dict(error) for error in errors],
    }


def problem_http_response(
    status_code: int, detail: Any = None, errors: Iterable[Mapping[str, Any]] = ()
) -> HttpResponse:
    """A problem outside DRF (middleware, unknown addresses)."""
    body = problem_body(status_code, detail, errors)
    return HttpResponse(json.dumps(body, ensure_ascii=False), status=status_code, content_type=CONTENT_TYPE)


def problem_exception_handler(exc: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: turn what was raised into a problem and undo the request's transaction.

    An unforeseen exception is raised again, so that it is logged and reported like any other 500; the API middleware
    gives that 500 its problem body.
    """
    response = problem_from_exception(exc)
    if response is None:
        raise exc
    undo_request()
    return response


def undo_request() -> None:
    """Make the transaction around the request (ATOMIC_REQUESTS) end with a rollback."""
    for connection in connections.all(initialized_only=True):
        if connection.settings_dict["ATOMIC_REQUESTS"] and connection.in_atomic_block:
            connection.set_rollback(True)


def problem_from_exception(exc: Exception) -> Response | None:
    """The problem for `exc`, or None when it is a bug of ours. Does not touch the transaction."""
    headers: dict[str, str] = {}
    errors: FieldErrors = []
    detail: Any = None
    match exc:
        case DomainError():
            code, errors = exc.status, [dict(error) for error in exc.errors]
            detail = errors[0]["message"] if len(errors) == 1 else None
        case exceptions.APIException():
            code, errors, detail, headers = of_api_exception(exc)
        case ModelValidationError():
            code, errors = 400, flatten(get_error_detail(exc))
        case Http404():
            code = 404
        case PermissionDenied():
            code = 403
        case RequestDataTooBig():
            code = 413
        case SuspiciousOperation() | BadRequest():
            code = 400
        case DataError():
            logger.warning("value refused by the database", exc_info=exc)
            code, detail = 400, _("A value is out of range or malformed.")
        case IntegrityError():
            logger.warning("constraint refused a write", exc_info=exc)
            code = 409
        case OperationalError() if took_too_long(exc):
            logger.warning("statement given up", exc_info=exc)
            code = 503
            detail = _("Answering this took too long and was stopped. Ask for a shorter period or use fewer filters.")
        case OperationalError():
            logger.error("database not available", exc_info=exc)
            code, headers = 503, {"Retry-After": "2"}
        case DatabaseError() | _:
            return None
    return Response(problem_body(code, detail, errors), status=code, headers=headers, content_type=CONTENT_TYPE)


def of_api_exception(exc: exceptions.APIException) -> tuple[int, FieldErrors, Any, dict[str, str]]:
    """Status, errors, detail and headers of one of DRF's exceptions."""
    headers: dict[str, str] = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if (wait := getattr(exc, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(exc, exceptions.ValidationError):
        errors = flatten(exc.detail)
        return exc.status_code, errors, errors[0]["message"] if len(errors) == 1 else None, headers
    if isinstance(exc, BadBody):
        return exc.status_code, exc.errors, exc.detail, headers
    if isinstance(exc, exceptions.NotFound | exceptions.PermissionDenied | exceptions.NotAuthenticated):
        return exc.status_code, [], None, headers
    return exc.status_code, [], exc.detail, headers


def flatten(detail: Any, path: str = "") -> FieldErrors:
    """DRF's nested errors as a flat list; `field` is a dotted path (`answers.q1`, `3.score`), empty for the whole."""
    if isinstance(detail, Mapping):
        found: FieldErrors = []
        for key, inner in detail.items():
            step = "" if key == "non_field_errors" else str(key)
            found += flatten(inner, ".".join(part for part in (path, step) if part))
        return found
    if isinstance(detail, list | tuple):
        found = []
        for index, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list | tuple)
            found += flatten(inner, ".".join(part for part in (path, str(index)) if part) if nested else path)
        return found
    return [{"field": path, "code": getattr(detail, "code", None) or "invalid", "message": str(detail)}]
