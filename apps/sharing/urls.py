"""Addresses of share links."""

from __future__ import annotations

from django.urls import path

from apps.sharing.views import manage, public

app_name = "sharing"
urlpatterns = [
    path("share-links/<slug:kind>/<uuid:pk>/", manage.object_links, name="object"),
    path("settings/share-links/", manage.all_links, name="list"),
    path("settings/share-links/<uuid:pk>/revoke/", manage.revoke, name="revoke"),
]

public_urlpatterns = [
    path("share/<str:key>/", public.page, name="share"),
    path("share/<str:key>/<str:name>", public.file, name="share_file"),
]
