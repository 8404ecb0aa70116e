"""Reading personas."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Case, IntegerField, QuerySet, Value, When

from apps.personas.content import SECTIONS, complete
from apps.personas.differences import Difference, differences
from apps.personas.drafts import content_of
from apps.personas.models import Persona, PersonaVersion
from apps.personas.reviews import MOST_EACH, Due
from cxm.actor import Actor
from cxm.errors import NotFound


def personas() -> QuerySet[Persona]:
    """All personas, archived ones too, with the owner in the same query."""
    return Persona.objects.select_related("owner")


def visible(actor: Actor) -> QuerySet[Persona]:
    """Who may not edit sees what was published."""
    rows = personas()
    return rows if actor.can("personas.edit") else rows.filter(published_version__isnull=False, archived_at=None)


def personas_first(rows: QuerySet[Persona]) -> QuerySet[Persona]:
    """The rows with `kind_order`: personas before anti-personas."""
    anti = When(kind=Persona.Kind.ANTI, then=Value(1))
    return rows.annotate(kind_order=Case(anti, default=Value(0), output_field=IntegerField()))


def published() -> QuerySet[Persona]:
    """What everybody who works here sees: published and in use, personas first, by name. One query."""
    rows = personas().filter(published_version__isnull=False, archived_at=None)
    return personas_first(rows).order_by("kind_order", "name", "pk")  # type: ignore[misc]  # the line above adds it


def titles(sections: Iterable[str]) -> list[tuple[str, Any]]:
    """Sections with what they are called."""
    return [(section, SECTIONS[section]) for section in sections]


def due(actor: Actor, day: date) -> list[Due]:
    """Personas whose review day lies before a day, the oldest first. One query."""
    rows = visible(actor).filter(archived_at=None, review_date__lt=day).order_by("review_date", "name")
    return [Due(row.pk, row.name, row.owner, row.review_date) for row in rows[:MOST_EACH] if row.review_date]


def persona_for(actor: Actor, pk: UUID) -> Persona:
    """One persona the actor may see. Raises NotFound."""
    persona = visible(actor).filter(pk=pk).first()
    if persona is None:
        raise NotFound
    return persona


def versions(persona: Persona) -> QuerySet[PersonaVersion]:
    """All versions, newest first."""
    return PersonaVersion.objects.filter(persona=persona).select_related("published_by").order_by("-number")


def shown_content(actor: Actor, persona: Persona) -> dict[str, Any]:
    """The draft for those who edit, the published version for everybody else. One query at most."""
    if actor.can("personas.edit"):
        return content_of(persona)
    return version_content(persona, persona.published_version or 0)


def version_content(persona: Persona, number: int) -> dict[str, Any]:
    """The content of one version. Raises NotFound."""
    version = PersonaVersion.objects.filter(persona=persona, number=number).first()
    if version is None:
        raise NotFound
    return complete(version.content)


def history(persona: Persona) -> list[tuple[PersonaVersion, list[Difference]]]:
    """Every version with what it changed against the one before, newest first. One query."""
    rows = list(versions(persona))
    older = [dict(row.content) for row in rows[1:]]
    found = [(row, differences(before, row.content)) for row, before in zip(rows, older, strict=False)]
    return [*found, *((row, []) for row in rows[-1:])]


def unpublished(persona: Persona) -> list[Difference]:
    """What the draft changes against the published version; empty when nothing was published. One query."""
    if persona.published_version is None:
        return []
    return differences(version_content(persona, persona.published_version), content_of(persona))


def published_contents(rows: Collection[Persona]) -> dict[UUID, dict[str, Any]]:
    """The published content of each persona by id. One query."""
    wanted = {row.pk: row.published_version for row in rows}
    found = PersonaVersion.objects.filter(persona_id__in=wanted).values_list("persona_id", "number", "content")
    return {pk: complete(content) for pk, number, content in found if wanted[pk] == number}
