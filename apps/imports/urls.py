from django.urls import path

from apps.imports import views

app_name = "imports"
urlpatterns = [
    path("imports/", views.import_list, name="list"),
    path("imports/new/", views.import_create, name="create"),
    path("imports/<uuid:pk>/", views.import_detail, name="detail"),
    path("imports/<uuid:pk>/stop/", views.import_stop, name="stop"),
    path("imports/<uuid:pk>/refused/", views.import_refused, name="refused"),
    path("exports/", views.export_list, name="exports"),
    path("exports/new/", views.export_create, name="export"),
    path("exports/<uuid:pk>/file/", views.export_file, name="export_file"),
]
