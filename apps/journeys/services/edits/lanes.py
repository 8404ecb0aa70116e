"""The lanes of a map: which rows of cards it shows, under which titles, in which order."""

from __future__ import annotations

from typing import cast

from django.db import transaction
from django.utils.translation import gettext as _

from apps.journeys import content
from apps.journeys.content import LaneContent, lane_key, lane_title
from apps.journeys.models import Card, Journey
from apps.journeys.services.edits.changes import Edit
from apps.journeys.services.edits.keeping import change_rows
from apps.journeys.services.edits.rows import state_of
from apps.journeys.services.locking import lock_journey
from cxm.actor import Actor
from cxm.errors import Conflict, NotFound


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


def shown_lanes(journey: Journey) -> list[LaneContent]:
    """The lanes a board shows now, each named: those of the map, then others in use. One query."""
    used = Card.objects.filter(step__stage__journey=journey).values_list("lane", flat=True).distinct()
    titles = {lane["key"]: lane["title"] for lane in journey.lanes}
    keys = content.shown_lanes({lane_key(lane) for lane in used}, journey.lanes)
    return [{"key": key, "title": titles.get(key, "")} for key in keys]


@transaction.atomic
def add_lane(*, actor: Actor, journey: Journey, title: object, version: int | None = None) -> Edit:
    """Add a lane at the end, by its name or the key of a usual one. Raises Conflict when the map shows it already."""
    journey = lock_journey(actor, journey)
    (lane,) = content.read_lanes([title if isinstance(title, str) else ""])
    lanes = shown_lanes(journey)
    name = lane_title(lane["key"], [lane])
    if any(other["key"] == lane["key"] for other in lanes):
        message = _("The map has a lane “%(name)s” already.") % {"name": name}
        raise Conflict(message, field="title", code="duplicate")
    said = _("Added lane “%(name)s”") % {"name": name}
    return set_lanes(actor=actor, journey=journey, lanes=[*lanes, lane], version=version, said=said)


@transaction.atomic
def rename_lane(*, actor: Actor, journey: Journey, key: str, title: object, version: int | None = None) -> Edit:
    """Give a lane another title; an empty one is the usual title again. Its cards stay in it."""
    journey = lock_journey(actor, journey)
    lanes, at = _found(journey, key)
    text = title.strip() if isinstance(title, str) else title
    lanes[at] = cast(LaneContent, {"key": key, "title": text})
    said = _("Renamed lane to “%(name)s”") % {"name": text or lane_title(key)}
    return set_lanes(actor=actor, journey=journey, lanes=lanes, version=version, said=said)


@transaction.atomic
def move_lane(*, actor: Actor, journey: Journey, key: str, position: int, version: int | None = None) -> Edit:
    """Put a lane at another place among the lanes (0 is first)."""
    journey = lock_journey(actor, journey)
    lanes, at = _found(journey, key)
    lane = lanes.pop(at)
    position = max(0, min(position, len(lanes)))
    lanes.insert(position, lane)
    values = {"name": lane_title(key, [lane]), "position": position + 1}
    said = _("Moved lane “%(name)s” to position %(position)d") % values
    return set_lanes(actor=actor, journey=journey, lanes=lanes, version=version, said=said)


@transaction.atomic
def remove_lane(*, actor: Actor, journey: Journey, key: str, version: int | None = None) -> Edit:
    """Take an empty lane off the map. Raises Conflict while cards stand in it."""
    journey = lock_journey(actor, journey)
    lanes, at = _found(journey, key)
    lane = lanes.pop(at)
    used = Card.objects.filter(step__stage__journey=journey).values_list("lane", flat=True).distinct()
    if key in {lane_key(name) for name in used}:
        raise Conflict(_("Cards stand in this lane. Move or delete them first."), field="lane", code="in_use")
    if not lanes:
        raise Conflict(_("A map keeps at least one lane."), field="lane", code="last")
    said = _("Removed lane “%(name)s”") % {"name": lane_title(key, [lane])}
    return set_lanes(actor=actor, journey=journey, lanes=lanes, version=version, said=said)


def _found(journey: Journey, key: str) -> tuple[list[LaneContent], int]:
    """The lanes shown, and where among them the one with this key is. Raises NotFound."""
    lanes = shown_lanes(journey)
    for at, lane in enumerate(lanes):
        if lane["key"] == key:
            return lanes, at
    raise NotFound(_("This lane is not on the map any more."))
