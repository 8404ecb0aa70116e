"""Addresses of workshops: beside a map for members, under the code for guests."""

from __future__ import annotations

from django.urls import include, path

from apps.journeys.urls import edit_urls
from apps.workshops.views import guests, hosting

app_name = "workshops"
_MAP = "journeys/<uuid:pk>/workshop/"

urlpatterns = [
    path(_MAP, hosting.host, name="host"),
    path(f"{_MAP}screen/", hosting.screen, name="screen"),
    path(f"{_MAP}qr.svg", hosting.qr, name="qr"),
    path(f"{_MAP}state/", hosting.state, name="state"),
    path(f"{_MAP}vote/", hosting.vote, name="vote"),
    path(f"{_MAP}votes/<int:number>/", hosting.result, name="result"),
    path(f"{_MAP}<uuid:item>/", hosting.past, name="past"),
    path("workshops/last-vote/", hosting.last_vote, name="last_vote"),
]

public_urlpatterns = [
    path("w/", guests.enter, name="workshop_enter"),
    path("w/<str:code>/", guests.door, name="workshop"),
    path("w/<str:code>/leave/", guests.leave, name="workshop_leave"),
    path("w/<str:code>/state/", guests.state, name="workshop_state"),
    path("w/<str:code>/vote/", guests.vote, name="workshop_vote"),
    path("w/<str:code>/votes/<int:number>/", guests.result, name="workshop_result"),
    path("w/<str:code>/map/", guests.board, name="workshop_map"),
    path("w/<str:code>/map/", include((edit_urls(guests.editing, guests.looking), "workshop_map"))),
]
