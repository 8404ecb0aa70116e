"""Addresses of the opportunity pages."""

from django.urls import path

from apps.opportunities import views

app_name = "opportunities"
urlpatterns = [
    path("opportunities/", views.opportunity_list, name="list"),
    path("opportunities/roadmap/", views.roadmap, name="roadmap"),
    path("opportunities/matrix/", views.matrix, name="matrix"),
    path("opportunities/new/", views.opportunity_create, name="create"),
    path("opportunities/<uuid:pk>/", views.opportunity_detail, name="detail"),
    path("opportunities/<uuid:pk>/edit/", views.opportunity_edit, name="edit"),
    path("opportunities/<uuid:pk>/move/", views.opportunity_move, name="move"),
    path("opportunities/<uuid:pk>/score/", views.opportunity_score, name="score"),
    path("opportunities/<uuid:pk>/evidence/", views.opportunity_evidence, name="evidence"),
    path("opportunities/<uuid:pk>/delete/", views.opportunity_delete, name="delete"),
    path("journeys/<uuid:pk>/opportunities/", views.map_opportunities, name="of_map"),
]
