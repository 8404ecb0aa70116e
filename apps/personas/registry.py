"""What upper apps add to the pages of a persona: the maps drawn for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class MapOfPersona:
    """A map drawn for a persona; `url_name` is reversed with the organisation's slug and `pk`."""

    pk: UUID
    name: str
    url_name: str


class MapSource(Protocol):
    """The maps of each persona that an actor may see, by name; personas without any may be missing."""

    def __call__(self, *, actor: Actor, persona_ids: Collection[UUID]) -> Mapping[UUID, Sequence[MapOfPersona]]: ...


_sources: list[MapSource] = []


def register_maps(source: MapSource) -> None:
    """Say who draws maps."""
    _sources[:] = [source]


def maps_of(*, actor: Actor, persona_ids: Collection[UUID]) -> Mapping[UUID, Sequence[MapOfPersona]]:
    """The maps of each persona. One query; none when nobody draws maps."""
    return _sources[0](actor=actor, persona_ids=persona_ids) if _sources and persona_ids else {}
