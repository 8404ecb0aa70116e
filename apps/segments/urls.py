"""Addresses of the pages of segments."""

from django.urls import path

from apps.segments import views

app_name = "segments"
urlpatterns = [
    path("segments/", views.segment_list, name="list"),
    path("segments/new/", views.segment_create, name="create"),
    path("segments/count/", views.segment_count, name="count"),
    path("segments/<uuid:pk>/", views.segment_detail, name="detail"),
    path("segments/<uuid:pk>/edit/", views.segment_edit, name="edit"),
    path("segments/<uuid:pk>/delete/", views.segment_delete, name="delete"),
    path("segments/<uuid:pk>/refresh/", views.segment_refresh, name="refresh"),
    path("segments/<uuid:pk>/members/", views.segment_members, name="members"),
]
