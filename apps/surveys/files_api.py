"""`surveys/{id}/files/`: a file that is to answer a question, sent before the answer that names it."""

from __future__ import annotations

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response as Answer

from apps.surveys import services
from apps.surveys.live import live_survey
from apps.surveys.models import ResponseFile
from cxm.api.parsers import UploadParser
from cxm.api.serializers import TenantSerializer, UtcDateTimeField
from cxm.api.viewsets import ResourceViewSet, uuid_or_404
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


class ResponseFileViewSet(ResourceViewSet):
    """Files for the answers to one survey."""

    serializer_class = FileSerializer
    parser_classes = (UploadParser,)
    queryset = ResponseFile.objects.none()
    required_permissions: ClassVar[dict[str, str]] = {"create": "feedback.create"}

    @extend_schema(request={"multipart/form-data": FileRequestSerializer}, responses={201: FileSerializer})
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Answer:
        """Keep a picture or a PDF; send the answer with its id within a day."""
        live = live_survey(uuid_or_404(self.kwargs["survey_id"]))
        upload = request.FILES.get("file")
        if upload is None:
            message = _("Send the file in the field “file” of a multipart form.")
            raise DomainError(message, field="file", code="required")
        kept = services.keep_file(
            actor=self.request.actor,
            live=live,
            question_id=str(request.data.get("question", "")),
            file=upload,
            name=upload.name or "",
        )
        return Answer(self.get_serializer(kept).data, status=status.HTTP_201_CREATED)
