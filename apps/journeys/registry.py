"""What upper apps add to a map: scored insights, counts on its cards and steps, pages about it, actions of its cards.

Filled from `apps/<x>/wiring.py` of the apps above (insights, opportunities, paths, workshops). Each source is asked
once for a whole map, so that a map costs the same number of queries however large it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol
from uuid import UUID

from cxm.actor import Actor


@dataclass(frozen=True)
class StepInsights:
    """What insights say of one step: the weighted mean of their scores, -2..+2, None while none is scored.

    `count` counts all insights linked to the step, `scored` those with a score; `low` and `high` are the 95 % interval
    of the mean, None under two scored ones; `newest` is the date of the newest.
    """

    score: float | None
    count: int
    scored: int
    newest: date | None
    low: float | None = None
    high: float | None = None


class InsightSource(Protocol):
    """What insights say of the steps of a map, by step id; steps without any may be missing."""

    def __call__(self, *, actor: Actor, journey_id: UUID) -> Mapping[str, StepInsights]: ...


class MarkSource(Protocol):
    """Counts by the id of a card or step of a map, such as the opportunities written from it."""

    def __call__(self, *, actor: Actor, journey_id: UUID) -> Mapping[str, int]: ...


@dataclass(frozen=True)
class Mark:
    """A count shown on cards and steps, leading to `url_name` with ?journey=<id>&card=<id> or &step=<id>."""

    name: str
    label: Any
    icon: str
    permission: str
    url_name: str
    source: MarkSource


@dataclass(frozen=True)
class MapPage:
    """A page about a map, offered beside it; `url_name` is reversed with the organisation's slug and the map's pk.

    `keeps_filters`: the filters and the version shown come along in its address.
    """

    label: Any
    icon: str
    url_name: str
    permission: str
    order: int = 50
    draft_only: bool = False
    keeps_filters: bool = False


@dataclass(frozen=True)
class CardAction:
    """An entry in the menu of the cards of a lane ("" = every lane): `url_name` with ?journey=&step=&card=."""

    label: Any
    icon: str
    url_name: str
    permission: str
    lane: str = ""


class BoardBar(Protocol):
    """What stands between a map's tools and its board, as finished HTML; "" for nothing to say of this map now."""

    def __call__(self, *, request: Any, journey_id: UUID) -> str: ...


_insights: list[InsightSource] = []
_bars: list[BoardBar] = []
MARKS: dict[str, Mark] = {}
PAGES: list[MapPage] = []
CARD_ACTIONS: list[CardAction] = []


def register_insights(source: InsightSource) -> None:
    """Say who knows what insights say of the steps of a map."""
    _insights[:] = [source]


def register_mark(mark: Mark) -> None:
    """Add a count to cards and steps."""
    MARKS[mark.name] = mark


def register_page(page: MapPage) -> None:
    """Offer a page beside the map."""
    PAGES.append(page)
    PAGES.sort(key=lambda found: found.order)


def register_card_action(action: CardAction) -> None:
    """Add an entry to the menu of cards."""
    CARD_ACTIONS.append(action)


def register_board_bar(bar: BoardBar) -> None:
    """Add a bar over the boards of maps; it brings its own script."""
    _bars.append(bar)


def board_bars(*, request: Any, journey_id: UUID) -> list[str]:
    """The bars that have something to say of this map, for the board's page. One call of each."""
    return [html for bar in _bars if (html := bar(request=request, journey_id=journey_id))]


def insights_of(*, actor: Actor, journey_id: UUID) -> Mapping[str, StepInsights]:
    """What insights say by step id; {} when nobody knows or the actor may not see insights."""
    if not _insights or not actor.can("insights.view"):
        return {}
    return _insights[0](actor=actor, journey_id=journey_id)


def marks_of(*, actor: Actor, journey_id: UUID) -> dict[str, Mapping[str, int]]:
    """Counts by mark and id, of the marks this actor may see. One call of each source."""
    return {
        mark.name: mark.source(actor=actor, journey_id=journey_id)
        for mark in MARKS.values()
        if actor.can(mark.permission)
    }


def pages_for(actor: Actor) -> list[MapPage]:
    """The pages beside a map that this actor may open, in order."""
    return [page for page in PAGES if actor.can(page.permission)]


def card_actions_for(actor: Actor) -> list[CardAction]:
    """The entries of card menus that this actor may use."""
    return [action for action in CARD_ACTIONS if actor.can(action.permission)]
