"""Pages of this app."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.integrity import views

app_name = "integrity"
urlpatterns: list[URLPattern] = [
    path("integrity/", views.coverage_page, name="coverage"),
    path("integrity/respondents/", views.respondents_page, name="respondents"),
    path("integrity/flags/", views.flags_page, name="flags"),
]
public_urlpatterns: list[URLPattern] = []
