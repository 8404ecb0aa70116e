"""Who may change a map: members by their role, guests of a workshop the one map they were let in to."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db.models import QuerySet

from apps.journeys.models import Journey, StepTouchpoint
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor, Grant
from cxm.errors import NotAllowed, NotFound

EDIT = "journeys.edit"


def may_edit(actor: Actor, journey: Journey) -> bool:
    """Whether the actor may change the draft of this map."""
    return actor.can_with(EDIT, journey.pk)


def may_see_draft(actor: Actor, journey: Journey) -> bool:
    """Whether the actor sees the draft of this map: who edits maps, and guests of a workshop on it."""
    return may_edit(actor, journey) or ("journeys.view", journey.pk) in actor.things


def measuring(actor: Actor, journey: Journey) -> Actor:
    """The actor by whose rights the scores of this map are read: a guest sees them where the host shows them."""
    if ("metrics.view", journey.pk) not in actor.things:
        return actor
    return replace(actor, grants=(Grant(frozenset({"metrics.view"})),))


def placeable(actor: Actor, journey: Journey) -> QuerySet[Touchpoint]:
    """The touchpoints the actor may place on this map.

    A guest sees no more of the library than what stands on the map, unless the host opened it.
    """
    rows = Touchpoint.objects.filter(archived_at=None)
    if actor.kind != "guest" or ("touchpoints.view", journey.pk) in actor.things:
        return rows
    return rows.filter(pk__in=StepTouchpoint.objects.filter(step__stage__journey=journey).values("touchpoint"))


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
