"""Addresses of organisation pages, and of those outside one."""

from django.urls import path

from apps.organizations.views import keys, members, settings, site, units

urlpatterns = [
    path("leave/", members.leave, name="leave"),
    path("settings/", settings.general, name="general"),
    path("settings/branding/", settings.branding, name="branding"),
    path("settings/contact-rules/", settings.contact_rules, name="contact_rules"),
    path("settings/scoring/", settings.scoring, name="scoring"),
    path("settings/mail/", settings.mail, name="mail"),
    path("settings/background/", settings.background, name="background"),
    path("settings/delete/", settings.delete, name="delete"),
    path("settings/members/", members.member_list, name="members"),
    path("settings/members/invite/", members.invite, name="invite"),
    path("settings/members/import/", members.import_colleagues, name="import_colleagues"),
    path("settings/members/<uuid:pk>/", members.member_detail, name="member"),
    path("settings/members/<uuid:pk>/deactivate/", members.deactivate, name="deactivate"),
    path("settings/members/<uuid:pk>/roles/<uuid:grant>/revoke/", members.revoke_role, name="revoke_role"),
    path("settings/invitations/<uuid:pk>/resend/", members.resend_invitation, name="resend_invitation"),
    path("settings/invitations/<uuid:pk>/revoke/", members.revoke_invitation, name="revoke_invitation"),
    path("settings/roles/", members.role_matrix, name="roles"),
    path("settings/teams/", units.unit_list, name="units"),
    path("settings/teams/new/", units.unit_create, name="unit_create"),
    path("settings/teams/import/", units.unit_import, name="unit_import"),
    path("settings/teams/export/", units.unit_export, name="unit_export"),
    path("settings/teams/<uuid:pk>/", units.unit_edit, name="unit"),
    path("settings/teams/<uuid:pk>/delete/", units.unit_delete, name="unit_delete"),
    path("settings/api-keys/", keys.key_list, name="keys"),
    path("settings/api-keys/new/", keys.key_create, name="key_create"),
    path("settings/api-keys/<uuid:pk>/rotate/", keys.key_rotate, name="key_rotate"),
    path("settings/api-keys/<uuid:pk>/revoke/", keys.key_revoke, name="key_revoke"),
]

public_urlpatterns = [
    path("organizations/new/", site.found, name="organization_create"),
    path("invite/<str:token>/", site.invitation, name="colleague_invitation"),
    path("brand/<slug:slug>/logo.png", site.logo, name="organization_logo"),
]
