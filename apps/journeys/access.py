"""Who may change a map: members by their role, guests of a workshop the one map they were let in to."""

from __future__ import annotations

from uuid import UUID

from apps.journeys.models import Journey
from cxm.actor import Actor
from cxm.errors import NotAllowed, NotFound

EDIT = "journeys.edit"


def may_edit(actor: Actor, journey: Journey) -> bool:
    """Whether the actor may change the draft of this map."""
    return actor.can_with(EDIT, journey.pk)


def require_edit(actor: Actor, journey: Journey) -> None:
    """Raise NotAllowed unless :func:`may_edit`."""
    if not may_edit(actor, journey):
        raise NotAllowed(f"Your role does not include “{EDIT}”. Ask an owner or admin of your organisation.")


def map_to_edit(actor: Actor, pk: UUID) -> Journey:
    """A map the actor may change. Raises NotFound, also for a map that is none of a guest's. One query."""
    journey = Journey.objects.select_related("persona").filter(pk=pk).first()
    if journey is None or not may_edit(actor, journey):
        raise NotFound
    return journey
