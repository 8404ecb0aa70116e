"""Maps to start from, by industry: written by hand, every card an assumption until somebody knows better.

Each is a JSON file in ``templates_of_maps``: the map as an export holds it, with a description and touchpoints that
are made, or found by key or name, when it is used. What the team believes stays empty: that is theirs to draw.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from apps.journeys.exchange import read_document
from apps.journeys.services.exchanging import Taken, import_map
from apps.journeys.services.maps import update_journey
from cxm.actor import Actor
from cxm.errors import NotFound

FOLDER: Final = Path(__file__).with_name("templates_of_maps")


@dataclass(frozen=True, slots=True)
class MapTemplate:
    """One of them. ``document`` is what :func:`apps.journeys.exchange.read_document` reads."""

    id: str
    name: str
    description: str
    document: dict[str, Any]

    @property
    def stages(self) -> list[dict[str, Any]]:
        """Its stages with their steps."""
        found: list[dict[str, Any]] = self.document["stages"]
        return found

    @property
    def steps(self) -> int:
        """How many steps it has."""
        return sum(len(stage["steps"]) for stage in self.stages)

    @property
    def cards(self) -> int:
        """How many cards stand on it."""
        return sum(len(step["cards"]) for stage in self.stages for step in stage["steps"])

    @property
    def touchpoints(self) -> list[dict[str, Any]]:
        """The touchpoints it suggests, with channel and event."""
        found: list[dict[str, Any]] = self.document["touchpoints"]
        return found


@cache
def map_templates() -> dict[str, MapTemplate]:
    """All of them by id, by name."""
    found = []
    for path in FOLDER.glob("*.json"):
        raw = json.loads(path.read_text(encoding="utf-8"))
        document = {name: value for name, value in raw.items() if name not in ("id", "description")}
        found.append(MapTemplate(raw["id"], raw["name"], raw["description"], document))
    return {template.id: template for template in sorted(found, key=lambda each: each.name)}


def map_template(identifier: str) -> MapTemplate:
    """One by its id. Raises NotFound."""
    template = map_templates().get(identifier)
    if template is None:
        raise NotFound
    return template


@transaction.atomic
def start_from_template(*, actor: Actor, template: str, name: str = "", **besides: Any) -> Taken:
    """Make a map from a template; without a name it takes the template's.

    Its touchpoints are found by key or name, and made where the actor may edit the library; else they are left off.
    ``besides`` are further fields of a map (services.maps.FIELDS), which go before what the template says.
    Raises NotFound, DomainErrors.
    """
    found = map_template(template)
    read = read_document(found.document)
    taken = import_map(
        actor=actor, read=read, name=name or found.name, create_touchpoints=actor.can("touchpoints.edit")
    )
    given = {field: value for field, value in besides.items() if value not in (None, "")}
    if given:
        taken = replace(taken, journey=update_journey(actor=actor, journey=taken.journey, **given))
    return taken
