"""Counting a question from the interactions: at once where it is small, by a worker with progress where it is not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from tempfile import TemporaryFile
from typing import Any, Final

import numpy as np
from django.utils.timezone import now

from apps.paths.between import Handovers, conversion_of, entrants, is_among, joined
from apps.paths.counting import Tally, walks_of
from apps.paths.definition import Definition
from apps.paths.models import PathReport
from apps.paths.reading import (
    CHANNELS,
    HEADER,
    ROW,
    TRAILER,
    Rows,
    anonymous_visits,
    copy_visits,
    members_of,
    off_the_map,
    rows_in,
    slices,
    visits_of,
)
from apps.paths.results import as_result
from apps.segments.models import Segment
from cxm.ids import milliseconds

Progress = Callable[[float], None]
"""Told how much is done, 0..1, between statements; may raise to stop."""

SLICES: Final = 20
PORTION: Final = 1_500_000
"""Visits that are put in order at a time: about 200 MB of memory."""
MOST_SEGMENTS: Final = 12
READING: Final = 0.6
"""How much of the work reading is."""


def compute(kind: str, definition: Definition, *, progress: Progress | None = None) -> dict[str, Any]:
    """The numbers of a question. Inside a transaction. With `progress` it reads in slices and spools to a file.

    Memory: a portion of visits, 8 bytes for every step from one visit to the next, and one entry for every different
    whole walk.
    """
    return _KINDS[kind](definition, progress)


def _paths(definition: Definition, progress: Progress | None) -> dict[str, Any]:
    tally = Tally(len(definition.places), definition.route)
    for rows in _portions(definition, progress):
        tally.add(walks_of(visits_of(rows)))
    unclaimed, elsewhere = off_the_map(definition)
    return as_result(
        tally, definition, anonymous=anonymous_visits(definition), unclaimed=unclaimed, elsewhere=elsewhere
    )


def _conversion(definition: Definition, progress: Progress | None) -> dict[str, Any]:
    """From the first visit at one place to another place within so many days, by channel and segment."""
    source, target, days = (definition.question[name] for name in ("source", "target", "days"))
    window = definition.scope
    longer = window.end + timedelta(days=days, milliseconds=1) if window.end and window.end.year < 9000 else None
    wider = replace(definition, scope=replace(window, end=longer))
    parts = []
    for rows in _portions(wider, progress, channels=True, only={source, target}):
        walks = walks_of(visits_of(rows))
        ordered = rows[walks.order]
        people = (ordered["customer_high"].astype(np.uint64), ordered["customer_low"].astype(np.uint64))
        before = milliseconds(window.end) if window.end else None
        channel = _channels(definition, walks.place, ordered["channel"].astype(np.int64))
        parts.append(entrants(walks, channel, people, source=source, target=target, days=days, before=before))
    if not parts:
        return {"all": None, "channels": [], "segments": []}
    found, at = joined(parts), milliseconds(now())
    segments = _largest_segments()
    members = members_of([segment.pk for segment in segments])
    return {
        "all": conversion_of(found, days=days, now=at),
        "channels": [
            {"channel": CHANNELS[number], **conversion_of(found, days=days, now=at, among=found.channel == number)}
            for number in np.unique(found.channel).tolist()
        ],
        "segments": [
            {
                "segment": str(segment.pk),
                "name": segment.name,
                **conversion_of(found, days=days, now=at, among=is_among(found, members[segment.pk])),
            }
            for segment in segments
        ],
    }


def _largest_segments() -> list[Segment]:
    return list(Segment.objects.filter(size__gt=0).order_by("-size", "pk")[:MOST_SEGMENTS])


def _handovers(definition: Definition, progress: Progress | None) -> dict[str, Any]:
    """From channel to channel between a customer's visits."""
    found = Handovers(len(CHANNELS))
    for rows in _portions(definition, progress, channels=True):
        walks = walks_of(visits_of(rows))
        found.add(walks, _channels(definition, walks.place, rows["channel"][walks.order].astype(np.int64)))
    return {"cells": found.cells(CHANNELS)}


def _channels(definition: Definition, place: Any, said: Any) -> Any:
    """The channel of each visit: that of the interaction, or where it says none of its own, the touchpoint's."""
    other = CHANNELS.index("other")
    usual = np.array([CHANNELS.index(name) if name in CHANNELS else other for name in definition.channels], np.int64)
    return np.where((said < 0) | (said == other), usual[place], said)


_KINDS: Final[dict[str, Callable[[Definition, Progress | None], dict[str, Any]]]] = {
    PathReport.Kind.PATHS: _paths,
    PathReport.Kind.CONVERSION: _conversion,
    PathReport.Kind.HANDOVERS: _handovers,
}


def _portions(
    definition: Definition,
    progress: Progress | None,
    *,
    channels: bool = False,
    only: Collection[int] | None = None,
) -> Iterator[Rows]:
    """The visits, some customers at a time with all of theirs; nothing where nothing matches."""
    if not definition.places:
        return
    if progress is None:
        data = BytesIO()
        copy_visits(definition, definition.scope, data, channels=channels, only=only)
        rows = rows_in(data.getbuffer())
        if len(rows):
            yield rows
        return
    with TemporaryFile() as file:
        parts: list[Rows] = []
        windows = slices(definition.scope, SLICES)
        for number, scope in enumerate(windows):
            progress(READING * number / len(windows))
            start = file.tell()
            copy_visits(definition, scope, file, channels=channels, only=only)
            file.flush()
            size = file.tell() - start
            n = max(0, size - HEADER - TRAILER) // ROW.itemsize
            if n:
                parts.append(np.memmap(file, ROW, "r", offset=start + HEADER, shape=(n,)))
        yield from _by_customer(parts, progress)


def _by_customer(parts: list[Rows], progress: Progress) -> Iterator[Rows]:
    """The rows of all parts by customer: those whose id leaves one rest after another."""
    total = sum(len(part) for part in parts)
    portions = -(-total // PORTION)
    for rest in range(portions):
        progress(READING + (0.95 - READING) * rest / portions)
        if portions == 1:
            yield np.concatenate(parts)
        else:
            yield np.concatenate([part[part["customer_low"] % portions == rest] for part in parts])


def populations_of(definition: Definition) -> dict[str, int]:
    """The revisions of the segments a question looks at: a changed one makes another answer. One query, or none."""
    ids = {pk for group in definition.scope.populations for pk in group}
    if not ids:
        return {}
    return {str(pk): n for pk, n in Segment.objects.filter(pk__in=ids).values_list("pk", "revision")}
