"""Every write to personas."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from apps.accounts.models import User
from apps.audit.services import record
from apps.comments.services import forget_comments
from apps.organizations.models import Membership
from apps.outbox.services import emit
from apps.personas import content
from apps.personas.binding import bind_persona, follow_publication, measure_now, read_segment
from apps.personas.claims import read_claims
from apps.personas.models import Persona, PersonaVersion
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError, NotFound, PreconditionFailed
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

PURPOSE_LENGTH = 400
MOST_PORTRAIT_BYTES = 5 * 1024 * 1024
MOST_PORTRAIT_PIXELS = 40_000_000
PORTRAIT_SIDE = 512
PICTURE_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")

FIELDS = (
    "name",
    "tagline",
    "kind",
    "evidence_level",
    "quote",
    "owner",
    "review_date",
    "claims",
    "segment",
    *content.SECTIONS,
)


@transaction.atomic
def create_persona(*, actor: Actor, name: str, **values: Any) -> Persona:
    """Make a persona from any of FIELDS; a section is a list of texts, or one text with an item a line.

    Raises DomainErrors naming each wrong field. Emits personas.persona_created.
    """
    actor.require("personas.edit")
    cleaned = _clean({"name": name, **values})
    sections = {field: cleaned.pop(field) for field in list(cleaned) if field in content.SECTIONS}
    segment = cleaned.pop("segment", None)
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
    persona = _lock(actor, persona)
    if revision is not None and revision != persona.revision:
        message = _("Somebody else changed this persona while you were writing. Nothing was overwritten.")
        raise PreconditionFailed(message, code="changed")
    cleaned = _clean(values)
    if "segment" in cleaned:
        persona = bind_persona(actor=actor, persona=persona, segment=cleaned.pop("segment"))
    return _apply(actor, persona, cleaned, "personas.changed")


@transaction.atomic
def set_portrait(*, actor: Actor, persona: Persona, file: BinaryIO | None) -> Persona:
    """Store a picture as the portrait, drawn anew at no more than 512 by 512 pixels; None takes it away.

    Raises DomainError naming `portrait` for a file over 5 MB or one that is no picture. Old pictures stay, because
    versions show them.
    """
    persona = _lock(actor, persona)
    name = "" if file is None else _store_picture(_redrawn(file))
    return _apply(actor, persona, {"portrait": name}, "personas.portrait_changed")


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
    persona = _lock(actor, persona)
    version = PersonaVersion.objects.filter(persona=persona, number=number).first()
    if version is None:
        raise NotFound(_("There is no such version."))
    return _apply(actor, persona, dict(version.content), "personas.restored")


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
    persona = _lock(actor, persona)
    if persona.published_version is not None:
        archive_persona(actor=actor, persona=persona)
        return
    record(actor=actor, action="personas.deleted", target=persona)
    forget_comments(kind="persona", object_id=persona.pk)
    persona.delete()


def content_of(persona: Persona) -> dict[str, Any]:
    """The draft as a version would freeze it."""
    return {
        "name": persona.name,
        "tagline": persona.tagline,
        "kind": persona.kind,
        "evidence_level": persona.evidence_level,
        "portrait": persona.portrait,
        "quote": persona.quote,
        "claims": persona.claims,
        **{section: persona.fields.get(section, []) for section in content.SECTIONS},
    }


def _lock(actor: Actor, persona: Persona) -> Persona:
    actor.require("personas.edit")
    return Persona.objects.select_for_update().get(pk=persona.pk)


def _set_archived(actor: Actor, persona: Persona, *, archived: bool) -> Persona:
    persona = _lock(actor, persona)
    if archived != (persona.archived_at is not None):
        persona.archived_at = timezone.now() if archived else None
        persona.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="personas.archived" if archived else "personas.unarchived", target=persona)
    return persona


def _apply(actor: Actor, persona: Persona, values: dict[str, Any], action: str) -> Persona:
    """Write cleaned values to a locked draft, when they differ."""
    changed = []
    for field, value in values.items():
        if field in content.SECTIONS:
            if persona.fields.get(field, []) != value:
                persona.fields[field] = value
                changed.append(field)
        elif getattr(persona, field) != value:
            setattr(persona, field, value)
            changed.append(field)
    if changed:
        persona.revision += 1
        persona.save()
        record(actor=actor, action=action, target=persona, fields=changed)
        emit("personas.draft_changed", {"persona": str(persona.pk)})
        if "claims" in changed:
            measure_now(persona=persona)
    return persona


def _clean(given: dict[str, Any]) -> dict[str, Any]:
    """The given fields, checked together, so that one answer names all that is wrong."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    limits = {"name": content.NAME_LENGTH, "tagline": content.TAGLINE_LENGTH, "quote": content.QUOTE_LENGTH}
    for field, value in given.items():
        if field in limits:
            values[field] = content.read_text(value, field, limits[field], errors, required=field == "name")
        elif field in content.SECTIONS:
            values[field] = content.read_section(value, field, errors)
        elif field == "claims":
            values[field] = read_claims(value, errors)
        else:
            try:
                values[field] = _READERS[field](value)
            except DomainError as error:
                errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return values


