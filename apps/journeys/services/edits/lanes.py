"""The lanes of a map: which rows of cards it shows, under which titles, in which order."""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.models import Journey
from apps.journeys.services.edits.changes import Edit
from apps.journeys.services.edits.keeping import change_rows
from apps.journeys.services.edits.rows import state_of
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor


@transaction.atomic
def set_lanes(
    *, actor: Actor, journey: Journey, lanes: object, version: int | None = None, said: str | None = None
) -> Edit:
    """Say which lanes a map shows, in order: `{"key", "title"}` each, or a name; [] are the standard ones.

    A lane in which cards stand is shown in any case, after the others. `said` tells people what was done. Raises
    DomainErrors with paths such as `lanes.2.title`.
    """
    journey = lock_journey(actor, journey)
    before = state_of(journey)
    after = {"lanes": content.read_lanes(lanes)}
    said = said or _("Changed the lanes of the map")
    return change_rows(actor, journey, [("lanes", journey, before, after)], version, said)
