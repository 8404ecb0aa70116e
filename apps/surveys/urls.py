"""Addresses: the managers' pages of an organisation, and the respondents' pages at the root."""

from django.urls import path

from apps.surveys.views import builder, files, manage, respondents, results

urlpatterns = [
    path("surveys/", manage.survey_list, name="list"),
    path("surveys/new/", manage.survey_create, name="create"),
    path("surveys/preview-dark.css", builder.preview_dark, name="preview_dark"),
    path("surveys/import/", builder.survey_import_new, name="import_new"),
    path("surveys/<uuid:pk>/", results.survey_detail, name="detail"),
    path("surveys/<uuid:pk>/versions/", results.survey_versions, name="versions"),
    path("surveys/<uuid:pk>/edit/", builder.survey_edit, name="edit"),
    path("surveys/<uuid:pk>/preview/", builder.survey_preview, name="preview"),
    path("surveys/<uuid:pk>/undo/", builder.survey_undo, name="undo"),
    path("surveys/<uuid:pk>/redo/", builder.survey_redo, name="redo"),
    path("surveys/<uuid:pk>/settings/", builder.survey_settings, name="settings"),
    path("surveys/<uuid:pk>/export/", builder.survey_export, name="export"),
    path("surveys/<uuid:pk>/import/", builder.survey_import, name="import"),
    path("surveys/<uuid:pk>/standard/", manage.survey_standard, name="standard"),
    path("surveys/<uuid:pk>/publish/", manage.survey_publish, name="publish"),
    path("surveys/<uuid:pk>/close/", manage.survey_close, name="close"),
    path("surveys/<uuid:pk>/delete/", manage.survey_delete, name="delete"),
    path("surveys/files/<uuid:pk>/", files.download_file, name="file"),
    path("surveys/<uuid:pk>/qr.svg", manage.survey_qr, name="qr"),
]

public_urlpatterns = [
    path("r/<str:token>/", respondents.personal, name="respondent"),
    path("r/<str:token>/done/", respondents.personal_done, name="respondent_done"),
    path("r/<str:token>/provisional/", respondents.provisional, name="respondent_provisional"),
    path("r/<str:token>/stop/", respondents.stop, name="respondent_stop"),
    path("r/<str:token>/privacy/", respondents.personal_privacy, name="respondent_privacy"),
    path("s/<slug:org>/<slug:survey>/", respondents.open_link, name="open_survey"),
    path("s/<slug:org>/<slug:survey>/done/", respondents.open_done, name="open_survey_done"),
    path("s/<slug:org>/<slug:survey>/privacy/", respondents.open_privacy, name="open_survey_privacy"),
    path("brand/<slug:slug>/survey.css", respondents.accent_stylesheet, name="survey_accent"),
]
