"""Addresses of a person's own pages. Signing in and its parts are allauth's, under ``/accounts/``."""

from django.urls import path

from apps.accounts import views

public_urlpatterns = [
    path("me/", views.profile, name="profile"),
    path("me/security/", views.security, name="security"),
    path("me/security/sessions/<int:pk>/end/", views.end_session, name="end_session"),
    path("me/security/sessions/end-others/", views.end_other_sessions, name="end_other_sessions"),
]
