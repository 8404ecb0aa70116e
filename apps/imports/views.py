"""Import and export pages: upload, choose columns, watch, and fetch what was refused."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from apps.imports import exports, queries, services
from apps.imports.carrying import WORKED_ON
from apps.imports.forms import NEW_LIST, MappingForm, UploadForm
from apps.imports.kinds import KINDS
from apps.imports.models import ExportJob, ImportJob, RefusedRow
from apps.segments.models import Segment
from apps.segments.services import create_segment
from apps.surveys.models import Survey
from apps.surveys.services import create_survey, publish_survey
from cxm.errors import DomainError
from cxm.exports import export_kinds
from cxm.spreadsheets import csv_lines
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}


@permission_required("imports.run")
def import_list(request: MemberRequest) -> HttpResponse:
    """Imports, newest first."""
    page = Paginator(queries.imports_of(request.actor), 50).get_page(request.GET.get("page"))
    return render_page(request, "imports/list.html", {"page": page})


@permission_required("imports.run")
def import_create(request: MemberRequest) -> HttpResponse:
    """Step 1: what the file holds; then the file, and the survey or segment (one that exists, or a new one)."""
    may_edit_segments = request.actor.can_everywhere("segments.edit")
    kinds = [kind for kind in KINDS.values() if may_edit_segments or kind.name != "segment_members"]
    asked = request.POST.get("kind", "") if request.method == "POST" else request.GET.get("kind", "")
    chosen = next((kind for kind in kinds if kind.name == asked), None)
    if chosen is None and request.method != "POST":
        return render_page(request, "imports/kinds.html", {"kinds": kinds})
    start = {name: request.GET[name] for name in ("survey", "segment") if name in request.GET}
    form = UploadForm(request.POST or None, request.FILES or None, initial=start, kinds=kinds, chosen=chosen)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form), transaction.atomic():
            data = form.cleaned_data
            job = services.upload_file(
                actor=request.actor,
                kind=data["kind"],
                upload=data["file"],
                survey=_survey(request, data) if data["kind"] in services.NEEDS_SURVEY else None,
                segment=_segment(request, data) if data["kind"] == "segment_members" else None,
                members=data.get("members", ""),
            )
            return see_other(request, org_url(request.organization, "imports:detail", pk=job.pk))
    return render_page(request, "imports/upload.html", {"form": form, "kind": chosen})


def _survey(request: MemberRequest, data: dict[str, str]) -> Survey | None:
    choice = data["survey"]
    if not choice.startswith("new-"):
        return Survey.objects.filter(pk=choice).first()
    survey = create_survey(actor=request.actor, name=data["survey_name"].strip(), kind=choice.removeprefix("new-"))
    publish_survey(actor=request.actor, survey=survey)
    survey.refresh_from_db()
    return survey


def _segment(request: MemberRequest, data: dict[str, str]) -> Segment | None:
    if data["segment"] != NEW_LIST:
        return Segment.objects.filter(pk=data["segment"]).first()
    return create_segment(actor=request.actor, name=data["segment_name"].strip(), kind=Segment.Kind.STATIC)


@permission_required("imports.run")
def import_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Step 2, the columns, while the job is a draft; then its progress, what was refused, and undoing it."""
    job = queries.import_for(request.actor, pk)
    if job.state == ImportJob.State.DRAFT:
        return _choose_columns(request, job)
    shown = {
        "job": job,
        "kind": KINDS[job.kind],
        "refused": RefusedRow.objects.filter(job=job).order_by("line")[:20],
        "is_running": job.state in WORKED_ON,
        "time_left": time_left(queries.seconds_left(job)),
        "unchanged": job.accepted - job.created - job.updated,
        "can_be_undone": services.can_be_undone(job),
        "can_be_imported": job.dry_run and job.state == ImportJob.State.DONE and bool(job.file),
        "stayed": queries.what_stayed(job),
    }
    return render_page(request, "imports/detail.html", shown, partial="progress")


