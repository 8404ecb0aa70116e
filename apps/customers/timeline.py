"""One timeline of a customer over everything that apps know. The apps above fill the registry; this reads it merged.

An app registers a source in its `wiring.py`:

    register_source("feedback", label=_("Answers"), permission="feedback.view", fetch=answers_of)

    def answers_of(customer_id: UUID, before: Position | None, limit: int) -> list[TimelineItem]:
        "The newest `limit` items older than `before` (by `(at, id)`), newest first."
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.customers.models import ConsentRecord
from cxm.actor import Actor

Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class TimelineItem:
    """One thing that happened. `title` is a sentence, `text` what people wrote, `page` the URL name of its page."""

    id: UUID
    kind: str
    at: datetime
    title: str
    channel: str = ""
    text: str = ""
    page: str = ""
    page_kwargs: dict[str, Any] = field(default_factory=dict)
    icon: str = "point"
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def position(self) -> Position:
        """Where it stands: by time, then by id."""
        return (self.at, self.id)


Fetch = Callable[[UUID, Position | None, int], list[TimelineItem]]


@dataclass(frozen=True, slots=True)
class Source:
    """What one app adds to the timeline, and the permission it takes to see that."""

    kind: str
    label: Any
    permission: str
    fetch: Fetch


SOURCES: dict[str, Source] = {}


def register_source(kind: str, *, label: Any, permission: str, fetch: Fetch) -> None:
    """Add a source. Every item it gives has this `kind`."""
    if kind in SOURCES:
        raise ValueError(f"two timeline sources of kind {kind!r}")
    SOURCES[kind] = Source(kind, label, permission, fetch)


def sources_for(actor: Actor) -> list[Source]:
    """The sources whose items the actor may see, by kind."""
    return [source for _kind, source in sorted(SOURCES.items()) if actor.can(source.permission)]


def timeline_of(
    *,
    actor: Actor,
    customer_id: UUID,
    kinds: Iterable[str] = (),
    channel: str = "",
    before: Position | None = None,
    limit: int = 50,
) -> list[TimelineItem]:
    """The newest `limit` items older than `before`, newest first; of these kinds and this channel when given.

    Each source reads at most `limit` rows by its own index on (customer, time), so a page costs the same at any depth.
    With a channel a source is read on in steps of `limit` until the page is full or it has no more.
    """
    wanted = frozenset(kinds)
    chosen = [source for source in sources_for(actor) if not wanted or source.kind in wanted]
    streams = [read_source(source, customer_id, before, limit, channel) for source in chosen]
    return list(islice(heapq.merge(*streams, key=lambda item: item.position, reverse=True), limit))


def read_source(
    source: Source, customer_id: UUID, before: Position | None, limit: int, channel: str
) -> Iterable[TimelineItem]:
    """The items of one source, newest first, read in steps as far as they are asked for."""
    while True:
        items = source.fetch(customer_id, before, limit)
        yield from (item for item in items if not channel or item.channel == channel)
        if len(items) < limit:
            return
        before = items[-1].position


def older_than(before: Position | None, *, time_column: str) -> Q:
    """The condition of a page for a source that reads one table: (time, id) before the position."""
    if before is None:
        return Q()
    at, pk = before
    return Q(**{f"{time_column}__lte": at}) & (Q(**{f"{time_column}__lt": at}) | Q(pk__lt=pk))


def consent_items(customer_id: UUID, before: Position | None, limit: int) -> list[TimelineItem]:
    """Consent given and withdrawn."""
    rows = ConsentRecord.objects.filter(older_than(before, time_column="at"), customer_id=customer_id)
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
        for row in rows.order_by("-at", "-id")[:limit]
    ]
