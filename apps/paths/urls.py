"""Addresses of real paths."""

from __future__ import annotations

from django.urls import path

from apps.paths import views

app_name = "paths"
urlpatterns = [
    path("journeys/paths/", views.paths_of_step, name="of_step"),
    path("journeys/<uuid:pk>/paths/", views.paths_detail, name="detail"),
    path("journeys/<uuid:pk>/paths/between/", views.paths_between, name="between"),
    path("journeys/<uuid:pk>/paths/channels/", views.paths_channels, name="channels"),
    path("journeys/<uuid:pk>/paths/event/", views.paths_event, name="event"),
    path("journeys/<uuid:pk>/paths/reports/<uuid:report>/stop/", views.report_stop, name="stop"),
    path("journeys/<uuid:pk>/paths/reports/<uuid:report>/again/", views.report_again, name="again"),
]
