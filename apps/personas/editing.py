"""Writes of the editor: one field at a time, undo and redo, and what lines rest on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.personas import content
from apps.personas.drafts import FIELDS, READERS, apply_values, lock_persona, plain, read_values, tag_of
from apps.personas.evidence import of_existing_lines, read_backing
from apps.personas.models import Persona, PersonaChange
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, FieldError, NotFound, PreconditionFailed

_TITLES = {
    **content.TEXTS,
    **content.CHOICES,
    **content.SECTIONS,
    "backing": gettext_lazy("Evidence of a line"),
    "portrait": gettext_lazy("Portrait"),
    "owner": gettext_lazy("Owner"),
    "review_date": gettext_lazy("Review day"),
    "claims": gettext_lazy("Claims"),
}


@transaction.atomic
def change_field(*, actor: Actor, persona: Persona, field: str, value: object, tag: str = "") -> Persona:
    """Change one field of the draft, as an editor saves it. Nothing changed, nothing written.

    `tag` is `tag_of` the field when it was seen. Raises PreconditionFailed (code "changed") when somebody changed the
    field since, NotFound for a field that is none, DomainErrors naming it.
    """
    persona = lock_persona(actor, persona)
    if field not in FIELDS or field in ("segment", "claims", "backing"):
        raise NotFound
    cleaned = read_values({field: value})
    if tag and tag != tag_of(persona, field):
        if cleaned[field] == (persona.fields.get(field, []) if field in content.SECTIONS else getattr(persona, field)):
            return persona
        message = _("Somebody else changed this while you were writing. Nothing was overwritten.")
        raise PreconditionFailed(message, field=field, code="changed")
    return apply_values(actor, persona, cleaned, "personas.changed")


@transaction.atomic
def undo_change(*, actor: Actor, persona: Persona) -> PersonaChange:
    """Take the actor's own newest change of the draft back.

    Raises Conflict when there is none, or when somebody changed the same field since.
    """
    persona = lock_persona(actor, persona)
    change = _own_changes(actor, persona).filter(undone_at=None).order_by("-number", "-id").first()
    if change is None:
        raise Conflict(_("There is nothing to undo."), code="nothing")
    _turn(actor, persona, change.after, change.before)
    change.undone_at = timezone.now()
    change.save(update_fields=["undone_at"])
    return change


@transaction.atomic
def redo_change(*, actor: Actor, persona: Persona) -> PersonaChange:
    """Make the change that the actor undid last again. Raises Conflict as `undo_change` does."""
    persona = lock_persona(actor, persona)
    change = _own_changes(actor, persona).filter(undone_at__isnull=False).order_by("-undone_at").first()
    if change is None:
        raise Conflict(_("There is nothing to redo."), code="nothing")
    _turn(actor, persona, change.before, change.after)
    change.undone_at = None
    change.save(update_fields=["undone_at"])
    return change


@dataclass(frozen=True, slots=True)
class Steps:
    """What of one's own changes can be taken back and made again, in words; "" for nothing."""

    undoable: str
    redoable: str


def steps_of(*, actor: Actor, persona: Persona) -> Steps:
    """What the actor can undo and redo. Two queries."""
    undo = _own_changes(actor, persona).filter(undone_at=None).order_by("-number", "-id").first()
    redo = _own_changes(actor, persona).filter(undone_at__isnull=False).order_by("-undone_at").first()
    return Steps(_words_of(undo), _words_of(redo))


def _words_of(change: PersonaChange | None) -> str:
    if change is None:
        return ""
    fields = [field for field in change.after if field != "backing"] or list(change.after)
    return ", ".join(str(_TITLES.get(field, field)) for field in fields[:3])


def _own_changes(actor: Actor, persona: Persona) -> QuerySet[PersonaChange]:
    return PersonaChange.objects.filter(persona=persona, user=actor.user_id)


def _turn(actor: Actor, persona: Persona, seen: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Put fields back to what they were, if they are still what the change made them."""
    if any(plain(persona, field) != value for field, value in seen.items()):
        raise Conflict(_("Somebody changed the same part since. Look at it, and change it by hand."), code="changed")
    free = {field: value for field, value in wanted.items() if field not in ("owner", "review_date")}
    read: dict[str, Any] = {
        field: READERS[field](wanted[field]) for field in ("owner", "review_date") if field in wanted
    }
    apply_values(actor, persona, {**free, **read}, "personas.changed", remember=False)


@transaction.atomic
def add_evidence(*, actor: Actor, persona: Persona, **item: Any) -> Persona:
    """Say what a line of the draft (`section` and `line`), or without both the whole persona, rests on.

    `kind` with `ref`, or a `text` and perhaps a `url`; `level` is assumption, some or measured. Raises DomainErrors
    naming the field, as `backing.<position>.<field>`.
    """
    persona = lock_persona(actor, persona)
    errors: list[FieldError] = []
    backing = read_backing([*persona.backing, item], errors)
    if not errors and len(of_existing_lines(backing, persona.fields)) != len(backing):
        raise DomainError(_("This line is not there any more."), field="line", code="not_found")
    if errors:
        raise DomainErrors({**error, "field": error["field"].rpartition(".")[2]} for error in errors)
    return apply_values(actor, persona, {"backing": backing}, "personas.evidence_added")


@transaction.atomic
def remove_evidence(*, actor: Actor, persona: Persona, evidence: UUID | str) -> Persona:
    """Take a piece of evidence away; one that is not there changes nothing."""
    persona = lock_persona(actor, persona)
    backing = [item for item in persona.backing if item["id"] != str(evidence)]
    return apply_values(actor, persona, {"backing": backing}, "personas.evidence_removed")
