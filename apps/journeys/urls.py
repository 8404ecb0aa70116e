"""Addresses of the map pages."""

from django.urls import path

from apps.journeys import comment_views, edit_views, views

app_name = "journeys"
urlpatterns = [
    path("journeys/", views.journey_list, name="list"),
    path("journeys/new/", views.journey_create, name="create"),
    path("journeys/<uuid:pk>/", views.journey_detail, name="detail"),
    path("journeys/comments/", comment_views.part_comments, name="part_comments"),
    path("journeys/<uuid:pk>/comments/", comment_views.journey_comments, name="comments"),
    path("journeys/<uuid:pk>/edit/", views.journey_edit, name="edit"),
    path("journeys/<uuid:pk>/publish/", version_views.journey_publish, name="publish"),
    path("journeys/<uuid:pk>/versions/", version_views.journey_versions, name="versions"),
    path("journeys/<uuid:pk>/compare/", version_views.journey_compare, name="compare"),
    path("journeys/<uuid:pk>/to-be/", version_views.journey_to_be, name="to_be"),
    path("journeys/<uuid:pk>/versions/<int:number>/restore/", version_views.journey_restore, name="restore"),
    path("journeys/<uuid:pk>/archive/", views.journey_archive, name="archive"),
    path("journeys/<uuid:pk>/delete/", views.journey_delete, name="delete"),
    path("journeys/<uuid:pk>/stages/new/", edit_views.stage_new, name="stage_new"),
    path("journeys/<uuid:pk>/stages/<uuid:item>/", edit_views.stage_edit, name="stage"),
    path("journeys/<uuid:pk>/steps/new/", edit_views.step_new, name="step_new"),
    path("journeys/<uuid:pk>/steps/<uuid:item>/", edit_views.step_edit, name="step"),
    path("journeys/<uuid:pk>/cards/new/", edit_views.card_new, name="card_new"),
    path("journeys/<uuid:pk>/cards/<uuid:item>/", edit_views.card_edit, name="card"),
    path("journeys/<uuid:pk>/places/new/", edit_views.place_new, name="place_new"),
    path("journeys/<uuid:pk>/places/<uuid:item>/", edit_views.place_edit, name="place"),
    path("journeys/<uuid:pk>/undo/", edit_views.undo, name="undo"),
    path("journeys/<uuid:pk>/redo/", edit_views.redo, name="redo"),
]
