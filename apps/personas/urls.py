"""Addresses of the persona pages."""

from django.urls import path

from apps.personas import edit_views, export_views, overview_views, views

app_name = "personas"
urlpatterns = [
    path("our-customer/", overview_views.our_customer, name="our_customer"),
    path("reviews/", overview_views.reviews, name="reviews"),
    path("personas/", views.persona_list, name="list"),
    path("personas/new/", views.persona_create, name="create"),
    path("personas/compare/", overview_views.persona_compare, name="compare"),
    path("personas/<uuid:pk>/", views.persona_detail, name="detail"),
    path("personas/<uuid:pk>/portrait/", views.persona_portrait, name="portrait"),
    path("personas/<uuid:pk>/export/persona.<slug:format>", export_views.persona_file, name="file"),
    path("personas/<uuid:pk>/edit/", edit_views.persona_edit, name="edit"),
    path("personas/<uuid:pk>/fields/<slug:field>/", edit_views.persona_field, name="field"),
    path("personas/<uuid:pk>/undo/", edit_views.persona_undo, name="undo"),
    path("personas/<uuid:pk>/evidence/", edit_views.persona_evidence, name="evidence"),
    path(
        "personas/<uuid:pk>/evidence/<uuid:evidence>/remove/",
        edit_views.persona_evidence_remove,
        name="evidence_remove",
    ),
    path("personas/<uuid:pk>/segment/", edit_views.persona_segment, name="segment"),
    path("personas/<uuid:pk>/baseline/", edit_views.persona_baseline, name="baseline"),
    path("personas/<uuid:pk>/publish/", views.persona_publish, name="publish"),
    path("personas/<uuid:pk>/versions/", views.persona_versions, name="versions"),
    path("personas/<uuid:pk>/versions/<int:number>/restore/", views.persona_restore, name="restore"),
    path("personas/<uuid:pk>/archive/", views.persona_archive, name="archive"),
    path("personas/<uuid:pk>/delete/", views.persona_delete, name="delete"),
]
