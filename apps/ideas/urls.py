"""Addresses of the idea pages."""

from django.urls import path

from apps.ideas import views

urlpatterns = [
    path("ideas/", views.idea_list, name="list"),
    path("ideas/new/", views.idea_create, name="create"),
    path("ideas/similar/", views.idea_similar, name="similar"),
    path("ideas/<uuid:pk>/", views.idea_detail, name="detail"),
    path("ideas/<uuid:pk>/edit/", views.idea_edit, name="edit"),
    path("ideas/<uuid:pk>/delete/", views.idea_delete, name="delete"),
    path("ideas/<uuid:pk>/vote/", views.idea_vote, name="vote"),
    path("ideas/<uuid:pk>/comments/", views.idea_comment, name="comment"),
    path("ideas/<uuid:pk>/status/", views.idea_status, name="status"),
    path("ideas/<uuid:pk>/merge/", views.idea_merge, name="merge"),
    path("ideas/<uuid:pk>/picture/", views.idea_picture, name="picture"),
]
