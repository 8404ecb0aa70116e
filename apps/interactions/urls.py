"""Addresses of the pages of interactions."""

from django.urls import URLPattern, URLResolver, path, re_path

from apps.interactions.debugger import events
from apps.interactions.endpoints import take_messages

app_name = "interactions"
urlpatterns: list[URLPattern | URLResolver] = [
    path("events/", events, name="events"),
]
public_urlpatterns: list[URLPattern | URLResolver] = [
    re_path(
        r"^v1/(?P<kind>identify|track|page|screen|group|alias|batch|import|[itpsgab])/?$", take_messages, name="ingest"
    ),
]
