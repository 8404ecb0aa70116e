"""A persona behind a share link: what its version says, and of its people only numbers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.customers.masking import mask_text
from apps.personas import queries
from apps.personas.content import SECTIONS
from apps.personas.models import Persona, PersonaVersion
from apps.personas.services import content_of
from apps.personas.sheet import people_of
from apps.sharing.options import ShareOptions
from apps.sharing.registry import Described, Shared, SharedFile, SharedPage, register_shareable
from cxm.actor import Actor
from cxm.errors import DomainError, NotFound

PORTRAIT = "portrait.webp"
NOT_SHARED = frozenset({"evidence"})
"""What a persona rests on can name the people who were asked: it stays inside."""


def describe(ids: Collection[UUID]) -> Mapping[UUID, Described]:
    """Personas by id, with their versions; archived ones are missing. Two queries."""
    versions: dict[UUID, list[int]] = {}
    rows = PersonaVersion.objects.filter(persona__in=ids).order_by("-number").values_list("persona_id", "number")
    for persona_id, number in rows:
        versions.setdefault(persona_id, []).append(number)
    found = Persona.objects.filter(pk__in=ids, archived_at=None)
    return {row.pk: Described(row.name, "personas:detail", tuple(versions.get(row.pk, ()))) for row in found}


def check(actor: Actor, pk: UUID, options: ShareOptions) -> None:
    """Whether this version can be shown, and by this actor. Raises DomainError."""
    numbers = describe([pk])[pk].versions
    if options.is_draft:
        actor.require("personas.edit")
    elif options.number is not None and options.number not in numbers:
        raise DomainError(_("This version was never published."), field="options.version", code="not_found")
    elif not numbers:
        raise DomainError(_("Nothing is published yet: publish it, or share the draft."), field="options.version")


def render(shared: Shared) -> SharedPage:
    """The sheet of the persona. Raises NotFound when it, or the version, is gone."""
    persona, content = _read(shared)
    people = None
    if shared.options.show_scores:
        people = people_of(shared.actor, shared.organization, persona)
    sections = [
        (title, items)
        for name, title in SECTIONS.items()
        if name not in NOT_SHARED and (items := content.get(name) or [])
    ]
    context = {
        "content": content,
        "quote": mask_text(content.get("quote", "")) if shared.options.show_quotes else "",
        "kind": dict(Persona.Kind.choices).get(content["kind"], ""),
        "evidence_level": dict(Persona.Evidence.choices).get(content["evidence_level"], ""),
        "sections": sections,
        "number": shared.options.number or (None if shared.options.is_draft else persona.published_version),
        "people": people,
        "too_few": people is not None
        and people.size is not None
        and people.size < shared.organization.anonymity_threshold,
        "key": shared.key,
        "portrait_name": PORTRAIT,
    }
    return SharedPage("personas/shared.html", context)


def open_file(shared: Shared, name: str) -> SharedFile:
    """The portrait. Raises NotFound."""
    _persona, content = _read(shared)
    if name != PORTRAIT or not content.get("portrait") or not default_storage.exists(content["portrait"]):
        raise NotFound
    with default_storage.open(content["portrait"]) as file:
        return SharedFile(file.read(), "image/webp", PORTRAIT)


def _read(shared: Shared) -> tuple[Persona, dict[str, Any]]:
    persona = queries.personas().filter(pk=shared.link.object_id, archived_at=None).first()
    if persona is None:
        raise NotFound
    if shared.options.is_draft:
        return persona, content_of(persona)
    number = shared.options.number or persona.published_version or 0
    return persona, queries.version_content(persona, number)


register_shareable(
    "persona",
    title=gettext_lazy("Persona"),
    permission="personas.view",
    render=render,
    describe=describe,
    check=check,
    open_file=open_file,
    quotes_label=gettext_lazy("Show the quote"),
)
