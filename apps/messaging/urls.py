"""Pages of this app, and where providers report."""

from __future__ import annotations

from django.urls import URLPattern, path

from apps.messaging import hooks, views

app_name = "messaging"
urlpatterns: list[URLPattern] = [
    path("settings/messaging/", views.provider_list, name="providers"),
    path("settings/messaging/new/", views.provider_add, name="provider_add"),
    path("settings/messaging/<uuid:pk>/", views.provider_detail, name="provider"),
    path("settings/messaging/<uuid:pk>/edit/", views.provider_edit, name="provider_edit"),
    path("settings/messaging/<uuid:pk>/try/", views.provider_try, name="provider_try"),
    path("settings/messaging/<uuid:pk>/switch/", views.provider_switch, name="provider_switch"),
    path("settings/messaging/<uuid:pk>/delete/", views.provider_delete, name="provider_delete"),
    path("settings/messaging/<uuid:pk>/messages/", views.local_messages, name="local_messages"),
    path("settings/messaging/<uuid:pk>/messages/<uuid:message_id>/reply/", views.local_reply, name="local_reply"),
]
public_urlpatterns: list[URLPattern] = [
    path("hooks/<str:token>/", hooks.take_reports, name="delivery_reports"),
    path("hooks/<str:token>/in/", hooks.take_replies, name="delivery_replies"),
]
