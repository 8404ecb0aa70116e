"""Addresses of the privacy desk."""

from django.urls import path

from apps.privacy import customer_views, views

app_name = "privacy"
urlpatterns = [
    path("privacy/", views.request_list, name="list"),
    path("privacy/new/", views.request_create, name="create"),
    path("privacy/<uuid:pk>/", views.request_detail, name="detail"),
    path("privacy/<uuid:pk>/edit/", views.request_edit, name="edit"),
    path("privacy/<uuid:pk>/customer/", views.request_customer, name="customer"),
    path("privacy/<uuid:pk>/identity/", views.request_identity, name="identity"),
    path("privacy/<uuid:pk>/complete/", views.request_complete, name="complete"),
    path("privacy/<uuid:pk>/refuse/", views.request_refuse, name="refuse"),
    path("privacy/<uuid:pk>/delete/", views.request_delete, name="delete"),
    path("privacy/<uuid:pk>/file/", views.request_file, name="file"),
    path("privacy/customers/<uuid:pk>/export/", customer_views.export, name="export"),
    path("privacy/customers/<uuid:pk>/erase/", customer_views.erase, name="erase"),
    path("privacy/customers/<uuid:pk>/restrict/", customer_views.restrict, name="restrict"),
    path("privacy/customers/<uuid:pk>/look-ups/", customer_views.look_ups, name="look_ups"),
    path("settings/retention/", views.retention_rules, name="retention"),
]
