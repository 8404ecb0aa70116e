"""Steps and cards of maps by their stable ids, in words: for whatever is linked to them from outside the map."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.journeys.models import Card, Journey, JourneyVersion, Step
from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class Ref:
    """A step or a card of a map; without either, the map itself."""

    journey: UUID
    step: UUID | None = None
    card: UUID | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What stands there: the map, the stage, the step, and for a card its text and the key of its lane."""

    ref: Ref
    journey: str
    stage: str
    step: str
    step_id: UUID | None
    card: str = ""
    lane: str = ""

    @property
    def label(self) -> str:
        """The card's text, or the step's name, or the map's."""
        return self.card or self.step or self.journey


def visible_maps(actor: Actor, ids: Collection[UUID]) -> dict[UUID, Journey]:
    """Those of these maps the actor may see, by id: who may not edit sees what was published. One query."""
    if not ids or not actor.can("journeys.view"):
        return {}
    rows = Journey.objects.filter(pk__in=ids)
    if not actor.can("journeys.edit"):
        rows = rows.filter(published_version__isnull=False, archived_at=None)
    return {row.pk: row for row in rows}


def resolve(actor: Actor, refs: Iterable[Ref]) -> dict[Ref, Place]:
    """The places this actor may see, in the words of the draft for who may edit, else of the published version.

    What stands in neither any more, or on a map the actor may not see, is left out. At most four queries.
    """
    wanted = set(refs)
    maps = visible_maps(actor, {ref.journey for ref in wanted})
    found = {
        ref: Place(ref, maps[ref.journey].name, "", "", None)
        for ref in wanted
        if ref.journey in maps and not (ref.step or ref.card)
    }
    if actor.can("journeys.edit"):
        found |= _on_drafts(maps, wanted - found.keys())
    return found | _published(maps, wanted - found.keys())


def place_at(actor: Actor, journey: UUID, *, step: UUID | None = None, card: UUID | None = None) -> Place | None:
    """One place, or None when the actor cannot see such a one."""
    ref = Ref(journey, step, card)
    return resolve(actor, [ref]).get(ref)


def _on_drafts(maps: dict[UUID, Journey], wanted: set[Ref]) -> dict[Ref, Place]:
    found: dict[Ref, Place] = {}
    steps = {ref.step: ref for ref in wanted if ref.step and ref.journey in maps}
    cards = {ref.card: ref for ref in wanted if ref.card and ref.journey in maps}
    for step in Step.objects.filter(pk__in=steps).select_related("stage") if steps else ():
        if (ref := steps[step.pk]).journey == step.stage.journey_id:
            found[ref] = Place(ref, maps[ref.journey].name, step.stage.name, step.name, step.pk)
    for card in Card.objects.filter(pk__in=cards).select_related("step__stage") if cards else ():
        if (ref := cards[card.pk]).journey == card.step.stage.journey_id:
            stage, step = card.step.stage.name, card.step
            found[ref] = Place(ref, maps[ref.journey].name, stage, step.name, step.pk, card.text, card.lane)
    return found


def _published(maps: dict[UUID, Journey], wanted: set[Ref]) -> dict[Ref, Place]:
    ids = {ref.journey for ref in wanted} & maps.keys()
    if not ids:
        return {}
    found: dict[Ref, Place] = {}
    versions = JourneyVersion.objects.filter(journey__in=ids, number=F("journey__published_version"))
    for journey_id, content in versions.values_list("journey_id", "content"):
        for place in _places_in(journey_id, maps[journey_id].name, content):
            if place.ref in wanted:
                found[place.ref] = place
    return found


def _places_in(journey_id: UUID, name: str, content: dict[str, Any]) -> Iterable[Place]:
    for stage in content["stages"]:
        for step in stage["steps"]:
            step_id = UUID(step["id"])
            yield Place(Ref(journey_id, step=step_id), name, stage["name"], step["name"], step_id)
            for card in step["cards"]:
                ref = Ref(journey_id, card=UUID(card["id"]))
                yield Place(ref, name, stage["name"], step["name"], step_id, card["text"], card["lane"])
