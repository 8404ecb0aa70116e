"""Where every page lives. Organisation pages are under ``/o/<slug>/``; the full map is in the design brief."""

from __future__ import annotations

from importlib.util import find_spec

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path


def _included(attribute: str) -> list[URLPattern | URLResolver]:
    """The patterns that each app's urls.py offers under this name, from the top layer down."""
    patterns: list[URLPattern | URLResolver] = []
    for name in settings.DOMAIN_APPS:
        module = f"apps.{name}.urls"
        if find_spec(module):
            loaded = __import__(module, fromlist=["urlpatterns"])
            if found := getattr(loaded, attribute, None):
                named = (found, name) if attribute == "urlpatterns" else found
                patterns.append(path("", include(named)))
    return patterns


urlpatterns = [
    path("accounts/", include("allauth.urls")),
    path("o/<slug:org>/", include(_included("urlpatterns"))),
    *_included("public_urlpatterns"),
]
if find_spec("cxm.health"):
    urlpatterns += [path("", include("cxm.health"))]

handler400 = "cxm.web.views.bad_request"
handler403 = "cxm.web.views.permission_denied"
handler404 = "cxm.web.views.page_not_found"
handler500 = "cxm.web.views.server_error"
