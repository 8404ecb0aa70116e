"""`surveys/{id}/files/`: a file that is to answer a question, sent before the answer that names it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from apps.surveys import services
from apps.surveys.live import live_survey
from apps.surveys.models import ResponseFile
from cxm.api.parsers import UploadParser
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ResourceViewSet, RetrieveMixin, uuid_or_404
from cxm.errors import DomainError


class FileRequestSerializer(TenantSerializer):
    """A file and the question it is to answer."""

    file = serializers.FileField()
    question = serializers.CharField()


class FileSerializer(TenantSerializer):
    """A file that was kept: its id is the answer. Without an answer it is removed after a day."""

    id = serializers.UUIDField()
    question = serializers.CharField()
    name = serializers.CharField()
    content_type = serializers.CharField()
    size = serializers.IntegerField()
    created_at = UtcDateTimeField()


class ResponseFileViewSet(RetrieveMixin, ResourceViewSet):
    """Files that wait for the answer to a survey that names them."""

    serializer_class = FileSerializer
    parser_classes = (UploadParser,)
    queryset = ResponseFile.objects.none()
    required_permissions: ClassVar[dict[str, str]] = {"create": "feedback.create", "retrieve": "feedback.create"}

    def get_queryset(self) -> QuerySet[ResponseFile]:
        return ResponseFile.objects.filter(survey=uuid_or_404(self.kwargs["survey_id"]), response=None)

    @extend_schema(request={"multipart/form-data": FileRequestSerializer}, responses={201: FileSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Answer:
        """Keep a picture or a PDF; send the answer with its id within a day."""
        live = live_survey(uuid_or_404(self.kwargs["survey_id"]))
        form: Any = request.data
        upload = request.FILES.get("file")
        if upload is None:
            message = _("Send the file in the field “file” of a multipart form.")
            raise DomainError(message, field="file", code="required")
        kept = services.keep_file(
            actor=self.request.actor,
            live=live,
            question_id=str(form.get("question", "")),
            file=upload,
            name=upload.name or "",
        )
        return self.created(kept)

    def location(self, row: Any) -> dict[str, str]:
        address = self.reverse_action("detail", kwargs={"survey_id": self.kwargs["survey_id"], "id": row.pk})
        return {"Location": address}