def _read_kind(value: object) -> str:
    return _choice(value, "kind", Persona.Kind.values, Persona.Kind.PERSONA.value)


def _read_evidence_level(value: object) -> str:
    return _choice(value, "evidence_level", Persona.Evidence.values, Persona.Evidence.PROTO.value)


def _choice(value: object, field: str, choices: list[str], default: str) -> str:
    if value is None or value == "":
        return default
    if value not in choices:
        message = _("Must be one of: %(choices)s.") % {"choices": ", ".join(choices)}
        raise DomainError(message, field=field, code="choice")
    return str(value)


def _read_owner(value: object) -> User | None:
    """A colleague of this organisation by itself or its id."""
    if value is None or value == "":
        return None
    identifier = value.pk if isinstance(value, User) else parse_uuid(value)
    members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True).select_related("user")
    member = members.filter(user_id=identifier).first() if identifier else None
    if member is None:
        raise DomainError(_("There is no colleague with this id."), field="owner", code="not_found")
    return member.user


def _read_review_date(value: object) -> date | None:
    if isinstance(value, date):
        return value
    if value is None or value == "":
        return None
    try:
        parsed = parse_date(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise DomainError(_("Give a date as YYYY-MM-DD."), field="review_date")
    return parsed


_READERS = {
    "kind": _read_kind,
    "evidence_level": _read_evidence_level,
    "owner": _read_owner,
    "review_date": _read_review_date,
    "segment": read_segment,
}


def _redrawn(file: BinaryIO) -> bytes:
    """The picture drawn anew as WebP: nothing of the uploaded bytes survives."""
    raw = file.read(MOST_PORTRAIT_BYTES + 1)
    if len(raw) > MOST_PORTRAIT_BYTES:
        raise DomainError(_("The picture may have at most 5 MB."), field="portrait", code="too_large")
    try:
        with Image.open(BytesIO(raw), formats=PICTURE_FORMATS) as picture:
            if picture.width * picture.height > MOST_PORTRAIT_PIXELS:
                raise DomainError(_("The picture has too many pixels."), field="portrait", code="too_large")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
            upright.thumbnail((PORTRAIT_SIDE, PORTRAIT_SIDE))
            drawn = BytesIO()
            upright.save(drawn, "WEBP", quality=85)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        message = _("This is no picture we can read. Use JPEG, PNG, GIF or WebP.")
        raise DomainError(message, field="portrait", code="not_a_picture") from error
    return drawn.getvalue()


def _store_picture(picture: bytes) -> str:
    """Keep a picture under a random name among the organisation's own files; gives the name."""
    return default_storage.save(f"{current_tenant_id()}/personas/{uuid4().hex}.webp", ContentFile(picture))
