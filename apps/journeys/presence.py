"""Who has a map open just now: a short-lived record in the shared cache, by organisation and map; nothing is kept."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.core.cache import cache

from apps.journeys.models import Journey
from cxm.actor import Actor
from cxm.scope import current_tenant_id

GONE_AFTER = 25.0
"""Seconds after which somebody who was not heard of has left. Hidden pages still ask every ten seconds."""

TOLD_AFTER = 3.0
"""Seconds after which a record is renewed though nothing changed."""


@dataclass(frozen=True)
class Presence:
    """Somebody with the map open; `where` is the id of what they are writing in, "" for nothing."""

    name: str
    initials: str
    where: str

    def as_json(self) -> dict[str, str]:
        """For the board's script."""
        return {"name": self.name, "initials": self.initials, "where": self.where}


def seen(actor: Actor, journey: Journey, where: str) -> list[Presence]:
    """Note that the actor has the map open and is writing in `where`; gives the others, by name.

    Two people noted in the same instant may overwrite each other's record; whoever is missing notes themselves again
    with the next question, a second later.
    """
    key = f"map-here:{current_tenant_id()}:{journey.pk}"
    now = time.time()
    me = str(actor.id or actor.kind)
    stored: dict[str, tuple[str, str, float]] = cache.get(key) or {}
    here = {who: record for who, record in stored.items() if now - record[2] < GONE_AFTER}
    mine = here.get(me)
    if mine is None or mine[1] != where or now - mine[2] > TOLD_AFTER:
        here[me] = (actor.name, where, now)
        cache.set(key, here, GONE_AFTER * 2)
    others = [Presence(name, initials_of(name), at) for who, (name, at, _when) in here.items() if who != me]
    return sorted(others, key=lambda person: person.name)


def initials_of(name: str) -> str:
    """One or two letters for a person's mark."""
    words = name.replace("@", " ").split()[:2]
    return "".join(word[0] for word in words).upper() or "?"
