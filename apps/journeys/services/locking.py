"""Changes of one map come one after another."""

from __future__ import annotations

from apps.journeys.access import require_edit
from apps.journeys.models import Journey
from cxm.actor import Actor


def lock_journey(actor: Actor, journey: Journey) -> Journey:
    """The map as it is now, locked until the transaction ends. Raises NotAllowed for who may not change it."""
    require_edit(actor, journey)
    return Journey.objects.select_for_update().get(pk=journey.pk)
