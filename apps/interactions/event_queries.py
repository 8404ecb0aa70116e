"""Reading interactions: the list, and which events there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.utils.timezone import now

from apps.interactions.models import Interaction, RefusedMessage
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id

VIEW: Final = "interactions.view"
VOLUME_DAYS: Final = 30
MOST_NAMES: Final = 500


def interactions(actor: Actor) -> QuerySet[Interaction]:
    """The interactions the actor may see: all, or those of the actor's branch. Order by id: ids sort by time."""
    rows = Interaction.objects.select_related("customer").defer("customer__search_text")
    units = actor.visible_units(VIEW)
    return rows if units is None else rows.filter(unit_id__in=units)


def interaction_for(actor: Actor, pk: UUID) -> Interaction:
    """One interaction the actor may see. Raises NotFound, also for another branch or organisation."""
    found = interactions(actor).filter(pk=pk).first()
    if found is None:
        raise NotFound
    return found


def refused_messages() -> QuerySet[RefusedMessage]:
    """Messages that were not taken, newest first. Served by an index."""
    return RefusedMessage.objects.order_by("-at", "-id")


@dataclass(frozen=True, slots=True)
class EventName:
    """A name that events came under: how many in the last 30 days, and when it was seen first and last."""

    event: str
    volume: int
    first_at: datetime
    last_at: datetime


# Each step reads one entry of the index (tenant, event, id): the first name that comes after the one before.
_NAMES: Final = """
    WITH RECURSIVE names AS (
        (SELECT event FROM interactions_interaction WHERE tenant_id = %(tenant)s AND event > %(after)s{mine}
         ORDER BY event LIMIT 1)
        UNION ALL
        SELECT (SELECT i.event FROM interactions_interaction AS i
                WHERE i.tenant_id = %(tenant)s AND i.event > names.event{mine} ORDER BY i.event LIMIT 1)
        FROM names WHERE names.event IS NOT NULL
    )
    SELECT names.event,
        (SELECT count(*) FROM interactions_interaction AS i
         WHERE i.tenant_id = %(tenant)s AND i.event = names.event AND i.id >= %(since)s{mine}),
        (SELECT i.id FROM interactions_interaction AS i
         WHERE i.tenant_id = %(tenant)s AND i.event = names.event{mine} ORDER BY i.id LIMIT 1),
        (SELECT i.id FROM interactions_interaction AS i
         WHERE i.tenant_id = %(tenant)s AND i.event = names.event{mine} ORDER BY i.id DESC LIMIT 1)
    FROM names WHERE names.event IS NOT NULL LIMIT %(most)s
"""


def event_names(actor: Actor, *, after: str = "", most: int = MOST_NAMES) -> list[EventName]:
    """The names of events by alphabet, those after ``after``, with their volume of the last 30 days.

    One query: a step through the index for each name, and a look at the index entries of the last 30 days.
    """
    units = actor.visible_units(VIEW)
    parameters: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "after": after,
        "since": str(lowest_id(now() - timedelta(days=VOLUME_DAYS))),
        "most": most,
        "units": [str(unit) for unit in units or ()],
    }
    mine = "" if units is None else " AND unit_id = ANY(%(units)s::uuid[])"
    with connection.cursor() as cursor:
        cursor.execute(_NAMES.format(mine=mine), parameters)
        rows: Sequence[tuple[str, int, UUID, UUID]] = cursor.fetchall()
    return [EventName(name, volume, time_of(first), time_of(last)) for name, volume, first, last in rows]


def time_of(pk: UUID) -> datetime:
    """The time in an id that was made of one, to the millisecond."""
    return datetime.fromtimestamp((pk.int >> 80) / 1000, UTC)
