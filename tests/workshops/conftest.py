"""Two organisations with a map each, and guests with browsers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.journeys.models import Card, Journey, Step
from apps.organizations.models import Organization
from apps.workshops import rules
from apps.workshops.models import Workshop
from cxm.actor import Actor
from cxm.api.throttles import throttle
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_organization, signed_in
from tests.factories.maps import a_journey, a_touchpoint
from tests.factories.workshops import a_workshop

STAGES = [
    {
        "name": "Decide",
        "steps": [
            {
                "name": "Compare",
                "belief": 1,
                "cards": [
                    {"lane": "pain_points", "text": "Prices are hidden"},
                    {"lane": "pain_points", "text": "Nobody answers"},
                    {"lane": "actions", "text": "Reads the letter"},
                ],
            }
        ],
    },
    {"name": "Move in", "steps": [{"name": "Keys", "cards": [{"lane": "pain_points", "text": "The key is late"}]}]},
]


@pytest.fixture(autouse=True)
def no_limits_left_over() -> Iterator[None]:
    """Buckets of earlier tests are emptied: every test comes from the same address."""
    yield
    client = throttle().client
    keys = list(client.scan_iter("cxm:rate:workshop-*"))
    if keys:
        client.delete(*keys)


@dataclass
class Room:
    """A workshop with everything around it."""

    organization: Organization
    host: User
    actor: Actor
    journey: Journey
    workshop: Workshop

    @property
    def code(self) -> str:
        return rules.in_groups(rules.code_of(self.workshop.pk, self.workshop.code_version))

    @property
    def base(self) -> str:
        """The host's page."""
        return f"/o/{self.organization.slug}/journeys/{self.journey.pk}/workshop/"

    @property
    def door(self) -> str:
        """The guests' address."""
        return f"/w/{self.code}/"

    def cards(self, lane: str = "pain_points") -> list[Any]:
        """The ids of the cards of a lane, in map order."""
        with tenant(self.organization):
            rows = Card.objects.filter(step__stage__journey=self.journey, lane=lane)
            return list(rows.order_by("step__stage__position", "position").values_list("pk", flat=True))

    def step(self) -> Step:
        with tenant(self.organization):
            return Step.objects.filter(stage__journey=self.journey).order_by("stage__position", "position")[0]

    def guest(self, name: str = "Gina") -> Client:
        """A browser in which somebody has joined."""
        client = Client()
        response = client.post(self.door, {"name": name})
        assert response.status_code == 302, response.content
        return client

    def host_client(self) -> Client:
        return signed_in(self.host)


def a_room(name: str = "Acme", **settings: Any) -> Room:
    """An organisation with an open workshop on its map."""
    organization = an_organization(name)
    host = a_member(organization, "manager", name="Hanna Host")
    with tenant(organization):
        actor = an_actor(organization, "manager")
        stages = [{**stage, "steps": [dict(step) for step in stage["steps"]]} for stage in STAGES]  # type: ignore[attr-defined]
        stages[0]["steps"][0]["touchpoints"] = [a_touchpoint(f"Web site of {name}").key]  # type: ignore[index]
        journey = a_journey(f"Journey of {name}", stages=stages)
        workshop = a_workshop(journey, **settings)
    return Room(organization, host, actor, journey, workshop)


@pytest.fixture
def room(db: None) -> Room:
    return a_room()


@pytest.fixture
def other_room(db: None) -> Room:
    return a_room("Globex")
