"""Addresses of the audit log."""

from django.urls import path

from apps.audit import views

urlpatterns = [
    path("settings/audit/", views.log, name="log"),
    path("settings/audit/export/", views.export, name="export"),
]
