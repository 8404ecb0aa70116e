"""Addresses of the insight pages."""

from django.urls import path

from apps.insights import views

app_name = "insights"
urlpatterns = [
    path("insights/", views.insight_list, name="list"),
    path("insights/new/", views.insight_create, name="create"),
    path("insights/link/", views.insight_link, name="link"),
    path("insights/<uuid:pk>/", views.insight_detail, name="detail"),
    path("insights/<uuid:pk>/edit/", views.insight_edit, name="edit"),
    path("insights/<uuid:pk>/delete/", views.insight_delete, name="delete"),
    path("journeys/<uuid:pk>/insights/", views.map_insights, name="of_map"),
    path("settings/insights/", views.insight_settings, name="settings"),
]
