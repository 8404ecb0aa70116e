"""What maps tell the pages of personas: which are drawn for one, and which are to be looked at again."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

from apps.journeys.commenting import commentable_maps
from apps.personas.registry import MapOfPersona
from apps.personas.reviews import MOST_EACH, Due
from cxm.actor import Actor


def maps_of_personas(*, actor: Actor, persona_ids: Collection[UUID]) -> dict[UUID, list[MapOfPersona]]:
    """The maps in use that the actor may see, by persona and name. One query."""
    found: dict[UUID, list[MapOfPersona]] = {}
    if actor.can("journeys.view"):
        rows = commentable_maps(actor).filter(persona_id__in=persona_ids, archived_at=None).order_by("name", "pk")
        for row in rows:
            if row.persona_id is not None:
                found.setdefault(row.persona_id, []).append(MapOfPersona(row.pk, row.name, "journeys:detail"))
    return found


def maps_due(actor: Actor, day: date) -> list[Due]:
    """Maps in use whose review day lies before a day, the oldest first. One query."""
    rows = commentable_maps(actor).filter(archived_at=None, review_date__lt=day).select_related("owner")
    ordered = rows.order_by("review_date", "name")[:MOST_EACH]
    return [Due(row.pk, row.name, row.owner, row.review_date) for row in ordered if row.review_date]
