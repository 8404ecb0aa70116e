"""What upper apps link insights to. Filled from `apps/<x>/wiring.py` of the app above (opportunities)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from apps.insights.models import Insight
from cxm.actor import Actor


@dataclass(frozen=True, slots=True)
class Linked:
    """Something an insight speaks for. `url_name` is reversed with the organisation's slug and `pk`."""

    pk: UUID
    label: str
    url_name: str
    note: str = ""


class Opportunities(Protocol):
    """Who knows opportunities: which ones insights speak for, and how to say so."""

    def linked(self, insights: Collection[UUID]) -> Mapping[UUID, list[Linked]]:
        """By insight; those without any may be missing. One query."""

    def named(self, ids: Collection[UUID]) -> list[Linked]:
        """Those with these ids that there are. One query."""

    def link(self, *, actor: Actor, insight: Insight, opportunities: Collection[UUID]) -> None:
        """Make these, and no others, the ones it speaks for. Raises DomainError naming `opportunities`."""


_known: list[Opportunities] = []


def register_opportunities(known: Opportunities) -> None:
    """Say who knows them."""
    _known[:] = [known]


def opportunities_of(actor: Actor, insights: Collection[UUID]) -> Mapping[UUID, list[Linked]]:
    """The opportunities that insights speak for, by insight; {} for an actor who may not see opportunities."""
    if not _known or not insights or not actor.can("opportunities.view"):
        return {}
    return _known[0].linked(insights)


def opportunities_by_id(actor: Actor, ids: Collection[UUID]) -> list[Linked]:
    """Those of these opportunities that there are, for an actor who may see opportunities."""
    return _known[0].named(ids) if _known and ids and actor.can("opportunities.view") else []


def link_opportunities(*, actor: Actor, insight: Insight, opportunities: Collection[UUID]) -> None:
    """Set the opportunities that an insight speaks for."""
    for known in _known:
        known.link(actor=actor, insight=insight, opportunities=opportunities)
