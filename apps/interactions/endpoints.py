"""The event interface as a Django view: what the fast lane leaves (preflights, chunked and huge bodies, odd hosts)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from django.db import transaction
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from apps.interactions.ingest import PREFLIGHT, SHORT, Call, answer_call, refused, too_large
from apps.interactions.messages import BATCHES, MAX_BATCH, MAX_MESSAGE
from cxm.ingest import FastAnswer
from cxm.web.views import public_view

_SPARE: Final = 1024
"""Bytes by which a packed body can be larger than what is in it."""


@public_view
@csrf_exempt
@transaction.non_atomic_requests
def take_messages(request: HttpRequest, kind: str) -> HttpResponse:
    """`POST /v1/<kind>`; the answer is given after its own transaction has committed."""
    if request.method == "OPTIONS":
        return as_response(FastAnswer(HTTPStatus.NO_CONTENT, b"", PREFLIGHT))
    if request.method != "POST":
        message = _("Send this as POST.")
        return as_response(refused(HTTPStatus.METHOD_NOT_ALLOWED, "method", message, (("Allow", "POST, OPTIONS"),)))
    kind = SHORT.get(kind, kind)
    limit = MAX_BATCH if kind in BATCHES else MAX_MESSAGE
    try:
        body = request.read(limit + _SPARE + 1)
    except UnreadablePostError:
        return as_response(refused(HTTPStatus.BAD_REQUEST, "invalid", _("The body did not arrive whole.")))
    if len(body) > limit + _SPARE:
        return as_response(too_large(limit))
    return as_response(
        answer_call(
            Call(
                kind,
                request.headers.get("Authorization", ""),
                request.headers.get("Content-Encoding", ""),
                body,
            )
        )
    )


def as_response(answer: FastAnswer) -> HttpResponse:
    """The answer in Django's form."""
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))
