"""Making, changing and putting away whole maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.audit.services import record
from apps.comments.services import forget_comments
from apps.journeys.content import (
    MAX_ERRORS,
    StageContent,
    day_of,
    keep_ids,
    read_choice,
    read_fact,
    read_lanes,
    read_name,
    read_stages,
)
from apps.journeys.drafts import read_draft, write_draft
from apps.journeys.models import Journey, Metric
from apps.journeys.people import named, read_owner
from apps.journeys.services.edits.changes import Change
from apps.journeys.services.edits.keeping import note
from apps.journeys.services.locking import lock_journey
from apps.outbox.services import emit
from apps.personas.models import Persona
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors, FieldError
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id

FIELDS = ("name", "persona", "metric", "kind", "as_is", "lanes", "owner", "review_date", "stages")


@transaction.atomic
def create_journey(
    *,
    actor: Actor,
    name: str,
    persona: object = None,
    metric: str | None = None,
    stages: object = None,
    **more: Any,
) -> Journey:
    """Make a map from any part of an API body; without stages it is empty.

    `persona` is a Persona, its id, or None; `more` are the others of `FIELDS`. Raises DomainErrors with the
    path of everything that is wrong (limits: 40 stages, 200 steps, 2,000 cards). Emits journeys.journey_created.
    """
    actor.require("journeys.edit")
    values = _clean(name=name, persona=persona, metric=metric, stages=stages, **more)
    content = keep_ids([], values.pop("stages"))
    _check_references([], content)
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
    actor.require("journeys.edit")
    journey = lock_journey(actor, journey)
    values = _clean(**changes)
    stages = values.pop("stages", None)
    if values.get("as_is") == journey:
        raise DomainError(_("Choose another map: a map cannot be its own as-is."), field="as_is")
    changed = [field for field, value in values.items() if getattr(journey, field) != value]
    if "lanes" in changed:
        journey.lanes_version += 1
    for field in changed:
        setattr(journey, field, values[field])
    if stages is not None:
        before = read_draft(journey).content["stages"]
        after = keep_ids(before, stages)
        _check_references(before, after)
        if after != before:
            write_draft(journey, after)
            changed.append("stages")
    if changed:
        touch_draft(actor, journey, "journeys.changed", changed)
    return journey


@transaction.atomic
def archive_journey(*, actor: Actor, journey: Journey) -> Journey:
    """Take a map out of the lists, with everything it has; archiving twice changes nothing."""
    actor.require("journeys.edit")
    journey = lock_journey(actor, journey)
    if journey.archived_at is None:
        journey.archived_at = timezone.now()
        journey.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="journeys.archived", target=journey)
    return journey


@transaction.atomic
def unarchive_journey(*, actor: Actor, journey: Journey) -> Journey:
    """Bring an archived map back."""
    actor.require("journeys.edit")
    journey = lock_journey(actor, journey)
    if journey.archived_at is not None:
        journey.archived_at = None
        journey.save(update_fields=["archived_at", "updated_at"])
        record(actor=actor, action="journeys.unarchived", target=journey)
    return journey


@transaction.atomic
def delete_journey(*, actor: Actor, journey: Journey) -> None:
    """Remove a map that was never published; one that was is archived, because scores belong to its versions."""
    actor.require("journeys.edit")
    journey = lock_journey(actor, journey)
    if journey.published_version is not None:
        archive_journey(actor=actor, journey=journey)
        return
    record(actor=actor, action="journeys.deleted", target=journey)
    forget_comments(kind="journey", object_id=journey.pk)
    journey.delete()


def touch_draft(actor: Actor, journey: Journey, action: str, fields: list[str], said: str = "") -> None:
    """Count a change of the whole draft, tell other editors' screens, the audit log and who listens."""
    journey.save()
    whole = Change("map", str(journey.pk), {}, {})
    note(actor, journey, action, (whole,), said or _("Changed the map"), tuple(fields))


def _clean(**given: Any) -> dict[str, Any]:
    """The given fields, checked together, so that one answer names all that is wrong."""
    values: dict[str, Any] = {}
    errors: list[FieldError] = []
    readers: dict[str, Callable[[Any], Any]] = {
        "name": read_name,
        "persona": _read_persona,
        "metric": lambda value: read_choice(value, "metric", Metric.values, Metric.NPS.value),
        "kind": lambda value: read_choice(value, "kind", Journey.Kind.values, Journey.Kind.AS_IS.value),
        "as_is": _read_as_is,
        "lanes": read_lanes,
        "owner": lambda value: _person(read_owner(value)),
        "review_date": lambda value: day_of(read_fact("review_date", value)),
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


def _read_as_is(value: object) -> Journey | None:
    """The map of how it is, by itself or its id."""
    if isinstance(value, Journey):
        return value
    if value is None or value == "":
        return None
    identifier = parse_uuid(value)
    found = Journey.objects.filter(pk=identifier).first() if identifier else None
    if found is None:
        raise DomainError(_("There is no map with this id."), field="as_is", code="not_found")
    return found


def _person(identifier: UUID | None) -> User | None:
    return User.objects.get(pk=identifier) if identifier else None


def _check_references(before: list[StageContent], after: list[StageContent]) -> None:
    """Raise DomainErrors with the paths of owners who are no colleagues and of pictures that are not this
    organisation's; what stood on the map already may stay."""
    known_owners, known_images = set[str](), set[str]()
    for _path, item in _items(before):
        known_owners.add(item["owner"] or "")
        known_images.add(item.get("image", ""))
    colleagues = named(item["owner"] for _path, item in _items(after) if item["owner"])
    folder = f"{current_tenant_id()}/"
    errors: list[FieldError] = []
    for path, item in _items(after):
        owner, image = item["owner"], item.get("image", "")
        if owner and owner not in known_owners and owner not in colleagues:
            message = _("There is no colleague with this id.")
            errors.append({"field": f"{path}.owner", "code": "not_found", "message": message})
        if image and image not in known_images and not image.startswith(folder):
            message = _("There is no picture of this name.")
            errors.append({"field": f"{path}.image", "code": "not_found", "message": message})
    if errors:
        raise DomainErrors(errors[:MAX_ERRORS])


def _items(stages: list[StageContent]) -> Iterator[tuple[str, Any]]:
    """Every step and card with its path."""
    for i, stage in enumerate(stages):
        for j, step in enumerate(stage["steps"]):
            yield f"stages.{i}.steps.{j}", step
            for k, card in enumerate(step["cards"]):
                yield f"stages.{i}.steps.{j}.cards.{k}", card
