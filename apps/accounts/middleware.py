"""What every request knows of its client."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.accounts.clients import client_ip


class ClientAddressMiddleware:
    """Sets ``request.client_ip``: the true client's address, or None. Audit log and limits read it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.client_ip = client_ip(request)  # type: ignore[attr-defined]
        return self.get_response(request)
