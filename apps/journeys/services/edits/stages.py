"""Stages: added, renamed, moved, deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.models import Journey, Stage, Step
from apps.journeys.services.edits.changes import Edit, State
from apps.journeys.services.edits.keeping import Wanted, add, change_rows
from apps.journeys.services.edits.rows import full_state, get, landing, state_of
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor
from cxm.ids import uuid7


@transaction.atomic
def add_stage(
    *, actor: Actor, journey: Journey, name: str, duration: str = "", position: int | None = None, id: object = None
) -> Edit:
    """Add a stage, with one step of the same name so that it has a column. Without a position it comes last."""
    journey = lock_journey(actor, journey)
    name = content.read_name(name)
    step: State = {"id": str(uuid7()), "name": name, "belief": None, "position": 0, **content.STEP_FACTS}
    step |= {"places": [], "cards": []}
    state = {"name": name, "duration": content.read_duration(duration), "position": position, "steps": [step]}
    return add(actor, journey, "stage", id, state, _("Added stage “%(name)s”") % {"name": name})


@transaction.atomic
def rename_stage(
    *,
    actor: Actor,
    journey: Journey,
    stage_id: UUID,
    name: str,
    duration: str | None = None,
    version: int | None = None,
) -> Edit:
    """Rename a stage or say how long it lasts. A single step of the same name is renamed with it."""
    journey = lock_journey(actor, journey)
    row = get(journey, "stage", stage_id)
    before = state_of(row)
    name = content.read_name(name)
    after = {**before, "name": name}
    if duration is not None:
        after["duration"] = content.read_duration(duration)
    said = _("Renamed stage to “%(name)s”") % {"name": name}
    steps = list(Step.objects.filter(stage=row)[:2])
    follower: Any = steps[0] if len(steps) == 1 and steps[0].name == before["name"] else None
    wanted: list[Wanted] = [("stage", row, before, after)]
    if follower is not None:
        step_before = state_of(follower)
        wanted.append(("step", follower, step_before, {**step_before, "name": name}))
    return change_rows(actor, journey, wanted, version, said)


@transaction.atomic
def move_stage(*, actor: Actor, journey: Journey, stage_id: UUID, position: int, version: int | None = None) -> Edit:
    """Put a stage at another place of the map (0 is first)."""
    journey = lock_journey(actor, journey)
    row = get(journey, "stage", stage_id)
    before = state_of(row)
    position = landing(Stage(pk=row.pk, journey=journey), position)
    said = _("Moved stage “%(name)s” to position %(position)d") % {"name": row.name, "position": position + 1}
    return change_rows(actor, journey, [("stage", row, before, {**before, "position": position})], version, said)


@transaction.atomic
def delete_stage(*, actor: Actor, journey: Journey, stage_id: UUID, version: int | None = None) -> Edit:
    """Remove a stage with everything in it; undo brings it back whole."""
    journey = lock_journey(actor, journey)
    row = get(journey, "stage", stage_id)
    said = _("Deleted stage “%(name)s”") % {"name": row.name}
    return change_rows(actor, journey, [("stage", row, full_state(row), None)], version, said)
