"""Touchpoints of the library on the steps of a map."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys.models import Journey, StepTouchpoint
from apps.journeys.services.edits.changes import Edit
from apps.journeys.services.edits.keeping import add, change_rows
from apps.journeys.services.edits.rows import get, landing, state_of
from apps.journeys.services.locking import lock_journey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor


@transaction.atomic
def place_touchpoint(
    *,
    actor: Actor,
    journey: Journey,
    step_id: UUID,
    touchpoint: Touchpoint,
    position: int | None = None,
    id: object = None,
) -> Edit:
    """Place a touchpoint of the library on a step. Raises Conflict when it stands there already."""
    journey = lock_journey(actor, journey)
    step = get(journey, "step", step_id, field="step")
    state = {"step": str(step.pk), "touchpoint": str(touchpoint.pk), "position": position}
    said = _("Placed “%(name)s” on “%(step)s”") % {"name": touchpoint.name, "step": step.name}
    return add(actor, journey, "place", id, state, said)


@transaction.atomic
def move_place(
    *, actor: Actor, journey: Journey, place_id: UUID, step_id: UUID, position: int, version: int | None = None
) -> Edit:
    """Move a touchpoint to another step or place. Raises Conflict when it stands on that step already."""
    journey = lock_journey(actor, journey)
    row = get(journey, "place", place_id)
    step = get(journey, "step", step_id, field="step")
    before = state_of(row)
    position = landing(StepTouchpoint(pk=row.pk, step=step), position)
    values = {"name": row.touchpoint.name, "lane": _("Touchpoints"), "step": step.name, "position": position + 1}
    said = _("Moved “%(name)s” to %(lane)s, %(step)s, position %(position)d") % values
    after = {**before, "step": str(step.pk), "position": position}
    return change_rows(actor, journey, [("place", row, before, after)], version, said)


@transaction.atomic
def remove_place(*, actor: Actor, journey: Journey, place_id: UUID, version: int | None = None) -> Edit:
    """Take a touchpoint off a step; it stays in the library."""
    journey = lock_journey(actor, journey)
    row = get(journey, "place", place_id)
    said = _("Removed “%(name)s” from the map") % {"name": row.touchpoint.name}
    return change_rows(actor, journey, [("place", row, state_of(row), None)], version, said)
