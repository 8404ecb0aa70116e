"""Addresses of the sending, suppression and mailbox pages."""

from django.urls import path

from apps.dispatch import frequency_views, suppression_views, views

urlpatterns = [
    path("surveys/<uuid:pk>/send/", views.send, name="send"),
    path("surveys/<uuid:pk>/send/mail/", views.mail_preview, name="mail_preview"),
    path("surveys/<uuid:pk>/invitations/", views.invitations, name="invitations"),
    path("surveys/<uuid:pk>/invitations/retry/", views.retry, name="retry"),
    path("surveys/<uuid:pk>/invitations/<uuid:batch>/cancel/", views.cancel, name="cancel"),
    path("customers/<uuid:pk>/contact-frequency/", frequency_views.contact_frequency_page, name="contact_frequency"),
    path("privacy/suppressions/", suppression_views.suppression_list, name="suppressions"),
    path("privacy/suppressions/export/", suppression_views.suppression_export, name="suppression_export"),
    path("privacy/suppressions/<uuid:pk>/lift/", suppression_views.suppression_lift, name="suppression_lift"),
    path("mailbox/", views.mailbox, name="mailbox"),
    path("mailbox/<uuid:pk>/", views.mailbox_message, name="mailbox_message"),
    path("mailbox/<uuid:pk>/html/", views.mailbox_html, name="mailbox_html"),
]

public_urlpatterns = [
    path("n/<str:token>/stop/", views.stop_notices, name="stop_notices"),
    path("mailbox/", views.account_mailbox_door, name="account_mailbox_door"),
    path("mailbox/<str:key>/", views.account_mailbox, name="account_mailbox"),
    path("mailbox/<str:key>/<uuid:pk>/", views.account_mailbox_message, name="account_mailbox_message"),
    path("mailbox/<str:key>/<uuid:pk>/html/", views.account_mailbox_html, name="account_mailbox_html"),
]
