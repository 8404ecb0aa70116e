"""The pages of personas: gallery, sheet, portrait, versions, publishing, and putting away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.personas import queries, services
from apps.personas.content import SECTIONS
from apps.personas.drafts import content_of
from apps.personas.evidence import LEVELS, Evidence, level_of, missing_for_research, resolve_backing
from apps.personas.filters import PersonaFilter
from apps.personas.forms import PersonaForm, PublishForm
from apps.personas.models import Persona
from apps.personas.registry import maps_of
from apps.personas.sheet import alarms_of, people_of
from apps.segments.scores import headlines_of
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 24
SORTS = {
    "name": ("kind_order", "name", "pk"),
    "-changed": ("-updated_at", "pk"),
    "review": ("review_date", "name", "pk"),
    "-size": ("-segment__size", "name", "pk"),
}
WIDE_SECTIONS = {
    "needs": "heart",
    "goals": "target",
    "challenges": "stairs",
    "frustrations": "mood-sad",
    "motivations": "bolt",
    "behaviours": "activity",
}
SIDE_SECTIONS = {"demographics": "id-badge-2", "lifestyle": "sun", "channels": "messages", "evidence": "microphone"}


@dataclass(frozen=True, slots=True)
class SheetLine:
    """A line of a sheet with what it rests on; `level` "" while nothing is named."""

    text: str
    level: str
    level_words: str
    evidence: Sequence[Evidence]


@permission_required("personas.view")
def persona_list(request: MemberRequest) -> HttpResponse:
    """The personas one may see, as a gallery."""
    may_edit = request.actor.can("personas.edit")
    archived = bool(request.GET.get("archived")) and may_edit
    rows = queries.visible(request.actor).select_related("segment").filter(archived_at__isnull=not archived)
    found = PersonaFilter(request.GET or None, queryset=rows, request=request)
    valid = not found.is_bound or found.form.is_valid()
    sort = request.GET.get("sort", "")
    order = SORTS.get(sort, SORTS["name"])
    ordered = queries.personas_first(found.qs if valid else rows.none()).order_by(*order)
    page = Paginator(ordered, PAGE_SIZE).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    published = queries.published_contents([] if may_edit else shown)
    scores = headlines_of(
        actor=request.actor,
        organization=request.organization,
        metric="nps",
        segment_ids={row.segment_id for row in shown if row.segment_id},
    )
    today = timezone.localdate()
    cards = [
        {
            "persona": row,
            "content": published.get(row.pk) or content_of(row),
            "score": scores.get(row.segment_id) if row.segment_id else None,
            "overdue": row.review_date is not None and row.review_date < today,
        }
        for row in shown
    ]
    context = {
        "page": page,
        "cards": cards,
        "filter": found,
        "sort": sort if sort in SORTS else "name",
        "archived": archived,
        "may_edit": may_edit,
        "alarms": alarms_of(shown),
    }
    return render_page(request, "personas/list.html", context, partial="list")


@permission_required("personas.view")
def persona_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """A persona as a sheet: the draft for those who edit, what is published for the others, or one version."""
    persona = queries.persona_for(request.actor, pk)
    number = version_asked(request)
    content = queries.version_content(persona, number) if number else queries.shown_content(request.actor, persona)
    evidence = resolve_backing(request.actor, request.organization, content["backing"])
    context = {
        "persona": persona,
        "content": content,
        "number": number,
        "may_edit": request.actor.can("personas.edit") and not number,
        "may_publish": request.actor.can("personas.publish") and not number,
        "main": filled(content, WIDE_SECTIONS, evidence),
        "side": filled(content, SIDE_SECTIONS, evidence),
        "whole": evidence.get(("", ""), []),
        "kind": dict(Persona.Kind.choices).get(content["kind"], content["kind"]),
        "evidence_level": dict(Persona.Evidence.choices).get(content["evidence_level"], ""),
        "missing": missing_for_research(content),
        "people": None if number else people_of(request.actor, request.organization, persona),
        "maps": maps_of(actor=request.actor, persona_ids=[persona.pk]).get(persona.pk, []),
        "overdue": persona.review_date is not None and persona.review_date < timezone.localdate(),
    }
    return render_page(request, "personas/detail.html", context)


@permission_required("personas.view")
def persona_portrait(request: MemberRequest, pk: UUID) -> HttpResponseBase:
    """The picture of a persona, or of the version the address names."""
    persona = queries.persona_for(request.actor, pk)
    number = version_asked(request)
    content = queries.version_content(persona, number) if number else queries.shown_content(request.actor, persona)
    if not content["portrait"] or not default_storage.exists(content["portrait"]):
        raise Http404
    answer = FileResponse(
        default_storage.open(content["portrait"]),
        content_type="image/webp",
        as_attachment=True,
        filename="portrait.webp",
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Cache-Control"] = "private, no-cache"
    return answer


@permission_required("personas.edit")
def persona_create(request: MemberRequest) -> HttpResponse:
    """A name is enough to begin: the editor takes it from there."""
    form = PersonaForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            persona = services.create_persona(actor=request.actor, **form.values())
            save_portrait(request, persona, form)
            messages.success(request, _("Persona added."))
            return see_other(request, org_url(request.organization, "personas:detail", pk=persona.pk))
    return render_page(request, "personas/form.html", {"form": form, "persona": None})


@permission_required("personas.publish")
def persona_publish(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What is about to be published, and why."""
    persona = queries.persona_for(request.actor, pk)
    form = PublishForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            version = services.publish_persona(actor=request.actor, persona=persona, **form.cleaned_data)
            messages.success(request, _("Version %(number)d is published.") % {"number": version.number})
            return see_other(request, org_url(request.organization, "personas:detail", pk=pk))
    context = {
        "form": form,
        "persona": persona,
        "differences": queries.unpublished(persona),
        "missing": missing_for_research(content_of(persona)),
    }
    return render_page(request, "personas/publish.html", context)


