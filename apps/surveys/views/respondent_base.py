"""What all pages of respondents share: no sign-in, no cookie, strict headers, limits, and one page of refusal."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.template.loader import render_to_string
from django.views.decorators.csrf import csrf_exempt

from apps.surveys.definition import MAX_FILE_MB
from apps.surveys.respondent import (
    accepted_languages,
)
from apps.surveys.respondent_texts import LANGUAGES, respondent_texts
from apps.surveys.uploads import MEGABYTE
from apps.surveys.wording import is_right_to_left
from cxm.api.throttles import Limit, throttle
from cxm.web.views import public_view, respondent_csp

BY_ADDRESS = Limit(rate=2, burst=120)
"""Posts to open links from one address: a shop's network, a crowd at a poster."""

UPLOADS = Limit(rate=0.1, burst=20)
"""Screens with files, from one personal link or one address."""
MAX_BODY = 3 * MAX_FILE_MB * MEGABYTE
"""Bytes of one screen, its files included."""

View = Callable[..., Any]


class Refused(Exception):
    """A page that ends here: an answer with its status, and the sentences that say why."""

    def __init__(self, name: str, status: HTTPStatus, *, retry_after: str = "") -> None:
        super().__init__(name)
        self.name = name
        self.status = status
        self.retry_after = retry_after


def respondent_page(view: View) -> View:
    """What all these pages share: no sign-in, no CSRF cookie, no cache, no referrer, no index, the strict policy."""

    @csrf_exempt
    @public_view
    @respondent_csp()
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            _refuse_giants(request)
            response = view(request, *args, **kwargs)
        except Refused as refused:
            response = refusal(request, refused)
        return response

    return wrapped


def _refuse_giants(request: HttpRequest) -> None:
    """Before a byte of it is read: nobody fills the disk through an open link."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MAX_BODY:
        raise Refused("too_large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


def page(template: str, context: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    """A page without the app's context processors: nothing here knows of sessions or people."""
    return HttpResponse(render_to_string(f"respondent/{template}.html", context), status=status)


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """A page of one sentence, in the reader's language as the browser names it."""
    wanted = [request.GET.get("lang", ""), *accepted_languages(request.headers.get("Accept-Language", ""))]
    language = next((code for code in (w.partition("-")[0].lower() for w in wanted) if code in LANGUAGES), "en")
    texts = respondent_texts(language)
    response = page(
        "message",
        {
            "t": texts,
            "language": language,
            "direction": direction_of(language),
            "heading": texts[refused.name],
            "text": texts[f"{refused.name}_text"],
        },
        refused.status,
    )
    if refused.retry_after:
        response["Retry-After"] = refused.retry_after
    return response


def unknown() -> Refused:
    """The one answer to every link that leads nowhere, whatever is wrong with it."""
    return Refused("unknown", HTTPStatus.NOT_FOUND)


def direction_of(language: str) -> str:
    """`ltr` or `rtl`."""
    return "rtl" if is_right_to_left(language) else "ltr"


def take_token(name: str, limit: Limit) -> None:
    """Count this against a limit. Raises Refused with 429 when there is nothing left."""
    verdict = throttle().take(name, limit)
    if not verdict.allowed:
        raise Refused("too_many", HTTPStatus.TOO_MANY_REQUESTS, retry_after=verdict.headers["Retry-After"])
