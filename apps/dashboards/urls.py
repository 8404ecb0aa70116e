from django.urls import path

from apps.dashboards import survey_pages, views

app_name = "dashboards"

urlpatterns = [
    path("", views.home, name="home"),
    path("scores.csv", views.export_scores, name="export_scores"),
    path("feedback/", views.feedback_list, name="feedback"),
    path("feedback/export.csv", views.export_feedback, name="export_feedback"),
    path("feedback/<uuid:pk>/", views.feedback_detail, name="answer"),
    path("surveys/<uuid:pk>/results.csv", survey_pages.export_results, name="export_results"),
    path("surveys/<uuid:pk>/teams/", survey_pages.teams_page, name="survey_teams"),
]
