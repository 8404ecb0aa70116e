"""Addresses of the pages of interactions."""

from django.urls import URLPattern, URLResolver, path, re_path

from apps.interactions import activity_views, touch_views
from apps.interactions.debugger import events
from apps.interactions.endpoints import take_messages

app_name = "interactions"
urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", events, name="events"),
    path("activities/", activity_views.activity_list, name="activities"),
    path("activities/new/", activity_views.activity_create, name="activity_create"),
    path("activities/<uuid:pk>/", activity_views.activity_detail, name="activity"),
    path("activities/<uuid:pk>/edit/", activity_views.activity_edit, name="activity_edit"),
    path("activities/<uuid:pk>/delete/", activity_views.activity_delete, name="activity_delete"),
    path("activities/<uuid:pk>/customers/", activity_views.activity_add, name="activity_add"),
    path("customers/<uuid:pk>/touches/new/", touch_views.touch_add, name="touch_add"),
    path("customers/<uuid:pk>/touches/<uuid:touch_id>/", touch_views.touch_edit, name="touch_edit"),
    path("customers/<uuid:pk>/touches/<uuid:touch_id>/delete/", touch_views.touch_delete, name="touch_delete"),
]
public_urlpatterns: list[URLPattern | URLResolver] = [
    re_path(
        r"^v1/(?P<kind>identify|track|page|screen|group|alias|batch|import|[itpsgab])/?$", take_messages, name="ingest"
    ),
]
