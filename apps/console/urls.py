from django.urls import path

from apps.console import views

urlpatterns = [
    path("enter/", views.enter, name="enter"),
    path("palette/", views.palette, name="palette"),
    path("help/", views.organization_help, name="help_index"),
    path("help/<slug:page>/", views.organization_help, name="help"),
]

public_urlpatterns = [
    path("", views.home, name="home"),
    path("theme/", views.set_theme, name="theme"),
    path("me/security/totp.svg", views.totp_picture, name="totp_picture"),
    path("accent/<str:colour>.css", views.accent, name="accent"),
    path("help/", views.help_page, name="help_index"),
    path("help/<slug:page>/", views.help_page, name="help"),
    path("csp/", views.csp_report, name="csp_report"),
    path("ui/", views.gallery, name="gallery"),
]
