"""Every write to personas."""

from __future__ import annotations

from typing import Any, BinaryIO

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.comments.services import forget_comments
from apps.outbox.services import emit
from apps.personas import content
from apps.personas.binding import bind_persona, follow_publication
from apps.personas.drafts import apply_values, content_of, lock_persona, read_values
from apps.personas.evidence import of_existing_lines
from apps.personas.models import Persona, PersonaVersion
from cxm.actor import Actor
from cxm.errors import DomainErrors, FieldError, NotFound, PreconditionFailed
from cxm.pictures import store_picture

PURPOSE_LENGTH = 400
PORTRAIT_SIDE = 512
PORTRAIT_MEGABYTES = 5


@transaction.atomic
def create_persona(*, actor: Actor, name: str, **values: Any) -> Persona:
    """Make a persona from any of FIELDS; a section is a list of texts, or one text with an item a line.

    Raises DomainErrors naming each wrong field. Emits personas.persona_created.
    """
    actor.require("personas.edit")
    cleaned = read_values({"name": name, **values})
    sections = {field: cleaned.pop(field) for field in list(cleaned) if field in content.SECTIONS}
    segment = cleaned.pop("segment", None)
    cleaned["backing"] = of_existing_lines(cleaned.get("backing", []), sections)
    persona = Persona.objects.create(fields=sections, **cleaned)
    record(actor=actor, action="personas.created", target=persona)
    emit("personas.persona_created", {"persona": str(persona.pk)})
    return bind_persona(actor=actor, persona=persona, segment=segment) if segment else persona


@transaction.atomic
def update_persona(*, actor: Actor, persona: Persona, revision: int | None = None, **values: Any) -> Persona:
    """Change the given fields of the draft; `segment` counts at once. Nothing changed, nothing written.

    Raises PreconditionFailed when `revision` is given and somebody changed the draft since, DomainErrors naming each
    wrong field. Emits personas.draft_changed.
    """
    persona = lock_persona(actor, persona)
    if revision is not None and revision != persona.revision:
        message = _("Somebody else changed this persona while you were writing. Nothing was overwritten.")
        raise PreconditionFailed(message, code="changed")
    cleaned = read_values(values)
    if "segment" in cleaned:
        persona = bind_persona(actor=actor, persona=persona, segment=cleaned.pop("segment"))
    return apply_values(actor, persona, cleaned, "personas.changed")


@transaction.atomic
def set_portrait(*, actor: Actor, persona: Persona, file: BinaryIO | None) -> Persona:
    """Store a picture as the portrait, drawn anew at no more than 512 by 512 pixels; None takes it away.

    Raises DomainError naming `portrait` for a file over 5 MB or one that is no picture. Old pictures stay, because
    versions show them.
    """
    persona = lock_persona(actor, persona)
    name = ""
    if file is not None:
        name = store_picture(
            file, folder="personas", longest_side=PORTRAIT_SIDE, field="portrait", megabytes=PORTRAIT_MEGABYTES
        )
    return apply_values(actor, persona, {"portrait": name}, "personas.portrait_changed")


@transaction.atomic
def publish_persona(*, actor: Actor, persona: Persona, purpose: object) -> PersonaVersion:
    """Freeze the draft as the next version. Emits personas.version_published.

    Raises DomainError when the purpose is missing or longer than 400 characters.
    """
    actor.require("personas.publish")
    persona = Persona.objects.select_for_update().get(pk=persona.pk)
    errors: list[FieldError] = []
    text = content.read_text(purpose, "purpose", PURPOSE_LENGTH, errors, required=True)
    if errors:
        raise DomainErrors(errors)
    number = (persona.published_version or 0) + 1
    version = PersonaVersion.objects.create(
        persona=persona,
        number=number,
        content=content_of(persona),
        purpose=text,
        published_by_id=actor.user_id,
    )
    persona.published_version, persona.published_revision = number, persona.revision
    persona.save(update_fields=["published_version", "published_revision", "updated_at"])
    record(actor=actor, action="personas.published", target=persona, fields=[f"version {number}"])
    emit("personas.version_published", {"persona": str(persona.pk), "version": number})
    follow_publication(actor=actor, persona=persona)
    return version


@transaction.atomic
def restore_version(*, actor: Actor, persona: Persona, number: int) -> Persona:
    """Make the draft what a version was. Raises NotFound for a number that was never published."""
    persona = lock_persona(actor, persona)
    version = PersonaVersion.objects.filter(persona=persona, number=number).first()
    if version is None:
        raise NotFound(_("There is no such version."))
    return apply_values(actor, persona, content.complete(version.content), "personas.restored")


@transaction.atomic
def archive_persona(*, actor: Actor, persona: Persona) -> Persona:
    """Take a persona out of the lists; maps keep it. Archiving twice changes nothing."""
    return _set_archived(actor, persona, archived=True)


@transaction.atomic
def unarchive_persona(*, actor: Actor, persona: Persona) -> Persona:
    """Bring an archived persona back."""
    return _set_archived(actor, persona, archived=False)


@transaction.atomic
def delete_persona(*, actor: Actor, persona: Persona) -> None:
    """Remove a persona that was never published; one that was is archived, because its versions stay readable."""
    persona = lock_persona(actor, persona)
    if persona.published_version is not None:
        archive_persona(actor=actor, persona=persona)
        return
    record(actor=actor, action="personas.deleted", target=persona)
    forget_comments(kind="persona", object_id=persona.pk)
    persona.delete()


def _set_archived(actor: Actor, persona: Persona, *, archived: bool) -> Persona:
    persona = lock_persona(actor, persona)
    if archived != (persona.archived_at is not None):
        persona.archived_at = timezone.now() if archived else None
        persona.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="personas.archived" if archived else "personas.unarchived", target=persona)
    return persona
