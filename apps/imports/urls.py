from django.urls import path

from apps.imports import views

app_name = "imports"
urlpatterns = [
    path("imports/", views.import_list, name="list"),
    path("imports/new/", views.import_create, name="create"),
    path("imports/<uuid:pk>/", views.import_detail, name="detail"),
    path("imports/<uuid:pk>/stop/", views.import_stop, name="stop"),
    path("imports/<uuid:pk>/import/", views.import_checked, name="import_checked"),
    path("imports/<uuid:pk>/undo/", views.import_undo, name="undo"),
    path("imports/<uuid:pk>/refused/", views.import_refused, name="refused"),
    path("exports/", views.export_list, name="exports"),
    path("exports/new/", views.export_create, name="export"),
    path("exports/<uuid:pk>/stop/", views.export_stop, name="export_stop"),
    path("exports/<uuid:pk>/file/", views.export_file, name="export_file"),
]
