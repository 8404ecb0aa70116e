"""Decorators and answers shared by all page views, and the pages for what goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, cast
from urllib.parse import quote

from csp.constants import HEADER
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template import loader
from django.urls import reverse
from django.utils.translation import gettext

from cxm.errors import DomainError, NotAllowed
from cxm.web.policies import respondent_policy

P = ParamSpec("P")
View = Callable[Concatenate[Any, P], HttpResponseBase]
"""A view; what its request carries is said by its own annotation (``cxm.web.http``)."""


class _Marked(Protocol):
    required_permission: str | None
    public: bool


def _mark(view: Callable[..., Any], permission: str | None, *, public: bool) -> None:
    marked = cast(_Marked, view)
    marked.required_permission = permission
    marked.public = public


# -- who may see a page -----------------------------------------------------------------------------------------------


class MissingPermission(PermissionDenied):
    """The signed-in person's role does not include ``permission``."""

    def __init__(self, permission: str) -> None:
        super().__init__(permission)
        self.permission = permission


def permission_required(permission: str) -> Callable[[View[P]], View[P]]:
    """Only for a signed-in member whose role includes ``permission``.

    Somebody signed out is sent to sign in and back again; somebody without the right gets the 403 page that says who
    can grant it. The view carries ``required_permission`` so that the matrix test can ask every page.
    """

    def decorator(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sign_in_first(request)
            actor = getattr(request, "actor", None)
            if actor is None:
                raise Http404
            if not actor.can(permission):
                raise MissingPermission(permission)
            return view(request, *args, **kwargs)

        _mark(guarded, permission, public=False)
        return guarded

    return decorator


def signed_in_view(view: View[P]) -> View[P]:
    """Only for somebody signed in, whatever their role."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sign_in_first(request)
        return view(request, *args, **kwargs)

    _mark(guarded, None, public=False)
    return guarded


def public_view(view: View[P]) -> View[P]:
    """For everybody. The mark says that somebody meant it."""
    _mark(view, None, public=True)
    return view


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back here. A fragment's page is reloaded as a whole; a script gets 401."""
    if wants_json(request):
        return JsonResponse({"title": gettext("Sign in first."), "status": 401, "errors": []}, status=401)
    here = request.get_full_path() if request.method in {"GET", "HEAD"} else request.path
    if is_htmx(request):
        # Where the reader is, not the address of the fragment.
        current = request.headers.get("HX-Current-URL", "")
        here = "/" + current.split("/", 3)[3] if current.count("/") >= 3 else "/"
    url = f"{reverse('account_login')}?next={quote(here)}"
    if is_htmx(request):
        return HttpResponse(status=401, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def respondent_csp(*, frame_ancestors: Iterable[str] = ()) -> Callable[[View[P]], View[P]]:
    """The respondent's policy and headers instead of the app's: ``@respondent_csp()``, or with ``frame_ancestors``.

    A view that knows its allowed sites only at run time calls :func:`as_respondent_page` itself.
    """

    def decorator(view: View[P]) -> View[P]:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            return as_respondent_page(view(request, *args, **kwargs), frame_ancestors)

        return wrapped

    return decorator


def as_respondent_page(response: HttpResponseBase, frame_ancestors: Iterable[str] = ()) -> HttpResponseBase:
    """Give an answer the headers of a respondent's page.

    ``Referrer-Policy: no-referrer`` keeps the token of the address to ourselves; ``noindex`` keeps it out of search
    engines; ``no-store`` out of shared caches. ``frame_ancestors`` are the origins that may embed it.
    """
    ancestors = list(frame_ancestors)
    if HEADER not in response and not hasattr(response, "_csp_config"):
        response._csp_config = respondent_policy(ancestors)  # type: ignore[attr-defined]
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("X-Robots-Tag", "noindex")
    response.headers.setdefault("Cache-Control", "no-store")
    if ancestors:
        response.xframe_options_exempt = True  # type: ignore[attr-defined]
    return response


# -- answers ----------------------------------------------------------------------------------------------------------


def is_htmx(request: HttpRequest) -> bool:
    """Whether htmx asks for a fragment of the page (not for a whole one, as it does for history)."""
    return request.headers.get("HX-Request-Type") == "partial"


def wants_json(request: HttpRequest) -> bool:
    """Whether one of our modules asks with fetch and reads the answer itself."""
    accept = request.headers.get("Accept", "")
    return "application/json" in accept and "text/html" not in accept


def render_page(
    request: HttpRequest,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    partial: str | None = None,
    status: int | None = None,
) -> HttpResponse:
    """Render a page, or only its named ``partial`` when htmx asks for a fragment.

    Without ``status`` the answer is 422 when a bound form or form set of the context has errors, else 200.
    """
    context = context or {}
    if status is None:
        status = 422 if any(_has_errors(value) for value in context.values()) else 200
    name = f"{template}#{partial}" if partial and is_htmx(request) else template
    return render(request, name, context, status=status)


def _has_errors(value: object) -> bool:
    """Whether this is a form (or form set) that was sent and refused. A filter form that is wrong is no such thing."""
    if not getattr(value, "is_bound", False) or not hasattr(value, "is_valid") or not hasattr(value, "errors"):
        return False
    if hasattr(value, "filters"):
        return False
    return bool(value.total_error_count() if hasattr(value, "total_error_count") else value.errors)


def see_other(request: HttpRequest, url: str) -> HttpResponse:
    """On to ``url`` after a write: a redirect, or for htmx the header that makes the browser go there."""
    if is_htmx(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


# -- when something is wrong ------------------------------------------------------------------------------------------


def domain_error_response(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page, fragment or JSON that says what a service refused and why."""
    status = 422 if error.status == 400 else error.status
    return _problem(request, status, detail=error.message, errors=[*error.errors])


def too_slow(request: HttpRequest) -> HttpResponse:
    """What somebody reads whose question the database could not answer in the time a page has."""
    detail = gettext("Answering this took too long and was stopped. Choose a shorter period or fewer filters.")
    return _problem(request, 503, detail=detail)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's 400 handler: a request that no page of ours sends."""
    return _problem(request, 400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's 403 handler: the role does not include it."""
    detail = exception.message if isinstance(exception, NotAllowed) else ""
    return _problem(request, 403, detail=detail, permission=getattr(exception, "permission", ""))


def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's 404 handler: no such page or thing here (which says nothing about other organisations)."""
    return _problem(request, 404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The form's token is missing or old: the cookie was deleted, or the page was open for very long."""
    return _problem(
        request,
        403,
        detail=gettext("This form was too old or came from elsewhere. Go back, reload the page, try again."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500 handler. Needs no database, no session and no context processor."""
    if wants_json(request):
        return JsonResponse({"title": gettext("Something went wrong here."), "status": 500, "errors": []}, status=500)
    try:
        name = "components/error.html" if is_htmx(request) else "500.html"
        body = loader.get_template(name).render({"status": 500, "retry": request.get_full_path()})
    except Exception:  # the page for failures must not fail
        body = "<!doctype html><title>500</title><h1>Something went wrong on our side.</h1>"
    return HttpResponse(body, status=500)


def _problem(
    request: HttpRequest,
    status: int,
    *,
    detail: str = "",
    permission: str = "",
    errors: list[Any] | None = None,
) -> HttpResponse:
    """One shape for all that goes wrong: JSON for scripts, a short alert for fragments, a page for people."""
    if wants_json(request):
        body = {"title": detail or _TITLES[status](), "status": status, "errors": errors or []}
        return JsonResponse(body, status=status)
    inside = getattr(request, "organization", None) is not None and getattr(request, "actor", None) is not None
    context = {
        "status": status,
        "title": _TITLES[status](),
        "detail": detail,
        "permission": permission,
        "layout": "shell.html" if inside and request.user.is_authenticated else "public.html",
        "retry": "",
    }
    if is_htmx(request):
        return render(request, "components/error.html", context, status=status)
    name = f"{status}.html" if status in {400, 403, 404} else "components/problem_page.html"
    return render(request, name, context, status=status)


_TITLES: dict[int, Callable[[], str]] = {
    400: lambda: gettext("This request cannot be read"),
    403: lambda: gettext("Your role does not include this"),
    404: lambda: gettext("There is nothing here"),
    409: lambda: gettext("This has changed meanwhile"),
    412: lambda: gettext("Somebody else changed this"),
    422: lambda: gettext("This cannot be done"),
    503: lambda: gettext("This took too long"),
}
