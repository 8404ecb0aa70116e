"""Maps with events on them, and customers who walk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.customers.identity import Named
from apps.interactions.store import NewInteraction, record_interactions
from apps.journeys.models import Journey
from apps.journeys.services import publish_journey
from cxm.actor import Actor
from tests.factories import an_organization
from tests.factories.maps import a_journey, a_touchpoint
from tests.paths.by_hand import Event

SYSTEM = Actor.system("test")
START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def acme(db: Any) -> Any:
    return an_organization("Acme")


@pytest.fixture
def globex(db: Any) -> Any:
    return an_organization("Globex")


def a_map(
    route: Sequence[str], *, name: str = "Path", matchers: Mapping[str, Any] | None = None, publish: bool = True
) -> Journey:
    """A map with one step a touchpoint; each is met by the event of its own name unless `matchers` says otherwise."""
    known = matchers or {}
    for key in dict.fromkeys(route):
        match = known.get(key, {"event": key})
        a_touchpoint(key.title(), key=key, event_match=match)
    steps = [{"name": f"Step {number} {key}", "touchpoints": [key]} for number, key in enumerate(route)]
    journey = a_journey(name, stages=[{"name": "All", "steps": steps}])
    if publish:
        publish_journey(actor=SYSTEM, journey=journey, purpose="As it is")
        journey.refresh_from_db()
    return journey


def walk(events: Iterable[Event], **values: Any) -> None:
    """Record what customers did; `who` is the external id."""
    rows = [
        NewInteraction(
            event=event.name,
            occurred_at=event.at,
            named=Named(user_id=event.who, email=None, phone=None, anonymous_id=None, at=event.at),
            properties=event.properties,
            order=event.number,
            **values,
        )
        for event in events
    ]
    record_interactions(actor=SYSTEM, rows=rows)
