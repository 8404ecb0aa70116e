"""Addresses of the touchpoint pages."""

from django.urls import path

from apps.touchpoints import backstage_views, views

app_name = "touchpoints"
urlpatterns = [
    path("touchpoints/", views.touchpoint_list, name="list"),
    path("touchpoints/new/", views.touchpoint_create, name="create"),
    path("touchpoints/try/", views.touchpoint_try, name="try"),
    path("touchpoints/bulk/", views.touchpoint_bulk, name="bulk"),
    path("touchpoints/backstage/", backstage_views.backstage_list, name="backstage"),
    path("touchpoints/backstage/new/", backstage_views.backstage_create, name="backstage_create"),
    path("touchpoints/backstage/<uuid:pk>/", backstage_views.backstage_detail, name="backstage_detail"),
    path("touchpoints/backstage/<uuid:pk>/edit/", backstage_views.backstage_edit, name="backstage_edit"),
    path("touchpoints/backstage/<uuid:pk>/delete/", backstage_views.backstage_delete, name="backstage_delete"),
    path("touchpoints/<uuid:pk>/", views.touchpoint_detail, name="detail"),
    path("touchpoints/<uuid:pk>/edit/", views.touchpoint_edit, name="edit"),
    path("touchpoints/<uuid:pk>/archive/", views.touchpoint_archive, name="archive"),
    path("touchpoints/<uuid:pk>/delete/", views.touchpoint_delete, name="delete"),
]