@permission_required("personas.view")
def persona_versions(request: MemberRequest, pk: UUID) -> HttpResponse:
    """What was published when and why, with what each version changed."""
    persona = queries.persona_for(request.actor, pk)
    may_edit = request.actor.can("personas.edit")
    context = {
        "persona": persona,
        "history": queries.history(persona),
        "unpublished": queries.unpublished(persona) if may_edit else [],
        "may_edit": may_edit,
    }
    return render_page(request, "personas/versions.html", context)


@permission_required("personas.edit")
@require_POST
def persona_restore(request: MemberRequest, pk: UUID, number: int) -> HttpResponse:
    """Make the draft what a version was."""
    persona = queries.persona_for(request.actor, pk)
    services.restore_version(actor=request.actor, persona=persona, number=number)
    messages.success(request, _("The draft is version %(number)d again.") % {"number": number})
    return see_other(request, org_url(request.organization, "personas:detail", pk=pk))


@permission_required("personas.edit")
@require_POST
def persona_archive(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Put a persona away or bring it back."""
    persona = queries.persona_for(request.actor, pk)
    if persona.archived_at is None:
        services.archive_persona(actor=request.actor, persona=persona)
        messages.success(request, _("Archived. Maps keep it."))
        return see_other(request, org_url(request.organization, "personas:list"))
    services.unarchive_persona(actor=request.actor, persona=persona)
    messages.success(request, _("Back in the list."))
    return see_other(request, org_url(request.organization, "personas:detail", pk=pk))


@permission_required("personas.edit")
@require_POST
def persona_delete(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Remove a persona that was never published; a published one is archived."""
    persona = queries.persona_for(request.actor, pk)
    services.delete_persona(actor=request.actor, persona=persona)
    messages.success(request, _("The persona is gone from the list."))
    return see_other(request, org_url(request.organization, "personas:list"))


def save_portrait(request: MemberRequest, persona: Persona, form: PersonaForm) -> None:
    """Store the picture that came with the form, or take the old one away when that was asked for."""
    if form.cleaned_data.get("portrait"):
        services.set_portrait(actor=request.actor, persona=persona, file=form.cleaned_data["portrait"])
    elif form.cleaned_data.get("remove_portrait"):
        services.set_portrait(actor=request.actor, persona=persona, file=None)


def filled(
    content: Mapping[str, Any],
    sections: Mapping[str, str],
    evidence: Mapping[tuple[str, str], Sequence[Evidence]],
) -> list[tuple[str, Any, list[SheetLine]]]:
    """The sections that say something: icon, title, lines with what they rest on."""
    found = []
    for section, icon in sections.items():
        lines = []
        for text in content.get(section, []):
            items = evidence.get((section, text), [])
            level = level_of(items)
            lines.append(SheetLine(text, level, str(LEVELS.get(level, "")), items))
        if lines:
            found.append((icon, SECTIONS[section], lines))
    return found


def version_asked(request: MemberRequest, name: str = "version") -> int:
    """`?version=`, 0 when it is not given. Raises Http404 for anything else."""
    text = request.GET.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Http404
    return int(text)
