"""The draft of a persona: reading what is given for its fields, writing them, and remembering each change."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from typing import Any

from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit.services import record
from apps.organizations.models import Membership
from apps.outbox.services import emit
from apps.personas import content
from apps.personas.binding import measure_now, read_segment
from apps.personas.claims import read_claims
from apps.personas.evidence import carry_backing, of_existing_lines, read_backing
from apps.personas.models import Persona, PersonaChange
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

MOST_CHANGES = 300

FIELDS = (
    "name",
    "tagline",
    "kind",
    "evidence_level",
    "quote",
    "reason",
    "owner",
    "review_date",
    "claims",
    "backing",
    "segment",
    *content.SECTIONS,
)


def lock_persona(actor: Actor, persona: Persona) -> Persona:
    actor.require("personas.edit")
    return Persona.objects.select_for_update().get(pk=persona.pk)


def content_of(persona: Persona) -> dict[str, Any]:
    """The draft as a version would freeze it."""
    return {
        "name": persona.name,
        "tagline": persona.tagline,
        "kind": persona.kind,
        "evidence_level": persona.evidence_level,
        "portrait": persona.portrait,
        "quote": persona.quote,
        "reason": persona.reason,
        "claims": persona.claims,
        "backing": persona.backing,
        **{section: persona.fields.get(section, []) for section in content.SECTIONS},
    }


def apply_values(
    actor: Actor, persona: Persona, values: dict[str, Any], action: str, *, remember: bool = True
) -> Persona:
    """Write cleaned values to a locked draft when they differ; evidence follows its lines. Remembered for undoing."""
    values = _with_backing(persona, values)
    before = {field: plain(persona, field) for field in values}
    for field, value in values.items():
        if field in content.SECTIONS:
            persona.fields[field] = value
        else:
            setattr(persona, field, value)
    after = {field: plain(persona, field) for field in values}
    changed = [field for field in values if before[field] != after[field]]
    if changed:
        persona.revision += 1
        persona.save()
        if remember:
            _remember(actor, persona, {f: before[f] for f in changed}, {f: after[f] for f in changed})
        record(actor=actor, action=action, target=persona, fields=changed)
        emit("personas.draft_changed", {"persona": str(persona.pk)})
        if "claims" in changed:
            measure_now(persona=persona)
    return persona


def _with_backing(persona: Persona, values: dict[str, Any]) -> dict[str, Any]:
    """The values with the evidence as it is when the lines have changed."""
    sections = {field: value for field, value in values.items() if field in content.SECTIONS}
    if "backing" not in values and not sections:
        return values
    backing = values.get("backing", persona.backing)
    if "backing" not in values:
        for section, lines in sections.items():
            backing = carry_backing(backing, section, persona.fields.get(section, []), lines)
    return {**values, "backing": of_existing_lines(backing, {**persona.fields, **sections})}


def plain(persona: Persona, field: str) -> Any:
    """A field of the draft as plain JSON."""
    if field in content.SECTIONS:
        return persona.fields.get(field, [])
    if field == "owner":
        return str(persona.owner_id) if persona.owner_id else None
    value = getattr(persona, field)
    return value.isoformat() if isinstance(value, date) else value


def tag_of(persona: Persona, field: str) -> str:
    """What a field's value was when somebody saw it, in 16 characters: two who change different fields do not meet."""
    return sha256(json.dumps(plain(persona, field), sort_keys=True).encode()).hexdigest()[:16]


def _remember(actor: Actor, persona: Persona, before: dict[str, Any], after: dict[str, Any]) -> None:
    """Keep a person's change for undoing; what they undid before can no longer be redone."""
    if actor.user_id is None:
        return
    mine = PersonaChange.objects.filter(persona=persona, user_id=actor.user_id)
    mine.filter(undone_at__isnull=False).delete()
    PersonaChange.objects.create(
        persona=persona, user_id=actor.user_id, number=persona.revision, before=before, after=after
    )
    oldest = PersonaChange.objects.filter(persona=persona).order_by("-number").values_list("number", flat=True)
    if limit := next(iter(oldest[MOST_CHANGES : MOST_CHANGES + 1]), None):
        PersonaChange.objects.filter(persona=persona, number__lte=limit).delete()


def read_values(given: dict[str, Any]) -> dict[str, Any]:
    """The given fields, checked together, so that one answer names all that is wrong."""
    errors: list[FieldError] = []
    values: dict[str, Any] = {}
    limits = {
        "name": content.NAME_LENGTH,
        "tagline": content.TAGLINE_LENGTH,
        "quote": content.QUOTE_LENGTH,
        "reason": content.REASON_LENGTH,
    }
    for field, value in given.items():
        if field in limits:
            values[field] = content.read_text(value, field, limits[field], errors, required=field == "name")
        elif field in content.SECTIONS:
            values[field] = content.read_section(value, field, errors)
        elif field == "claims":
            values[field] = read_claims(value, errors)
        elif field == "backing":
            values[field] = read_backing(value, errors)
        else:
            try:
                values[field] = READERS[field](value)
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


READERS = {
    "kind": _read_kind,
    "evidence_level": _read_evidence_level,
    "owner": _read_owner,
    "review_date": _read_review_date,
    "segment": read_segment,
}
