"""Files that respondents sent: handed out to those who may read what was said, as downloads and nothing else."""

from __future__ import annotations

from uuid import UUID

from django.core.files.storage import default_storage
from django.http import FileResponse, Http404
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.surveys.queries import answer_file
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required


@permission_required("feedback.view")
@require_safe
def download_file(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """One file of an answer. A picture or a document names people: only for roles that read words unmasked."""
    file = answer_file(pk, request.actor)
    if file is None or not default_storage.exists(file.path):
        raise Http404
    response = FileResponse(
        default_storage.open(file.path), as_attachment=True, filename=file.name, content_type=file.content_type
    )
    response["Cache-Control"] = "private, no-store"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
