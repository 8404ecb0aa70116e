"""The editor of a persona: as a form, and field by field as its script saves; undo, evidence, segment, baseline."""

from __future__ import annotations

from collections import Counter
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.formats import time_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.personas import binding, editing, queries, services
from apps.personas.claim_rows import claim_rows, claims_of
from apps.personas.content import SECTIONS
from apps.personas.drafts import content_of, plain, tag_of
from apps.personas.evidence import resolve_backing
from apps.personas.forms import BindForm, EvidenceForm, PersonaForm, moved_lines
from apps.personas.models import Persona
from apps.personas.views import SIDE_SECTIONS, WIDE_SECTIONS, save_portrait
from cxm.errors import Conflict, DomainErrors, FieldError, PreconditionFailed
from cxm.web.forms import add_domain_errors, domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other, wants_json


@permission_required("personas.edit")
def persona_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a persona's draft. Nobody's changes are overwritten unseen: after a conflict both stand there."""
    persona = queries.persona_for(request.actor, pk)
    form = PersonaForm(request.POST or None, request.FILES or None, persona=persona)
    theirs: list[tuple[str, str]] = []
    if request.method == "POST" and form.is_valid():
        try:
            with domain_errors_into(form):
                section, line, action = moved_lines(request.POST, form)
                persona = services.update_persona(
                    actor=request.actor, persona=persona, revision=form.cleaned_data["revision"], **form.values()
                )
                save_portrait(request, persona, form)
                if action == "evidence":
                    return see_other(request, evidence_url(request, pk, section, line))
                if action or request.POST.get("do") == "stay":
                    here = org_url(request.organization, "personas:edit", pk=pk)
                    return see_other(request, f"{here}#s-{section}" if section else here)
                messages.success(request, _("Saved."))
                return see_other(request, org_url(request.organization, "personas:detail", pk=pk))
        except PreconditionFailed as error:
            add_domain_errors(form, error)
        if form.non_field_errors() and form.cleaned_data.get("revision") != persona.revision:
            theirs = _theirs(persona, form)
    context = {
        "form": form,
        "persona": persona,
        "content": content_of(persona),
        "theirs": theirs,
        "tags": {field: tag_of(persona, field) for field in form.saved_fields()},
        "parts": _parts(persona, form),
        "steps": editing.steps_of(actor=request.actor, persona=persona),
    }
    return render_page(request, "personas/edit.html", context)


@permission_required("personas.edit")
@require_POST
def persona_field(request: MemberRequest, pk: UUID, field: str) -> HttpResponse:
    """Save one field for the editor's script. The field's tag comes as If-Match; 412 answers with both values."""
    persona = queries.persona_for(request.actor, pk)
    value: Any = request.POST.getlist("value") if field in SECTIONS else request.POST.get("value", "")
    tag = request.headers.get("If-Match", "").strip('"')
    try:
        persona = editing.change_field(actor=request.actor, persona=persona, field=field, value=value, tag=tag)
    except PreconditionFailed as error:
        persona = queries.persona_for(request.actor, pk)
        body = {
            "title": error.message,
            "status": 412,
            "theirs": plain(persona, field),
            "mine": value,
            "tag": tag_of(persona, field),
        }
        return JsonResponse(body, status=412)
    steps = editing.steps_of(actor=request.actor, persona=persona)
    body = {
        "field": field,
        "value": plain(persona, field),
        "tag": tag_of(persona, field),
        "revision": persona.revision,
        "saved": time_format(timezone.localtime(), "H:i"),
        "undoable": steps.undoable,
        "redoable": steps.redoable,
        "levels": _levels(request, persona, field),
    }
    return JsonResponse(body)


@permission_required("personas.edit")
@require_POST
def persona_undo(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take one's own newest change back; with `redo=1` make the one taken back again."""
    persona = queries.persona_for(request.actor, pk)
    turn = editing.redo_change if request.POST.get("redo") else editing.undo_change
    try:
        turn(actor=request.actor, persona=persona)
    except Conflict as error:
        if wants_json(request):
            raise
        messages.error(request, error.message)
    return see_other(request, org_url(request.organization, "personas:edit", pk=pk))


