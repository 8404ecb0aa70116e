"""Addresses of the customer pages."""

from django.urls import path

from apps.customers import views, views_accounts, views_merge

app_name = "customers"
urlpatterns = [
    path("customers/", views.customer_list, name="list"),
    path("customers/new/", views.customer_create, name="create"),
    path("customers/<uuid:pk>/", views.customer_detail, name="detail"),
    path("customers/<uuid:pk>/edit/", views.customer_edit, name="edit"),
    path("customers/<uuid:pk>/delete/", views.customer_delete, name="delete"),
    path("customers/<uuid:pk>/consent/", views.customer_consent, name="consent"),
    path("customers/<uuid:pk>/merge/", views_merge.customer_merge, name="merge"),
    path("customers/<uuid:pk>/merges/<uuid:merge>/undo/", views_merge.merge_undo, name="merge_undo"),
    path("accounts/", views_accounts.account_list, name="accounts"),
    path("accounts/new/", views_accounts.account_create, name="account_create"),
    path("accounts/<uuid:pk>/", views_accounts.account_detail, name="account"),
    path("accounts/<uuid:pk>/edit/", views_accounts.account_edit, name="account_edit"),
    path("accounts/<uuid:pk>/delete/", views_accounts.account_delete, name="account_delete"),
]
