"""The files of a persona, and the way to its share links."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

from apps.personas import queries
from apps.personas.documents import TYPES, export_persona
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required


@permission_required("personas.view")
def persona_file(request: MemberRequest, pk: UUID, format: str) -> HttpResponse:
    """The persona as PDF, PNG or JSON: as one sees it, or the version the address names."""
    persona = queries.persona_for(request.actor, pk)
    text = request.GET.get("version", "")
    if format not in TYPES or (text and not (text.isascii() and text.isdigit() and len(text) < 9)):
        raise Http404
    file = export_persona(
        actor=request.actor,
        organization=request.organization,
        persona=persona,
        format=format,
        version=int(text) if text else None,
    )
    response = HttpResponse(file.body, content_type=file.content_type)
    response["Content-Disposition"] = content_disposition_header(True, file.name) or "attachment"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response