@permission_required("personas.edit")
def persona_evidence(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What a line (`?section=&line=`), or without them the whole persona, rests on."""
    persona = queries.persona_for(request.actor, pk)
    section, line = request.GET.get("section", ""), request.GET.get("line", "")
    if (section or line) and line not in persona.fields.get(section, []):
        raise Http404
    form = EvidenceForm(request.POST or None, actor=request.actor, organization=request.organization)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            editing.add_evidence(actor=request.actor, persona=persona, section=section, line=line, **form.values())
            messages.success(request, _("Evidence added."))
            return see_other(request, evidence_url(request, pk, section, line))
    evidence = resolve_backing(request.actor, request.organization, persona.backing)
    context = {
        "form": form,
        "persona": persona,
        "line": line,
        "section": SECTIONS.get(section, ""),
        "items": evidence.get((section, line), []),
        "here": evidence_url(request, pk, section, line),
    }
    return render_page(request, "personas/evidence.html", context)


@permission_required("personas.edit")
@require_POST
def persona_evidence_remove(request: MemberRequest, pk: UUID, evidence: UUID) -> HttpResponse:
    """Take a piece of evidence away."""
    persona = queries.persona_for(request.actor, pk)
    gone = next((item for item in persona.backing if item["id"] == str(evidence)), None)
    if gone is None:
        raise Http404
    editing.remove_evidence(actor=request.actor, persona=persona, evidence=evidence)
    messages.success(request, _("Taken away. Undo in the editor brings it back."))
    return see_other(request, evidence_url(request, pk, gone["section"], gone["line"]))


@permission_required("personas.edit")
def persona_segment(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Which segment holds the people of a persona, and what it claims of them."""
    persona = queries.persona_for(request.actor, pk)
    form = BindForm(request.POST or None, initial={"segment": persona.segment_id})
    typed = request.POST if request.method == "POST" else None
    wrong: list[FieldError] = []
    if typed is not None and typed.get("do") != "more" and form.is_valid():
        values: dict[str, Any] = {"segment": form.cleaned_data["segment"] or None, "claims": claims_of(typed)}
        try:
            services.update_persona(actor=request.actor, persona=persona, **values)
        except DomainErrors as error:
            wrong = error.errors
        else:
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "personas:detail", pk=pk))
    rows = claim_rows(persona.claims, typed, wrong)
    context = {"form": form, "persona": persona, "rows": rows}
    return render_page(request, "personas/segment.html", context, status=422 if wrong else None)


@permission_required("personas.edit")
@require_POST
def persona_baseline(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Take the people as they are now as the new baseline."""
    persona = queries.persona_for(request.actor, pk)
    binding.take_baseline(actor=request.actor, persona=persona)
    messages.success(request, _("From now on they are compared with today."))
    return see_other(request, org_url(request.organization, "personas:detail", pk=pk))


def evidence_url(request: MemberRequest, pk: UUID, section: str, line: str) -> str:
    """The page with what a line rests on."""
    url = org_url(request.organization, "personas:evidence", pk=pk)
    return f"{url}?{urlencode({'section': section, 'line': line})}" if section else url


def _levels(request: MemberRequest, persona: Persona, field: str) -> dict[str, int]:
    """How many pieces of evidence each line of a section has."""
    found: dict[str, int] = {}
    for item in persona.backing:
        if item["section"] == field:
            found[item["line"]] = found.get(item["line"], 0) + 1
    return found


def _parts(persona: Persona, form: PersonaForm) -> list[dict[str, Any]]:
    """The sections as the editor shows them: every line with how much evidence it has; as typed after a refusal."""
    counts = Counter((item["section"], item["line"]) for item in persona.backing)
    icons = {**WIDE_SECTIONS, **SIDE_SECTIONS}
    found = []
    for section in icons:
        lines = [line for line in form[section].value() or [] if line.strip()]
        found.append(
            {
                "section": section,
                "title": SECTIONS[section],
                "icon": icons[section],
                "tag": tag_of(persona, section),
                "lines": [{"text": line, "count": counts[section, line.strip()]} for line in lines],
                "errors": form.errors.get(section, []),
            }
        )
    return found


def _theirs(persona: Persona, form: PersonaForm) -> list[tuple[str, str]]:
    """The fields in which the draft as it is now differs from what was sent: title and the draft's value."""
    found = []
    for field in form.saved_fields():
        sent, now = form.cleaned_data.get(field), getattr(persona, field, None)
        if field in SECTIONS:
            sent, now = form.lines_of(field), persona.fields.get(field, [])
        if (sent or None) != (now or None):
            text = "\n".join(now) if isinstance(now, list) else str(now or "")
            found.append((str(form.fields[field].label), text))
    return found
