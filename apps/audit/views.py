"""The audit log as a page and as a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse

from apps.audit import queries
from apps.audit.filters import AuditFilter
from apps.audit.models import AuditEntry
from apps.audit.services import record
from cxm.spreadsheets import csv_lines
from cxm.web.http import MemberRequest
from cxm.web.views import permission_required, render_page

PAGE = 50
COLUMNS = ("at", "who", "kind", "actor_id", "action", "fields", "target_type", "target_id", "ip")


@dataclass(frozen=True)
class Line:
    """One line of the log with the name of who did it."""

    entry: AuditEntry
    who: str


@permission_required("audit.view")
def log(request: MemberRequest) -> HttpResponse:
    """Who did what, when, from where; filtered, the newest first."""
    request.actor.require_everywhere("audit.view")
    found = AuditFilter(request.GET, queryset=queries.entries(), request=request)
    page = Paginator(found.qs, PAGE).get_page(request.GET.get("page"))
    context = {"filter": found, "page": page, "rows": _with_names(list(page.object_list))}
    return render_page(request, "audit/log.html", context, partial="list")


@permission_required("audit.view")
def export(request: MemberRequest) -> StreamingHttpResponse:
    """What the filters leave, as CSV, sent while it is read: a log of any length takes the same memory."""
    request.actor.require_everywhere("audit.view")
    found = AuditFilter(request.GET, queryset=queries.entries(), request=request)
    record(actor=request.actor, action="audit.exported")
    return StreamingHttpResponse(
        csv_lines(chain([COLUMNS], _cells(found.qs))),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{request.organization.slug}-audit.csv"'},
    )


def _cells(rows: QuerySet[AuditEntry]) -> Iterator[tuple[object, ...]]:
    for block in queries.in_blocks(rows):
        for line in _with_names(block):
            entry = line.entry
            yield (
                entry.at,
                line.who,
                entry.actor_kind,
                entry.actor_id,
                entry.action,
                " ".join(entry.fields),
                entry.target_type,
                entry.target_id,
                entry.ip,
            )


def _with_names(entries: list[AuditEntry]) -> list[Line]:
    names = queries.names_of_people(entries)
    return [Line(entry, _name(entry, names)) for entry in entries]


def _name(entry: AuditEntry, names: dict[UUID, str]) -> str:
    """The person's name as it is now, the key's as it was, or the kind of actor."""
    known = names.get(entry.actor_id) if entry.actor_id else None
    return known or entry.actor_name or entry.actor_kind
