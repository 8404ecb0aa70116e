"""Where every page lives. Organisation pages are under ``/o/<slug>/``; the full map is in the design brief."""

from __future__ import annotations

from importlib import import_module

from django.urls import URLPattern, URLResolver, include, path

ORGANIZATION_PAGES = [
    "console",
    "dashboards",
    "imports",
    "integrity",
    "opportunities",
    "insights",
    "workshops",
    "paths",
    "journeys",
    "ideas",
    "collectors",
    "dispatch",
    "personas",
    "segments",
    "surveys",
    "touchpoints",
    "interactions",
    "privacy",
    "messaging",
    "customers",
    "comments",
    "sharing",
    "organizations",
    "audit",
]
"""Apps whose ``urls.urlpatterns`` are pages of an organisation; the app's label is their namespace."""
PUBLIC_PAGES = [
    "console",
    "api",
    "workshops",
    "collectors",
    "dispatch",
    "surveys",
    "interactions",
    "messaging",
    "sharing",
    "organizations",
    "accounts",
]
"""Apps whose ``urls.public_urlpatterns`` stand at the root."""


def _patterns(app: str, name: str) -> list[URLPattern | URLResolver]:
    return getattr(import_module(f"apps.{app}.urls"), name)


urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("allauth.urls")),
    path(
        "o/<slug:org>/",
        include([path("", include((_patterns(app, "urlpatterns"), app))) for app in ORGANIZATION_PAGES]),
    ),
    *(path("", include(_patterns(app, "public_urlpatterns"))) for app in PUBLIC_PAGES),
    path("", include("cxm.health")),
]

handler400 = "cxm.web.views.bad_request"
handler403 = "cxm.web.views.permission_denied"
handler404 = "cxm.web.views.page_not_found"
handler500 = "cxm.web.views.server_error"
