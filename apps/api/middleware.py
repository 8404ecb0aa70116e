"""The way into `/api/`: key -> organisation -> limit -> view, and every failure on it as a problem.

The key is proven before anything else and the organisation stays in force until the answer is rendered. Schema and
docs, which hold nothing of an organisation, need no key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from apps.accounts.clients import client_ip
from apps.organizations.models import Organization
from apps.organizations.services.keys import KeyHolder, authenticate_api_key
from cxm.api.keys import parse_key
from cxm.api.permissions import CHALLENGE
from cxm.api.problems import CONTENT_TYPE, problem_http_response
from cxm.api.throttles import api_limit, throttle
from cxm.scope import tenant

ROOT = "/api/"
VERSION_ROOT = "/api/v1/"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


class ApiKeyMiddleware:
    """Serves `/api/`; every other address passes untouched."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponseBase:
        if not request.path_info.startswith(ROOT):
            return self.get_response(request)
        if refused := refuse_address(request):
            return refused
        if not request.path_info.startswith(VERSION_ROOT):
            return as_problem(request, self.get_response(request))
        found = key_holder(request)
        if found is None:
            return not_authenticated(request)
        request.organization, request.actor = found
        request.membership = None
        verdict = throttle().take(f"{request.organization.pk}:{request.actor.id}", api_limit())
        if verdict.allowed:
            with tenant(request.organization):
                response = as_problem(request, self.get_response(request))
            if response.streaming:
                parts = iter(response.streaming_content)  # type: ignore[attr-defined]
                response.streaming_content = in_scope(parts, request.organization)  # type: ignore[attr-defined]
        else:
            response = problem_http_response(HTTPStatus.TOO_MANY_REQUESTS)
        for name, value in verdict.headers.items():
            response[name] = value
        return response


def in_scope(parts: Iterator[bytes], organization: Organization) -> Iterator[bytes]:
    """The parts of a streamed answer, each made with the organisation in force, which ends between two parts."""
    while True:
        with tenant(organization):
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part


def key_holder(request: HttpRequest) -> KeyHolder | None:
    """The organisation and actor of the request's key, or None. Public write keys come in too, with their one scope."""
    token = bearer_token(request)
    claim = parse_key(token)
    return authenticate_api_key(token, client_ip(request), kind=claim.kind) if claim else None


def bearer_token(request: HttpRequest) -> str:
    """The token of `Authorization: Bearer <token>`, or ""."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def refuse_address(request: HttpRequest) -> HttpResponse | None:
    """NUL, which no column can hold, is refused wherever in the address it stands."""
    if "\x00" in request.path_info:
        return problem_http_response(HTTPStatus.NOT_FOUND)
    if "%00" in request.META.get("QUERY_STRING", "") or "\x00" in request.META.get("QUERY_STRING", ""):
        return problem_http_response(HTTPStatus.BAD_REQUEST, _("The address holds a NUL character."))
    return None


def not_authenticated(request: HttpRequest) -> HttpResponse:
    """401, the same for a missing, malformed, unknown, expired or revoked key."""
    response = problem_http_response(HTTPStatus.UNAUTHORIZED)
    response["WWW-Authenticate"] = CHALLENGE
    return response


def as_problem(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """A failure that is not a problem yet (unknown address, wrong host, a bug) as one; other answers unchanged."""
    kind = response.headers.get("Content-Type", "").split(";")[0]
    if response.status_code < HTTPStatus.BAD_REQUEST or kind == CONTENT_TYPE:
        return response
    problem = problem_http_response(response.status_code)
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response:
            problem[name] = response[name]
    return problem