def time_left(seconds: int | None) -> str:
    """Seconds in words that are no more exact than they are known: "about 3 minutes left"."""
    if seconds is None:
        return ""
    if seconds < 60:
        return _("less than a minute left")
    if seconds < 5400:
        minutes = round(seconds / 60)
        return ngettext("about %(n)d minute left", "about %(n)d minutes left", minutes) % {"n": minutes}
    hours = round(seconds / 3600)
    return ngettext("about %(n)d hour left", "about %(n)d hours left", hours) % {"n": hours}


def _choose_columns(request: MemberRequest, job: ImportJob) -> HttpResponse:
    preview = services.preview_import(job)
    form = MappingForm(
        request.POST or None,
        kind=job.kind,
        columns=preview.columns,
        suggestion=preview.suggestion,
        date_formats=preview.date_formats,
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.start_import(
                actor=request.actor, job=job, mapping=form.mapping(), dry_run=form.cleaned_data["dry_run"]
            )
            return see_other(request, org_url(request.organization, "imports:detail", pk=job.pk))
        except DomainError as error:
            form.add_mapping_errors(error.errors)
    columns = list(zip(preview.columns, preview.types, strict=True))
    return render_page(
        request, "imports/mapping.html", {"job": job, "form": form, "preview": preview, "columns": columns}
    )


@require_POST
@permission_required("imports.run")
def import_stop(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Stop a running import; what is in stays in."""
    services.stop_import(actor=request.actor, job=queries.import_for(request.actor, pk))
    messages.success(request, _("The import stops after the rows it is at."))
    return see_other(request, org_url(request.organization, "imports:detail", pk=pk))


@require_POST
@permission_required("imports.run")
def import_checked(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Import the file that was only checked."""
    job = services.import_checked_file(actor=request.actor, job=queries.import_for(request.actor, pk))
    return see_other(request, org_url(request.organization, "imports:detail", pk=job.pk))


@require_POST
@permission_required("imports.run")
def import_undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take an import back."""
    services.undo_import(actor=request.actor, job=queries.import_for(request.actor, pk))
    return see_other(request, org_url(request.organization, "imports:detail", pk=pk))


@permission_required("imports.run")
def import_refused(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """The rows that were refused, with line and reason, as CSV."""
    job = queries.import_for(request.actor, pk)
    response = StreamingHttpResponse(csv_lines(queries.refused_lines(job)), content_type=CONTENT_TYPES["csv"])
    response["Content-Disposition"] = f'attachment; filename="refused-{job.pk}.csv"'
    return response


@permission_required("exports.run")
def export_list(request: MemberRequest) -> HttpResponse:
    """Exports, newest first; they are asked for where the list is that they hold."""
    page = Paginator(queries.exports_of(request.actor), 50).get_page(request.GET.get("page"))
    is_running = any(job.state in WORKED_ON for job in page.object_list)
    return render_page(request, "imports/exports.html", {"page": page, "is_running": is_running}, partial="jobs")


@require_POST
@permission_required("exports.run")
def export_stop(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Give up an export."""
    exports.stop_export(actor=request.actor, job=queries.export_for(request.actor, pk))
    messages.success(request, _("The export stops."))
    return see_other(request, org_url(request.organization, "imports:exports"))


@require_POST
@permission_required("exports.run")
def export_create(request: MemberRequest) -> HttpResponse:
    """Ask for a file with exactly what the list shows: its query string comes in the form."""
    filters = {name: request.GET.getlist(name) for name in request.GET}
    exports.request_export(
        actor=request.actor,
        kind=request.POST.get("kind", ""),
        format=request.POST.get("format", ""),
        filters=filters,
    )
    messages.success(request, _("Your export is being written. It appears below."))
    return see_other(request, org_url(request.organization, "imports:exports"))


@permission_required("exports.run")
def export_file(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """The written file, to those who may see what is in it."""
    job = queries.export_for(request.actor, pk)
    request.actor.require(export_kinds()[job.kind].permission)
    if job.state != ExportJob.State.DONE or not job.file or not exports.file_of(job).exists():
        raise Http404
    name = f"{job.kind}-{job.created_at:%Y-%m-%d}.{job.format}"
    return FileResponse(
        exports.file_of(job).open("rb"), as_attachment=True, filename=name, content_type=CONTENT_TYPES[job.format]
    )
