"""The router of `/api/v1/`. Each app's `api.register(router)` adds its resources; the root lists them."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, path
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView


class ApiRouter(SimpleRouter):
    """DRF's router plus plain views.

    A nested resource is registered with its parent in the prefix:
    `router.register(r"surveys/(?P<survey_id>[^/.]+)/responses", ResponseViewSet, basename="response")`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.views: list[tuple[str, type[APIView], str]] = []

    def register_view(self, route: str, view: type[APIView], *, name: str) -> None:
        """Add a plain view at `route` (Django path syntax, without leading slash, with trailing slash)."""
        self.views.append((route, view, name))

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [*super().get_urls(), *(path(route, view.as_view(), name=name) for route, view, name in self.views)]

    def collections(self) -> dict[str, str]:
        """Top-level resource -> name of its URL, for the root listing."""
        found: dict[str, Any] = {
            prefix: self.routes[0].name.format(basename=basename)
            for prefix, viewset, basename in self.registry
            if "(" not in prefix and (hasattr(viewset, "list") or hasattr(viewset, "create"))
        }
        found |= {route.rstrip("/"): name for route, _view, name in self.views if "<" not in route}
        return dict(sorted(found.items()))
