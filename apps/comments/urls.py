"""Addresses of comments and mentions."""

from __future__ import annotations

from django.urls import path

from apps.comments import views

app_name = "comments"
urlpatterns = [
    path("comments/<slug:kind>/<uuid:object_id>/", views.thread, name="thread"),
    path("comments/<slug:kind>/<uuid:object_id>/people/", views.people, name="people"),
    path("comments/<uuid:pk>/edit/", views.edit, name="edit"),
    path("comments/<uuid:pk>/delete/", views.delete, name="delete"),
    path("comments/<uuid:pk>/resolve/", views.resolve, name="resolve"),
    path("mentions/", views.mentions, name="mentions"),
    path("mentions/read/", views.read_all, name="read"),
    path("mentions/<uuid:pk>/", views.mention, name="mention"),
]
