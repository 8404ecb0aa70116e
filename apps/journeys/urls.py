"""Addresses of the map pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern, path

from apps.journeys import (
    comment_views,
    coverage_views,
    edit_views,
    exchange_views,
    lane_views,
    live_views,
    new_views,
    sync_views,
    version_views,
    views,
)
from cxm.web.views import permission_required

app_name = "journeys"

Guard = Callable[[Callable[..., Any]], Callable[..., Any]]


def edit_urls(edit: Guard, view: Guard, prefix: str = "") -> list[URLPattern]:
    """The addresses through which a draft is changed, below the address of its map.

    `edit` and `view` let somebody in or not: decorators such as `permission_required`. Every view takes `pk`, the map.
    """
    return [
        path(f"{prefix}stages/new/", edit(edit_views.stage_new), name="stage_new"),
        path(f"{prefix}stages/<uuid:item>/", edit(edit_views.stage_edit), name="stage"),
        path(f"{prefix}steps/new/", edit(edit_views.step_new), name="step_new"),
        path(f"{prefix}steps/<uuid:item>/", edit(edit_views.step_edit), name="step"),
        path(f"{prefix}cards/new/", edit(edit_views.card_new), name="card_new"),
        path(f"{prefix}cards/<uuid:item>/", edit(edit_views.card_edit), name="card"),
        path(f"{prefix}places/new/", edit(edit_views.place_new), name="place_new"),
        path(f"{prefix}places/<uuid:item>/", edit(edit_views.place_edit), name="place"),
        path(f"{prefix}lanes/", edit(lane_views.lanes), name="lanes"),
        path(f"{prefix}undo/", edit(edit_views.undo), name="undo"),
        path(f"{prefix}redo/", edit(edit_views.redo), name="redo"),
        path(f"{prefix}changes/", edit(sync_views.changes), name="changes"),
        path(f"{prefix}pictures/<slug:name>/", view(sync_views.picture), name="picture"),
    ]


urlpatterns = [
    path("journeys/", views.journey_list, name="list"),
    path("journeys/new/", new_views.journey_create, name="create"),
    path("journeys/import/", exchange_views.journey_import, name="import"),
    path("journeys/<uuid:pk>/", views.journey_detail, name="detail"),
    path("journeys/<uuid:pk>/share/", exchange_views.journey_share, name="share"),
    path("journeys/<uuid:pk>/export/", exchange_views.journey_export, name="export"),
    path("journeys/<uuid:pk>/export/map.<slug:format>", exchange_views.journey_file, name="file"),
    path("journeys/comments/", comment_views.part_comments, name="part_comments"),
    path("journeys/<uuid:pk>/comments/", comment_views.journey_comments, name="comments"),
    path("journeys/<uuid:pk>/edit/", views.journey_edit, name="edit"),
    path("journeys/<uuid:pk>/publish/", version_views.journey_publish, name="publish"),
    path("journeys/<uuid:pk>/delusions/", live_views.journey_curves, name="curves"),
    path("journeys/<uuid:pk>/versions/", version_views.journey_versions, name="versions"),
    path("journeys/<uuid:pk>/compare/", version_views.journey_compare, name="compare"),
    path("journeys/<uuid:pk>/coverage/", coverage_views.journey_coverage, name="coverage"),
    path("journeys/<uuid:pk>/to-be/", version_views.journey_to_be, name="to_be"),
    path("journeys/<uuid:pk>/versions/<int:number>/restore/", version_views.journey_restore, name="restore"),
    path("journeys/<uuid:pk>/archive/", views.journey_archive, name="archive"),
    path("journeys/<uuid:pk>/delete/", views.journey_delete, name="delete"),
    *edit_urls(permission_required("journeys.edit"), permission_required("journeys.view"), "journeys/<uuid:pk>/"),
]
