"""Touchpoints, personas and journey maps."""

from __future__ import annotations

from itertools import count
from typing import Any

from apps.journeys import services as journey_services
from apps.journeys.models import Card, Journey, JourneyVersion, MapEdit, Stage, Step, StepTouchpoint
from apps.personas import services as persona_services
from apps.personas.binding import bind_persona
from apps.personas.models import Persona, PersonaBaseline, PersonaCheck, PersonaVersion
from apps.segments.services import create_segment
from apps.touchpoints import services as touchpoint_services
from apps.touchpoints.backstage import create_record
from apps.touchpoints.models import BackstageRecord, Touchpoint, TouchpointBackstage, TouchpointName
from cxm.actor import Actor
from tests.factories.registry import factory

_numbers = count(1)
SYSTEM = Actor.system("test")


@factory(Touchpoint)
def a_touchpoint(name: str = "", **values: Any) -> Touchpoint:
    """A touchpoint of the library."""
    return touchpoint_services.create_touchpoint(
        actor=SYSTEM, name=name or f"Touchpoint {next(_numbers)}", channel=values.pop("channel", "web"), **values
    )


@factory(TouchpointName)
def a_former_name() -> TouchpointName:
    touchpoint = a_touchpoint()
    touchpoint_services.update_touchpoint(actor=SYSTEM, touchpoint=touchpoint, name=f"{touchpoint.name} again")
    return TouchpointName.objects.get(touchpoint=touchpoint)


@factory(BackstageRecord)
def a_backstage_record(name: str = "", **values: Any) -> BackstageRecord:
    """A process, system or team."""
    values = {"kind": "system", **values}
    return create_record(actor=SYSTEM, name=name or f"System {next(_numbers)}", **values)


@factory(TouchpointBackstage)
def a_backstage_use() -> TouchpointBackstage:
    record = a_backstage_record(touchpoints=[a_touchpoint().key])
    return TouchpointBackstage.objects.get(record=record)


@factory(Persona)
def a_persona(name: str = "", **values: Any) -> Persona:
    """A persona with a need, not yet published."""
    values = {"needs": ["To be told the price"], **values}
    return persona_services.create_persona(actor=SYSTEM, name=name or f"Persona {next(_numbers)}", **values)


@factory(PersonaVersion)
def a_persona_version() -> PersonaVersion:
    return persona_services.publish_persona(actor=SYSTEM, persona=a_persona(), purpose="First picture")


@factory(PersonaBaseline, PersonaCheck)
def the_rows_of_a_bound_persona() -> dict[Any, Any]:
    segment = create_segment(actor=SYSTEM, name=f"People {next(_numbers)}", rule={"all": []})
    persona = bind_persona(actor=SYSTEM, persona=a_persona(), segment=segment)
    return {
        PersonaBaseline: PersonaBaseline.objects.get(persona=persona),
        PersonaCheck: PersonaCheck.objects.get(persona=persona),
    }


@factory(Journey)
def a_journey(name: str = "", *, stages: Any = None, **values: Any) -> Journey:
    """A map with one stage, one step, one touchpoint and one card; or of the stages given as the API takes them."""
    if stages is None:
        key = a_touchpoint().key
        cards = [{"lane": "actions", "text": "Reads the letter"}]
        steps = [{"name": "Decide", "touchpoints": [key], "belief": 1, "cards": cards}]
        stages = [{"name": "Decide", "steps": steps}]
    return journey_services.create_journey(
        actor=SYSTEM, name=name or f"Journey {next(_numbers)}", stages=stages, **values
    )


@factory(JourneyVersion)
def a_journey_version() -> JourneyVersion:
    return journey_services.publish_journey(actor=SYSTEM, journey=a_journey(), purpose="First picture")


@factory(Stage, Step, StepTouchpoint, Card)
def the_rows_of_a_map() -> dict[Any, Any]:
    journey = a_journey()
    return {
        Stage: Stage.objects.get(journey=journey),
        Step: Step.objects.get(stage__journey=journey),
        StepTouchpoint: StepTouchpoint.objects.get(step__stage__journey=journey),
        Card: Card.objects.get(step__stage__journey=journey),
    }


@factory(MapEdit)
def a_map_edit() -> MapEdit:
    journey = a_journey()
    return MapEdit.objects.create(journey=journey, actor_id=None, change=[])
