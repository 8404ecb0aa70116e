"""A map as a file: PDF, PNG, JSON, CSV or XLSX. The page and the API call the same function."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.http import QueryDict
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.access import may_see_draft
from apps.journeys.documents import LAYOUTS, STEP_WIDTH, file_name, map_pdf, map_png
from apps.journeys.exchange import as_json, as_text, grid_rows, list_rows
from apps.journeys.models import Journey
from apps.journeys.queries import MapView, draft_view, version_view
from apps.journeys.sheets import read_sheet
from apps.personas.models import Persona
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.spreadsheets import csv_lines, write_xlsx

TYPES: Final = {
    "pdf": "application/pdf",
    "png": "image/png",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
FORMS: Final = ("grid", "list")


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file and its name; ``document`` is what a JSON file holds."""

    body: bytes
    content_type: str
    name: str
    document: dict[str, Any] | None = None


def export_map(
    *, actor: Actor, organization: Any, journey: Journey, format: str, params: QueryDict, version: int | None = None
) -> MapFile:
    """A map in one of TYPES, as the actor may see it.

    ``params`` holds the map's filters (for PDF and PNG), ``layout`` (documents.LAYOUTS) for PDF, and ``form`` ("grid":
    a column a step; "list": a row a sticky) for tables. Without a version it is the draft for those who edit, else the
    published one; scores of a version are those while it was in force. Raises DomainError naming the parameter,
    NotFound for a version that was never published. A map of 200 steps with 2,000 cards takes a second.
    """
    actor.require("journeys.view")
    if format not in TYPES:
        raise DomainError(_("Must be one of: %(known)s.") % {"known": ", ".join(TYPES)}, field="format", code="choice")
    layout, form = params.get("layout") or "wide", params.get("form") or "grid"
    if layout not in LAYOUTS:
        message = _("Must be one of: %(known)s.") % {"known": ", ".join(LAYOUTS)}
        raise DomainError(message, field="layout", code="choice")
    if form not in FORMS:
        raise DomainError(_("Must be one of: %(known)s.") % {"known": ", ".join(FORMS)}, field="form", code="choice")
    view = _view(actor, journey, version)
    document = _document(view) if format == "json" else None
    if document is not None:
        body = as_text(document).encode()
    elif format in ("pdf", "png"):
        sheet = read_sheet(
            actor=actor,
            organization=organization,
            view=view,
            params=params,
            while_in_force=version is not None,
            paint="literal",
            step_width=STEP_WIDTH,
        )
        body = map_pdf(sheet, layout=layout) if format == "pdf" else map_png(sheet)
    else:
        body = _table(view, format, form)
    record(actor=actor, action="journeys.exported", target=journey, fields=[format])
    return MapFile(body, TYPES[format], file_name(view.content["name"], view.number, format), document)


def _view(actor: Actor, journey: Journey, version: int | None) -> MapView:
    if version is None and may_see_draft(actor, journey):
        return draft_view(journey)
    return version_view(journey, version or journey.published_version)


def _document(view: MapView) -> dict[str, Any]:
    pk = parse_uuid(view.content["persona"])
    persona = Persona.objects.filter(pk=pk).values_list("name", flat=True).first() if pk else None
    return as_json(view, persona_name=persona or "")


def _table(view: MapView, format: str, form: str) -> bytes:
    rows = grid_rows(view) if form == "grid" else list_rows(view)
    if format == "csv":
        return "".join(csv_lines(rows)).encode("utf-8-sig")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.xlsx"
        write_xlsx(path, rows, sheet="Map")
        return path.read_bytes()
