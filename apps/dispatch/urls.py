"""Addresses of the sending, suppression and mailbox pages."""

from django.urls import path

from apps.dispatch import frequency_views, plan_views, send_views, suppression_views, views

urlpatterns = [
    path("surveys/<uuid:pk>/send/", send_views.send, name="send"),
    path("surveys/<uuid:pk>/send/once/", views.send_once, name="send_once"),
    path("surveys/<uuid:pk>/send/mail/", views.mail_preview, name="mail_preview"),
    path("surveys/<uuid:pk>/send/<uuid:plan>/mail/", send_views.mail_frame, name="send_frame"),
    path("surveys/<uuid:pk>/send/<uuid:plan>/test/", send_views.test_mail, name="send_test"),
    path("surveys/<uuid:pk>/send/<uuid:plan>/unknown/", send_views.unknown_lines, name="send_unknown"),
    path("surveys/<uuid:pk>/send/<uuid:plan>/discard/", send_views.discard, name="send_discard"),
    path("surveys/<uuid:pk>/send/<uuid:plan>/<slug:part>/", send_views.step, name="send_step"),
    path("sendings/", plan_views.plan_list, name="plans"),
    path("sendings/<uuid:pk>/", plan_views.plan_detail, name="plan"),
    path("sendings/<uuid:pk>/export/", plan_views.plan_export, name="plan_export"),
    path("sendings/<uuid:pk>/<slug:what>/", plan_views.plan_change, name="plan_change"),
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
