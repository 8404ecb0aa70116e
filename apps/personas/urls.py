"""Addresses of the persona pages."""

from django.urls import path

from apps.personas import views

app_name = "personas"
urlpatterns = [
    path("personas/", views.persona_list, name="list"),
    path("personas/new/", views.persona_create, name="create"),
    path("personas/<uuid:pk>/", views.persona_detail, name="detail"),
    path("personas/<uuid:pk>/portrait/", views.persona_portrait, name="portrait"),
    path("personas/<uuid:pk>/edit/", views.persona_edit, name="edit"),
    path("personas/<uuid:pk>/segment/", views.persona_segment, name="segment"),
    path("personas/<uuid:pk>/baseline/", views.persona_baseline, name="baseline"),
    path("personas/<uuid:pk>/publish/", views.persona_publish, name="publish"),
    path("personas/<uuid:pk>/versions/", views.persona_versions, name="versions"),
    path("personas/<uuid:pk>/versions/<int:number>/restore/", views.persona_restore, name="restore"),
    path("personas/<uuid:pk>/archive/", views.persona_archive, name="archive"),
    path("personas/<uuid:pk>/delete/", views.persona_delete, name="delete"),
]
