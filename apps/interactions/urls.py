"""Addresses of the pages of interactions."""

from django.urls import URLPattern

app_name = "interactions"
urlpatterns: list[URLPattern] = []
public_urlpatterns: list[URLPattern] = []
