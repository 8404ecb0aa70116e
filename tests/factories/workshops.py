"""Workshops on maps, their guests and votes."""

from __future__ import annotations

from itertools import count
from typing import Any
from uuid import UUID

from apps.journeys.models import Card, Journey
from apps.workshops import services
from apps.workshops.models import VoteDots, VoteRound, Workshop, WorkshopGuest
from cxm.actor import Actor
from tests.factories.maps import a_journey
from tests.factories.registry import factory

_numbers = count(1)
SYSTEM = Actor.system("test")


@factory(Workshop)
def a_workshop(journey: Journey | None = None, **values: Any) -> Workshop:
    """A workshop on a map, open now."""
    return services.start_workshop(actor=SYSTEM, journey=journey or a_journey(), **values)


@factory(WorkshopGuest)
def a_guest(workshop: Workshop | None = None, name: str = "") -> WorkshopGuest:
    """Somebody who joined."""
    return services.join_workshop(workshop=workshop or a_workshop(), name=name or f"Guest {next(_numbers)}").guest


@factory(VoteRound)
def a_round(workshop: Workshop | None = None, **values: Any) -> VoteRound:
    """An open vote on the cards of the lane "actions"."""
    values = {"question": f"Question {next(_numbers)}", "lanes": ["actions"], **values}
    return services.open_round(actor=SYSTEM, workshop=workshop or a_workshop(), **values)


@factory(VoteDots)
def some_dots(round: VoteRound | None = None, thing: UUID | None = None, dots: int = 1) -> VoteDots:
    """The dots of a new guest on the first card."""
    round = round or a_round()
    guest = a_guest(round.workshop)
    actor = Actor.guest(guest.pk, guest.name, things=frozenset({("workshops.vote", round.workshop_id)}))
    card = thing or Card.objects.filter(step__stage__journey=round.workshop.journey_id).values_list("pk", flat=True)[0]
    services.set_dots(actor=actor, round=round, thing=card, dots=dots)
    return VoteDots.objects.filter(round=round).latest("pk")
