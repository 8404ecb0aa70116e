"""Pages of this app."""

from __future__ import annotations

from django.urls import path

from apps.collectors.views import kiosk, manage, widget

_ONE = "surveys/<uuid:pk>/share/<uuid:collector_id>/"

urlpatterns = [
    path("surveys/<uuid:pk>/share/", manage.share, name="share"),
    path("surveys/<uuid:pk>/share/new/<slug:kind>/", manage.create, name="create"),
    path("surveys/<uuid:pk>/share/qr.<slug:suffix>", manage.open_qr, name="open_qr"),
    path(_ONE, manage.detail, name="detail"),
    path(f"{_ONE}edit/", manage.edit, name="edit"),
    path(f"{_ONE}revoke/", manage.revoke, name="revoke"),
    path(f"{_ONE}renew/", manage.renew, name="renew"),
    path(f"{_ONE}delete/", manage.delete, name="delete"),
    path(f"{_ONE}qr.<slug:suffix>", manage.qr, name="qr"),
    path(f"{_ONE}poster-<slug:size>.<slug:suffix>", manage.poster, name="poster"),
]

public_urlpatterns = [
    path("e/v1.js", widget.script, name="widget_script"),
    path("e/<str:token>/", widget.page, name="widget"),
    path("e/<str:token>/shown/", widget.shown, name="widget_shown"),
    path("e/<str:token>/done/", widget.done, name="widget_done"),
    path("e/<str:token>/privacy/", widget.privacy, name="widget_privacy"),
    path("k/sw.js", kiosk.worker, name="kiosk_worker"),
    path("k/<str:key>/", kiosk.page, name="kiosk"),
    path("k/<str:key>/survey.json", kiosk.survey, name="kiosk_survey"),
    path("k/<str:key>/answers/", kiosk.answers, name="kiosk_answers"),
    path("k/<str:key>/leave/", kiosk.leave, name="kiosk_leave"),
    path("k/<str:key>/manifest.webmanifest", kiosk.manifest, name="kiosk_manifest"),
    path("k/<str:key>/plain/", kiosk.plain, name="kiosk_plain"),
    path("k/<str:key>/plain/done/", kiosk.plain_done, name="kiosk_plain_done"),
    path("k/<str:key>/plain/privacy/", kiosk.plain_privacy, name="kiosk_plain_privacy"),
]
