"""What stands around a map's content on its board: names of owners, counts of upper apps, pages and menus beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch
from django.utils import timezone

from apps.journeys import queries, registry
from apps.journeys.addresses import map_base
from apps.journeys.content import MapContent, iter_steps
from apps.journeys.map_filters import filters_of
from apps.journeys.models import Journey
from apps.journeys.people import Person, named
from apps.journeys.queries import MapView
from apps.touchpoints.periods import with_usual_period
from cxm.actor import Actor
from cxm.web.http import MemberRequest
from cxm.web.urls import org_url


@dataclass(frozen=True)
class MarkShown:
    """A count on a card or step and what it leads to."""

    label: Any
    icon: str
    count: int
    url: str


@dataclass(frozen=True)
class Around:
    """Names and counts by id, read at once for a whole map; `base` is the map's address."""

    base: str = ""
    journey: str = ""
    people: Mapping[str, Person] = field(default_factory=dict)
    marks: list[tuple[registry.Mark, str, Mapping[str, int]]] = field(default_factory=list)
    today: date = date.min

    def person(self, identifier: str | None) -> Person | None:
        """The owner with this id."""
        return self.people.get(identifier or "")

    def marks_on(self, what: str, identifier: str) -> list[MarkShown]:
        """The counts on a `card` or `step`."""
        return [
            MarkShown(mark.label, mark.icon, count, f"{url}?{urlencode({'journey': self.journey, what: identifier})}")
            for mark, url, counts in self.marks
            if (count := counts.get(identifier, 0))
        ]

    def picture(self, image: str) -> str:
        """The address of a stored picture; "" without one."""
        return f"{self.base}pictures/{image.rpartition('/')[2].removesuffix('.webp')}/" if image else ""

    def is_overdue(self, review_date: str | None) -> bool:
        """Whether a review should have been held before today."""
        return bool(review_date) and date.fromisoformat(review_date or "") < self.today


@dataclass(frozen=True)
class Entry:
    """A link in a menu; `lane` is the only one whose cards have it, "" for all."""

    label: Any
    icon: str
    url: str
    lane: str = ""


def read_around(request: MemberRequest, view: MapView) -> Around:
    """Everything around this map for this reader. One query while there are owners, and those of the marks."""
    actor, journey = request.actor, view.journey
    counts = registry.marks_of(actor=actor, journey_id=journey.pk)
    marks = [
        (registry.MARKS[name], url, found)
        for name, found in counts.items()
        if (url := _url(request, registry.MARKS[name].url_name))
    ]
    return Around(
        base=map_base(request, journey),
        journey=str(journey.pk),
        people=named(_owners(view.content)),
        marks=marks,
        today=timezone.localdate(),
    )


def pages_beside(request: MemberRequest, journey: Journey, *, is_draft: bool) -> list[Entry]:
    """The pages of upper apps about this map that its reader may open."""
    found = []
    kept = filters_of(with_usual_period(request.GET))
    if request.GET.get("version"):
        kept["version"] = request.GET["version"]
    query = kept.urlencode()
    for page in registry.pages_for(request.actor):
        url = _url(request, page.url_name, pk=journey.pk)
        if url and (is_draft or not page.draft_only):
            found.append(Entry(page.label, page.icon, f"{url}?{query}" if page.keeps_filters and query else url))
    return found


def card_entries(request: MemberRequest) -> list[Entry]:
    """What upper apps add to the menu of cards; the board adds which card it is."""
    return [
        Entry(action.label, action.icon, url, action.lane)
        for action in registry.card_actions_for(request.actor)
        if (url := _url(request, action.url_name))
    ]


def other_kind(actor: Actor, journey: Journey) -> Journey | None:
    """The map on the other side of "As is" and "To be" that the actor may see; None when there is none. One query."""
    if not actor.can("journeys.view"):
        return None
    rows = queries.journeys(actor).filter(archived_at=None)
    if journey.kind == Journey.Kind.TO_BE:
        return rows.filter(pk=journey.as_is_id).first() if journey.as_is_id else None
    return rows.filter(as_is=journey).order_by("-updated_at", "pk").first()


def _owners(content: MapContent) -> set[str | None]:
    steps = list(iter_steps(content["stages"]))
    return {step["owner"] for step in steps} | {card["owner"] for step in steps for card in step["cards"]}


def _url(request: MemberRequest, name: str, **parts: Any) -> str:
    """The address of a page of an upper app; "" where that app is not installed."""
    try:
        return org_url(request.organization, name, **parts)
    except NoReverseMatch:
        return ""
