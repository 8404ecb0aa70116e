"""The way into an organisation's pages: address -> membership -> organisation in force -> view."""

import zoneinfo
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone

from apps.accounts.clients import client_ip
from apps.accounts.models import User
from apps.organizations.models import Membership, Organization
from apps.organizations.queries import actor_for, memberships_of
from cxm.scope import acting_user, tenant

ROOT = "/o/"


class TenantMiddleware:
    """Serves ``/o/<slug>/...``: only members get in, and the organisation stays in force until the answer is sent.

    To everybody else every address there is the same 404, whether such an organisation exists or not; who is not
    signed in is asked to sign in first, again for every address. Sets ``request.organization``,
    ``request.membership``, ``request.memberships`` (the organisations the person can switch to) and
    ``request.actor``, and counts time in the member's zone or the organisation's.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(ROOT):
            return self.get_response(request)
        if not isinstance(request.user, User):
            return _sign_in_first(request)
        memberships = memberships_of(request.user)
        slug = _slug(request.path_info)
        membership = next((found for found in memberships if found.organization.slug == slug), None)
        if membership is None:
            raise Http404
        organization = membership.organization
        request.organization = organization  # type: ignore[attr-defined]
        request.membership = membership  # type: ignore[attr-defined]
        request.memberships = memberships  # type: ignore[attr-defined]
        zone = zoneinfo.ZoneInfo(request.user.timezone or organization.timezone)
        with tenant(organization), acting_user(request.user), timezone.override(zone):
            request.actor = actor_for(request.user, organization, client_ip(request))  # type: ignore[attr-defined]
            response = self.get_response(request)
        if response.streaming:
            response.streaming_content = _in_scope(  # type: ignore[attr-defined]
                iter(response.streaming_content),  # type: ignore[attr-defined]
                membership,
                zone,
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        """Views read ``request.organization``; the slug is not passed to them."""
        if isinstance(getattr(request, "organization", None), Organization):
            kwargs.pop("org", None)


def _in_scope(parts: Iterator[bytes], membership: Membership, zone: zoneinfo.ZoneInfo) -> Iterator[bytes]:
    """The parts of a streamed answer, each made with the organisation in force, which ends between two parts."""
    while True:
        with tenant(membership.organization_id), acting_user(membership.user_id), timezone.override(zone):
            try:
                part = next(parts)
            except StopIteration:
                return
        yield part


def _slug(path: str) -> str:
    """The organisation's part of the address; NUL, which no column can hold, fits no organisation."""
    slug = path.removeprefix(ROOT).partition("/")[0]
    return "" if "\x00" in slug else slug


def _sign_in_first(request: HttpRequest) -> HttpResponseBase:
    address = f"{settings.LOGIN_URL}?{urlencode({'next': request.get_full_path()})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)
