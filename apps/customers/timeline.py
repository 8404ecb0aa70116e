"""One timeline of a customer over everything that apps know. The apps above fill the registry; this reads it merged.

An app registers a source in its `wiring.py`:

    register_source("feedback", label=_("Answers"), permission="feedback.view", fetch=answers_of)

    def answers_of(wanted: Wanted) -> list[TimelineItem]:
        "The newest `wanted.limit` items of the customer that it asks for, newest first, by `(at, id)`."
        rows = Response.objects.filter(wanted.condition(time="occurred_at", channel="channel"))
        return [... for row in rows.order_by("-occurred_at", "-id")[: wanted.limit]]

A source of several kinds names them (`kinds={"call": _("Call"), ...}`) and heeds `wanted.kinds`. Kind, channel and time
are conditions of each source's own query: a filter that finds little reads little.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.customers.masking import mask_text, mask_values, may_read_unmasked
from apps.customers.models import ConsentRecord, Customer
from cxm.actor import Actor

Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened.

    `title` is a sentence, `text` what people wrote, `outcome` how it ended; `facts` are further names and values for
    the page, `data` is what the API gives. `page` is the URL name of the thing's own page, with `page_kwargs`, for
    those who hold `page_permission`. `kind_label` names one item of the kind, where the label of the source's kinds
    is a plural.
    """

    id: UUID
    kind: str
    at: datetime
    title: str
    channel: str = ""
    text: str = ""
    outcome: str = ""
    page: str = ""
    page_kwargs: dict[str, Any] = field(default_factory=dict)
    page_permission: str = ""
    icon: str = "point"
    kind_label: Any = ""
    facts: tuple[tuple[str, str], ...] = ()
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """Where it stands: by time, then by id."""
        return (self.at, self.id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a page of one customer's timeline asks of a source: the newest `limit` items older than `before`.

    `kinds` are those of the source's own that count (all, for a source of one kind); `channel` "" is any; the time lies
    in [start, end), None being open.
    """

    customer_id: UUID
    limit: int
    before: Position | None = None
    kinds: frozenset[str] = frozenset()
    channel: str = ""
    start: datetime | None = None
    end: datetime | None = None

    def condition(self, *, time: str, channel: str = "", customer: str = "customer_id") -> Q:
        """The conditions for a source that reads one table with these columns.

        Without a `channel` column nothing of the source has a channel, so a filter on one finds nothing.
        """
        found = Q(**{customer: self.customer_id}) & older_than(self.before, time_column=time)
        if self.start is not None:
            found &= Q(**{f"{time}__gte": self.start})
        if self.end is not None:
            found &= Q(**{f"{time}__lt": self.end})
        if self.channel:
            found &= Q(**{channel: self.channel}) if channel else Q(pk__in=[])
        return found


Fetch = Callable[[Wanted], list[TimelineItem]]


@dataclass(frozen=True, slots=True)
class Source:
    """What one app adds to the timeline, with the labels of its kinds, and the permission it takes to see that."""

    name: str
    kinds: Mapping[str, Any]
    permission: str
    fetch: Fetch


SOURCES: dict[str, Source] = {}


def register_source(
    name: str, *, permission: str, fetch: Fetch, label: Any = "", kinds: Mapping[str, Any] | None = None
) -> None:
    """Add a source. Every item it gives is of one of `kinds`; with `label` alone the only kind is called `name`."""
    kinds = dict(kinds or {name: label})
    taken = {kind for source in SOURCES.values() for kind in source.kinds}
    if name in SOURCES or taken & kinds.keys():
        raise ValueError(f"two timeline sources of kind {name!r}")
    SOURCES[name] = Source(name, kinds, permission, fetch)


def sources_for(actor: Actor) -> list[Source]:
    """The sources whose items the actor may see, by name."""
    return [source for _name, source in sorted(SOURCES.items()) if actor.can(source.permission)]


def kinds_for(actor: Actor) -> dict[str, Any]:
    """The kinds of items the actor may see, with their labels."""
    return {kind: label for source in sources_for(actor) for kind, label in source.kinds.items()}


def timeline_of(
    *,
    actor: Actor,
    customer: Customer,
    kinds: Iterable[str] = (),
    channel: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    before: Position | None = None,
    limit: int = 50,
) -> list[TimelineItem]:
    """The newest `limit` items older than `before`, newest first; of these kinds, this channel and [start, end).

    One query a source, of at most `limit` rows by its own index on (customer, time): a page costs the same at any
    depth. Sources that have none of the kinds are not asked. Who may not read names and numbers in what people wrote
    gets the items without them.
    """
    asked = frozenset(kinds)
    streams = []
    for source in sources_for(actor):
        of_source = asked & source.kinds.keys()
        if not asked or of_source:
            streams.append(source.fetch(Wanted(customer.pk, limit, before, of_source, channel, start, end)))
    found = list(islice(heapq.merge(*streams, key=lambda item: item.position, reverse=True), limit))
    if may_read_unmasked(actor, customer.unit_id):
        return found
    return [masked(item, lambda text: mask_text(text, (customer.name,))) for item in found]


def masked(item: TimelineItem, mask: Callable[[str], str]) -> TimelineItem:
    """The item without the names and numbers in what people wrote; ids and figures stay."""
    data = {name: mask_values(value, mask) if name in WRITTEN else value for name, value in item.data.items()}
    facts = tuple((name, mask(value)) for name, value in item.facts)
    return replace(item, text=mask(item.text), outcome=mask(item.outcome), facts=facts, data=data)


WRITTEN = frozenset({"properties", "text", "outcome"})
"""What people wrote, among the data of an item."""


def older_than(before: Position | None, *, time_column: str) -> Q:
    """The condition of a page for a source that reads one table: (time, id) before the position."""
    if before is None:
        return Q()
    at, pk = before
    return Q(**{f"{time_column}__lte": at}) & (Q(**{f"{time_column}__lt": at}) | Q(pk__lt=pk))


def consent_items(wanted: Wanted) -> list[TimelineItem]:
    """Consent given and withdrawn."""
    rows = ConsentRecord.objects.filter(wanted.condition(time="at", channel="channel"))
    return [
        TimelineItem(
            id=row.pk,
            kind="consent",
            at=row.at,
            channel="" if row.channel == ConsentRecord.Channel.ANY else row.channel,
            title=f"{row.get_purpose_display()}: {row.get_state_display()}",
            text=row.how,
            icon="shield-check",
            data={"purpose": row.purpose, "state": row.state, "channel": row.channel},
        )
        for row in rows.order_by("-at", "-id")[: wanted.limit]
    ]
