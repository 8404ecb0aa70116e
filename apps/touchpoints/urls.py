"""Addresses of the touchpoint pages."""

from django.urls import path

from apps.touchpoints import views

app_name = "touchpoints"
urlpatterns = [
    path("touchpoints/", views.touchpoint_list, name="list"),
    path("touchpoints/new/", views.touchpoint_create, name="create"),
    path("touchpoints/<uuid:pk>/", views.touchpoint_detail, name="detail"),
    path("touchpoints/<uuid:pk>/edit/", views.touchpoint_edit, name="edit"),
    path("touchpoints/<uuid:pk>/archive/", views.touchpoint_archive, name="archive"),
    path("touchpoints/<uuid:pk>/delete/", views.touchpoint_delete, name="delete"),
]
