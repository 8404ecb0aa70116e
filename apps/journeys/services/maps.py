"""Making, changing and putting away whole maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.content import keep_ids, read_choice, read_name, read_stages
from apps.journeys.drafts import read_draft, write_draft
from apps.journeys.models import Journey, Metric
from apps.outbox.services import emit
from apps.personas.models import Persona
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.ids import parse_uuid

FIELDS = ("name", "persona", "metric", "stages")


@transaction.atomic
def create_journey(
    *, actor: Actor, name: str, persona: object = None, metric: str | None = None, stages: object = None
) -> Journey:
    """Make a map from any part of an API body; without stages it is empty.

    `persona` is a Persona, its id, or None. Raises DomainErrors with the path of everything that is wrong
    (limits: 40 stages, 200 steps, 2,000 cards). Emits journeys.journey_created.
    """
    actor.require("journeys.edit")
    values = _clean(name=name, persona=persona, metric=metric, stages=stages)
    content = keep_ids([], values.pop("stages"))
    journey = Journey.objects.create(**values)
    if content:
        write_draft(journey, content)
    record(actor=actor, action="journeys.created", target=journey)
    emit("journeys.journey_created", {"journey": str(journey.pk)})
    return journey


@transaction.atomic
def update_journey(*, actor: Actor, journey: Journey, **changes: Any) -> Journey:
    """Change some of `FIELDS`; `stages` replaces the whole draft, keeping the ids of what stays.

    Nothing changed, nothing written. Raises DomainErrors. Emits journeys.draft_changed.
    """
    journey = lock_journey(actor, journey)
    values = _clean(**changes)
    stages = values.pop("stages", None)
    changed = [field for field, value in values.items() if getattr(journey, field) != value]
    for field in changed:
        setattr(journey, field, values[field])
    if stages is not None:
        before = read_draft(journey).content["stages"]
        after = keep_ids(before, stages)
        if after != before:
            write_draft(journey, after)
            changed.append("stages")
    if changed:
        touch_draft(actor, journey, "journeys.changed", changed)
    return journey


@transaction.atomic
def archive_journey(*, actor: Actor, journey: Journey) -> Journey:
    """Take a map out of the lists, with everything it has; archiving twice changes nothing."""
    journey = lock_journey(actor, journey)
    if journey.archived_at is None:
        journey.archived_at = timezone.now()
        journey.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="journeys.archived", target=journey)
    return journey


@transaction.atomic
def unarchive_journey(*, actor: Actor, journey: Journey) -> Journey:
    """Bring an archived map back."""
    journey = lock_journey(actor, journey)
    if journey.archived_at is not None:
        journey.archived_at = None
        journey.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="journeys.unarchived", target=journey)
    return journey


@transaction.atomic
def delete_journey(*, actor: Actor, journey: Journey) -> None:
    """Remove a map that was never published; one that was is archived, because scores belong to its versions."""
    journey = lock_journey(actor, journey)
    if journey.published_version is not None:
        archive_journey(actor=actor, journey=journey)
        return
    record(actor=actor, action="journeys.deleted", target=journey)
    journey.delete()


def lock_journey(actor: Actor, journey: Journey) -> Journey:
    """The map as it is now, locked until the transaction ends: changes of one map come one after another."""
    actor.require("journeys.edit")
    return Journey.objects.select_for_update().get(pk=journey.pk)


def touch_draft(actor: Actor, journey: Journey, action: str, fields: list[str]) -> None:
    """Count a change of the draft, tell the audit log and who listens."""
    journey.revision += 1
    journey.save()
    record(actor=actor, action=action, target=journey, fields=fields)
    emit("journeys.draft_changed", {"journey": str(journey.pk)})


def _clean(**given: Any) -> dict[str, Any]:
    """The given fields, checked together, so that one answer names all that is wrong."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    readers: dict[str, Callable[[Any], Any]] = {
        "name": read_name,
        "persona": _read_persona,
        "metric": lambda value: read_choice(value, "metric", Metric.values, Metric.NPS.value),
        "stages": read_stages,
    }
    for field, value in given.items():
        try:
            values[field] = readers[field](value)
        except DomainError as error:
            errors += error.errors
    if errors:
        raise DomainErrors(errors)
    return values


def _read_persona(value: object) -> Persona | None:
    """A persona of this organisation by itself or its id."""
    if isinstance(value, Persona):
        return value
    if value is None or value == "":
        return None
    identifier = parse_uuid(value)
    persona = Persona.objects.filter(pk=identifier).first() if identifier else None
    if persona is None:
        raise DomainError(_("There is no persona with this id."), field="persona", code="not_found")
    return persona
