"""Addresses of the customer pages."""

from django.urls import path

from apps.customers import views

app_name = "customers"
urlpatterns = [
    path("customers/", views.customer_list, name="list"),
    path("customers/new/", views.customer_create, name="create"),
    path("customers/<uuid:pk>/", views.customer_detail, name="detail"),
    path("customers/<uuid:pk>/edit/", views.customer_edit, name="edit"),
    path("customers/<uuid:pk>/delete/", views.customer_delete, name="delete"),
    path("customers/<uuid:pk>/consent/", views.customer_consent, name="consent"),
]
