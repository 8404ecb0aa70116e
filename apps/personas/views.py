"""The pages of personas: list, sheet, versions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import default_storage
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.personas import binding, queries, services
from apps.personas.content import SECTIONS
from apps.personas.forms import BindForm, PersonaForm, PublishForm, claim_rows, claims_of
from apps.personas.models import Persona
from apps.personas.sheet import alarms_of, people_of
from cxm.errors import DomainErrors, FieldError
from cxm.web.forms import domain_errors_into
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url
from cxm.web.views import permission_required, render_page, see_other

PAGE_SIZE = 24
WIDE_SECTIONS = {
    "needs": "heart",
    "goals": "target",
    "challenges": "stairs",
    "frustrations": "mood-sad",
    "motivations": "bolt",
    "behaviours": "activity",
}
SIDE_SECTIONS = {"demographics": "id-badge-2", "lifestyle": "sun", "channels": "messages", "evidence": "microphone"}


@permission_required("personas.view")
def persona_list(request: MemberRequest) -> HttpResponse:
    """The personas one may see, as cards."""
    archived = bool(request.GET.get("archived")) and request.actor.can("personas.edit")
    rows = queries.visible(request.actor).filter(archived_at__isnull=not archived).order_by("kind", "name", "id")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    may_edit = request.actor.can("personas.edit")
    published = queries.published_contents([] if may_edit else list(page.object_list))
    cards = [(row, published.get(row.pk) or services.content_of(row)) for row in page.object_list]
    context = {
        "page": page,
        "cards": cards,
        "archived": archived,
        "may_edit": may_edit,
        "alarms": alarms_of(list(page.object_list)),
    }
    return render_page(request, "personas/list.html", context, partial="list")


@permission_required("personas.view")
def persona_detail(request: MemberRequest, pk: UUID) -> HttpResponse:
    """A persona as a sheet: the draft for those who edit, what is published for the others, or one version."""
    persona = queries.persona_for(request.actor, pk)
    number = version_asked(request)
    content = queries.version_content(persona, number) if number else queries.shown_content(request.actor, persona)
    context = {
        "persona": persona,
        "content": content,
        "number": number,
        "may_edit": request.actor.can("personas.edit") and not number,
        "may_publish": request.actor.can("personas.publish") and not number,
        "main": filled(content, WIDE_SECTIONS),
        "side": filled(content, SIDE_SECTIONS),
        "kind": dict(Persona.Kind.choices).get(content["kind"], content["kind"]),
        "evidence_level": dict(Persona.Evidence.choices).get(content["evidence_level"], ""),
        "people": None if number else people_of(request.actor, request.organization, persona),
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
    """Describe a persona."""
    form = PersonaForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            persona = services.create_persona(actor=request.actor, **form.values())
            save_portrait(request, persona, form)
            messages.success(request, _("Persona added."))
            return see_other(request, org_url(request.organization, "personas:detail", pk=persona.pk))
    return render_page(request, "personas/form.html", {"form": form, "persona": None})


@permission_required("personas.edit")
def persona_edit(request: MemberRequest, pk: UUID) -> HttpResponse:
    """Change a persona's draft. Nobody's changes are overwritten unseen."""
    persona = queries.persona_for(request.actor, pk)
    form = PersonaForm(request.POST or None, request.FILES or None, persona=persona)
    if request.method == "POST" and form.is_valid():
        with domain_errors_into(form):
            services.update_persona(
                actor=request.actor, persona=persona, revision=form.cleaned_data["revision"], **form.values()
            )
            save_portrait(request, persona, form)
            messages.success(request, _("Saved."))
            return see_other(request, org_url(request.organization, "personas:detail", pk=pk))
    return render_page(request, "personas/form.html", {"form": form, "persona": persona})


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
    context = {"form": form, "persona": persona, "differences": queries.unpublished(persona)}
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


def save_portrait(request: MemberRequest, persona: Persona, form: PersonaForm) -> None:
    """Store the picture that came with the form, or take the old one away when that was asked for."""
    if form.cleaned_data.get("portrait"):
        services.set_portrait(actor=request.actor, persona=persona, file=form.cleaned_data["portrait"])
    elif form.cleaned_data.get("remove_portrait"):
        services.set_portrait(actor=request.actor, persona=persona, file=None)


def filled(content: dict[str, Any], sections: dict[str, str]) -> list[tuple[str, Any, list[str]]]:
    """The sections that say something: icon, title, items."""
    return [(icon, SECTIONS[section], content[section]) for section, icon in sections.items() if content.get(section)]


def version_asked(request: MemberRequest) -> int:
    """`?version=`, 0 when it is not given. Raises Http404 for anything else."""
    text = request.GET.get("version", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise Http404
    return int(text)
