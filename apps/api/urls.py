"""`/api/`: the resources of every app, the schema and its page."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from django.conf import settings
from django.urls import include, path

from apps.api import views
from cxm.api.routers import ApiRouter

router = ApiRouter()
for name in settings.DOMAIN_APPS:
    if name != "api" and find_spec(f"apps.{name}.api"):
        import_module(f"apps.{name}.api").register(router)

public_urlpatterns = [
    path("api/v1/", views.RootView.as_view(router=router), name="api-root"),
    path("api/v1/", include(router.urls)),
    path("api/schema/", views.schema, name="api-schema"),
    path("api/docs/", views.docs, name="api-docs"),
    path("api/<path:rest>", views.unknown_address),
]
