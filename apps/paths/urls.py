"""Addresses of real paths."""

from __future__ import annotations

from django.urls import URLPattern

app_name = "paths"
urlpatterns: list[URLPattern] = []
