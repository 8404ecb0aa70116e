"""Steps: added, renamed, moved, deleted, what the team believes and knows of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.models import Journey, Step
from apps.journeys.people import owner_named
from apps.journeys.services.edits.changes import Edit, State
from apps.journeys.services.edits.keeping import add, change_rows
from apps.journeys.services.edits.rows import full_state, get, landing, state_of
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor


@transaction.atomic
def add_step(
    *, actor: Actor, journey: Journey, stage_id: UUID, name: str, position: int | None = None, id: object = None
) -> Edit:
    """Add a step to a stage. Without a position it comes last."""
    journey = lock_journey(actor, journey)
    stage = get(journey, "stage", stage_id)
    name = content.read_name(name)
    state: State = {"stage": str(stage.pk), "name": name, "belief": None, "position": position, **content.STEP_FACTS}
    state |= {"places": [], "cards": []}
    return add(actor, journey, "step", id, state, _("Added step “%(name)s”") % {"name": name})


def rename_step(*, actor: Actor, journey: Journey, step_id: UUID, name: str, version: int | None = None) -> Edit:
    """Rename a step."""
    return edit_step(actor=actor, journey=journey, step_id=step_id, name=name, version=version)


@transaction.atomic
def set_belief(
    *, actor: Actor, journey: Journey, step_id: UUID, belief: float | None, version: int | None = None
) -> Edit:
    """Say how the team thinks customers feel at a step, -2..2; None takes the belief back."""
    journey = lock_journey(actor, journey)
    row = get(journey, "step", step_id)
    before = state_of(row)
    belief = content.read_belief(belief)
    values = {"name": row.name, "belief": content.belief_text(belief)}
    said = _("The team's view of “%(name)s” is %(belief)s") % values
    return change_rows(actor, journey, [("step", row, before, {**before, "belief": belief})], version, said)


def set_step_facts(*, actor: Actor, journey: Journey, step_id: UUID, version: int | None = None, **facts: Any) -> Edit:
    """Say what is known of a step: see :func:`edit_step`."""
    return edit_step(actor=actor, journey=journey, step_id=step_id, version=version, **facts)


@transaction.atomic
def edit_step(
    *,
    actor: Actor,
    journey: Journey,
    step_id: UUID,
    name: str | None = None,
    version: int | None = None,
    **facts: object,
) -> Edit:
    """Rename a step and say what is known of it: `moment_of_truth` (bool), `evidence` ("" while nobody said), `owner`
    (a colleague, their id, or None), `review_date` (YYYY-MM-DD or None). What is not named stays.

    Raises DomainError naming the field.
    """
    journey = lock_journey(actor, journey)
    row = get(journey, "step", step_id)
    before = state_of(row)
    after = dict(before)
    if name is not None:
        after["name"] = content.read_name(name)
    for fact, value in facts.items():
        after[fact] = owner_named(value, before["owner"]) if fact == "owner" else content.read_fact(fact, value)
    if after["name"] != before["name"]:
        said = _("Renamed step to “%(name)s”") % {"name": after["name"]}
    else:
        said = _("Changed what is known of step “%(name)s”") % {"name": row.name}
    return change_rows(actor, journey, [("step", row, before, after)], version, said)


@transaction.atomic
def move_step(
    *, actor: Actor, journey: Journey, step_id: UUID, stage_id: UUID, position: int, version: int | None = None
) -> Edit:
    """Put a step at another place of a stage of this map."""
    journey = lock_journey(actor, journey)
    row = get(journey, "step", step_id)
    stage = get(journey, "stage", stage_id, field="stage")
    before = state_of(row)
    position = landing(Step(pk=row.pk, stage=stage), position)
    values = {"name": row.name, "stage": stage.name, "position": position + 1}
    said = _("Moved step “%(name)s” to “%(stage)s”, position %(position)d") % values
    after = {**before, "stage": str(stage.pk), "position": position}
    return change_rows(actor, journey, [("step", row, before, after)], version, said)


@transaction.atomic
def delete_step(*, actor: Actor, journey: Journey, step_id: UUID, version: int | None = None) -> Edit:
    """Remove a step with its cards and touchpoints from the map; undo brings it back whole."""
    journey = lock_journey(actor, journey)
    row = get(journey, "step", step_id)
    said = _("Deleted step “%(name)s”") % {"name": row.name}
    return change_rows(actor, journey, [("step", row, full_state(row), None)], version, said)
