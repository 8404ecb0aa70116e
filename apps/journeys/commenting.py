"""Maps as things that can be commented on, as a whole or one step or card of them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.comments.queries import counts_by_anchor
from apps.journeys.models import Journey
from apps.journeys.queries import draft_view, journey_for, version_view
from cxm.actor import Actor

LONGEST_PART = 60


def commentable_maps(actor: Actor) -> QuerySet[Journey]:
    """The maps an actor may see: who may not edit, what was published."""
    rows = Journey.objects.all()
    return rows if actor.can("journeys.edit") else rows.filter(published_version__isnull=False, archived_at=None)


def parts_of_map(actor: Actor, pk: UUID) -> Mapping[str, str]:
    """Steps and cards by id, in words, in the order of the map, as the actor sees it. Seven queries at most."""
    journey = journey_for(actor, pk)
    view = draft_view(journey) if actor.can("journeys.edit") else version_view(journey, journey.published_version)
    found: dict[str, str] = {}
    for stage in view.content["stages"]:
        for step in stage["steps"]:
            found[step["id"]] = f"{stage['name']} › {step['name']}"
            for card in step["cards"]:
                text = card["text"]
                short = text if len(text) <= LONGEST_PART else f"{text[:LONGEST_PART]}…"
                found[card["id"]] = _("%(step)s: “%(text)s”") % {"step": step["name"], "text": short}
    return found


def comment_marks(*, actor: Actor, journey_id: UUID) -> Mapping[str, int]:
    """Open comments by step or card. One query."""
    return counts_by_anchor("journey", journey_id)
