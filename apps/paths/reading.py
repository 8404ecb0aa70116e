"""Reading visits from the interactions: as binary rows of a fixed width, which become arrays without a loop.

Rows of events whose matchers ask for no property are read in the index (tenant, event, id) alone. Ids hold the time to
the millisecond and the order of a file, so nothing else is needed (docs/adr/0188).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import pairwise
from typing import Any, BinaryIO, Final, cast
from uuid import UUID

import numpy as np
import numpy.typing as npt
from django.db import connection, transaction

from apps.interactions.event_queries import time_of
from apps.paths.counting import Visits
from apps.paths.definition import Definition, Matcher, Scope, by_event
from cxm.channels import Channel
from cxm.partitions import EPOCH, lowest_id
from cxm.scope import current_tenant_id

CHANNELS: Final = [str(value) for value in Channel.values]
LAST: Final = datetime(9999, 12, 31, tzinfo=UTC)
HEADER, TRAILER = 19, 2
"""Bytes that PostgreSQL's binary COPY writes before and after the rows."""

ROW: Final = np.dtype(
    [
        ("columns", ">i2"),
        ("l1", ">i4"), ("customer_high", ">u8"), ("customer_low", ">u8"),
        ("l2", ">i4"), ("id_high", ">u8"), ("id_low", ">u8"),
        ("l3", ">i4"), ("place", ">i2"),
        ("l4", ">i4"), ("channel", ">i2"),
    ]
)  # fmt: skip
PEOPLE: Final = np.dtype([("columns", ">i2"), ("l1", ">i4"), ("high", ">u8"), ("low", ">u8")])

Rows = npt.NDArray[Any]


def parameters(scope: Scope) -> dict[str, Any]:
    """The values that the conditions of a scope refer to."""
    return {
        "tenant": str(current_tenant_id()),
        "first": str(lowest_id(scope.start or EPOCH)),
        "end": str(lowest_id(scope.end or LAST)),
        "channels": list(scope.channels or ()),
        "units": list(scope.units or ()),
        **{f"segments{number}": list(group) for number, group in enumerate(scope.populations)},
    }


def conditions(scope: Scope) -> str:
    """The condition that interaction `i` lies in a scope; segments are those the customer belongs to now."""
    parts = ["i.tenant_id = %(tenant)s", "i.id >= %(first)s::uuid", "i.id < %(end)s::uuid"]
    if scope.channels is not None:
        parts.append("i.channel = ANY(%(channels)s)")
    if scope.units is not None:
        parts.append("i.unit_id = ANY(%(units)s::uuid[])")
    parts += [
        "i.customer_id IN (SELECT m.customer_id FROM segments_segmentmember m"
        f" WHERE m.tenant_id = %(tenant)s AND m.segment_id = ANY(%(segments{number})s::uuid[]))"
        for number in range(len(scope.populations))
    ]
    return " AND ".join(parts)


def count_up_to(most: int, scope: Scope) -> int:
    """How many interactions there are in the window, counted no further than `most`. One query over the index."""
    window = "i.tenant_id = %(tenant)s AND i.id >= %(first)s::uuid AND i.id < %(end)s::uuid"
    sql = f"SELECT count(*) FROM (SELECT FROM interactions_interaction i WHERE {window} LIMIT %(most)s) few"
    with connection.cursor() as cursor:
        cursor.execute(sql, {**parameters(scope), "most": most})
        return int(cursor.fetchone()[0])


def slices(scope: Scope, number: int) -> list[Scope]:
    """The scope cut into windows of equal length between the first and the last interaction. Two index look-ups."""
    ends: list[UUID | None] = []
    window = "tenant_id = %(tenant)s AND id >= %(first)s::uuid AND id < %(end)s::uuid"
    with connection.cursor() as cursor:
        for order in ("id", "id DESC"):
            cursor.execute(
                f"SELECT id FROM interactions_interaction WHERE {window} ORDER BY {order} LIMIT 1", parameters(scope)
            )
            row = cursor.fetchone()
            ends.append(row[0] if row else None)
    if ends[0] is None or ends[1] is None:
        return [scope]
    first, last = time_of(ends[0]), time_of(ends[1]) + timedelta(milliseconds=1)
    edges = [first + (last - first) * part / number for part in range(number)] + [last]
    return [
        Scope(start, end, scope.populations, scope.channels, scope.units)
        for start, end in pairwise(edges)
        if start < end
    ]


def copy_visits(
    definition: Definition,
    scope: Scope,
    into: BinaryIO,
    *,
    channels: bool = False,
    only: Collection[int] | None = None,
) -> None:
    """Write the visits of a scope (at `only` these places) as binary rows. One statement.

    With `channels`, which the index does not hold, it reads the rows themselves.
    """
    values = {**parameters(scope), "only": list(only or ())}
    plain: list[tuple[str, list[int]]] = []
    conditional: list[tuple[str, list[int]]] = []
    for event, numbers in by_event(definition.places).items():
        if only is not None and not set(numbers) & set(only):
            continue
        (conditional if any(definition.places[one].where for one in numbers) else plain).append((event, numbers))
    parts = []
    if plain:
        values |= {"events": [event for event, _numbers in plain], "codes": [numbers[0] for _event, numbers in plain]}
        number = "(%(codes)s::smallint[])[array_position(%(events)s::text[], i.event::text)]"
        parts.append((number, "i.event = ANY(%(events)s)"))
    if conditional:
        values["asked"] = [event for event, _numbers in conditional]
        parts.append((_cases(conditional, definition.places, values), "i.event = ANY(%(asked)s)"))
    channel = _channel_number(values) if channels else "0::smallint"
    selects = [
        f"SELECT i.customer_id, i.id, {number} AS place, {channel} AS channel"
        f" FROM interactions_interaction i WHERE {conditions(scope)} AND i.customer_id IS NOT NULL AND {which}"
        for number, which in parts
    ]
    if selects:
        wanted = "v.place IS NOT NULL" if only is None else "v.place = ANY(%(only)s::smallint[])"
        _copy(f"SELECT * FROM ({' UNION ALL '.join(selects)}) v WHERE {wanted}", values, into)


def _channel_number(values: dict[str, Any]) -> str:
    """The number of an interaction's channel in `CHANNELS`, -1 where it has another."""
    values["all_channels"] = CHANNELS
    return "(coalesce(array_position(%(all_channels)s::text[], i.channel::text), 0) - 1)::smallint"


def _cases(asked: Sequence[tuple[str, list[int]]], matchers: Sequence[Matcher], values: dict[str, Any]) -> str:
    """The number of the place that an event with conditions stands for, NULL for none."""
    whens = []
    for row, (event, numbers) in enumerate(asked):
        values[f"event{row}"] = event
        for number in numbers:
            values[f"where{number}"] = json.dumps(dict(matchers[number].where))
            fits = f" AND i.properties @> %(where{number})s::jsonb" if matchers[number].where else ""
            whens.append(f"WHEN i.event = %(event{row})s{fits} THEN {number}")
    return f"(CASE {' '.join(whens)} END)::smallint"


def _copy(sql: str, values: dict[str, Any], into: BinaryIO) -> None:
    connection.ensure_connection()
    connection.announce_now()  # type: ignore[attr-defined]
    with connection.connection.cursor() as raw:
        text = raw.mogrify(sql, values).decode()
        raw.copy_expert(f"COPY ({text}) TO STDOUT (FORMAT binary)", into)


def rows_in(data: bytes | memoryview) -> Rows:
    """The rows of one COPY."""
    if len(data) <= HEADER + TRAILER:
        return np.zeros(0, ROW)
    return np.frombuffer(data, ROW, count=(len(data) - HEADER - TRAILER) // ROW.itemsize, offset=HEADER)


def visits_of(rows: Rows) -> Visits:
    """Rows as arrays of the machine's own order of bytes."""
    return Visits(
        customer_high=rows["customer_high"].astype(np.uint64),
        customer_low=rows["customer_low"].astype(np.uint64),
        id_high=rows["id_high"].astype(np.uint64),
        id_low=rows["id_low"].astype(np.uint64),
        place=rows["place"].astype(np.int16),
    )


def members_of(segment_ids: Sequence[UUID]) -> dict[UUID, Rows]:
    """The members of each segment as pairs of halves of their ids. One statement a segment."""
    found = {}
    for pk in segment_ids:
        data = BytesIO()
        _copy(
            "SELECT customer_id FROM segments_segmentmember WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s",
            {"tenant": str(current_tenant_id()), "segment": str(pk)},
            data,
        )
        text = data.getbuffer()
        found[pk] = np.frombuffer(text, PEOPLE, count=(len(text) - HEADER - TRAILER) // PEOPLE.itemsize, offset=HEADER)
    return found


# ---------------------------------------------------------------------------------------------------------------------
# Beside the path


def anonymous_visits(definition: Definition) -> int:
    """Visits of people whom nobody knows: they are not counted. One query."""
    if not definition.places or definition.scope.is_narrowed:
        return 0
    values = parameters(definition.scope)
    fits = _fits(definition.places, values)
    sql = f"SELECT count(*) FROM interactions_interaction i WHERE {conditions(definition.scope)}"
    return _scalar(f"{sql} AND i.customer_id IS NULL AND ({fits})", values)


def off_the_map(definition: Definition) -> tuple[list[tuple[str, int]], list[tuple[str, str, int]]]:
    """Events that no touchpoint claims, and those of touchpoints elsewhere (event, key), by volume.

    Counts interactions of everybody in the scope, of visitors as well. One query over the index; another one where
    matchers ask for properties.
    """
    matchers = [*definition.places, *definition.library]
    whole = {one.event for one in matchers if not one.where}
    partly = sorted({one.event for one in matchers} - whole)
    placed = {one.event for one in definition.places if not one.where}
    elsewhere = {one.event: one.key for one in reversed(definition.library) if not one.where}
    values = {**parameters(definition.scope), "placed": sorted(placed), "partly": partly}
    where = conditions(definition.scope)
    grouped = "SELECT i.event, count(*) FROM interactions_interaction i WHERE"
    plain = f"{grouped} {where} AND i.event <> ALL(%(placed)s) AND i.event <> ALL(%(partly)s) GROUP BY i.event"
    counts = _pairs(plain, values)
    unclaimed = [(event, n) for event, n in counts if event not in elsewhere]
    claimed = [(event, elsewhere[event], n) for event, n in counts if event in elsewhere]
    if partly:
        asked = [one for one in matchers if one.event in partly]
        rest = f"{grouped} {where} AND i.event = ANY(%(partly)s) AND NOT ({_fits(asked, values)}) GROUP BY i.event"
        unclaimed += _pairs(rest, values)
    return sorted(unclaimed, key=lambda one: (-one[1], one[0])), sorted(claimed, key=lambda one: (-one[2], one[0]))


def _fits(matchers: Sequence[Matcher], values: dict[str, Any]) -> str:
    """The condition that one of the matchers fits."""
    plain = sorted({one.event for one in matchers if not one.where})
    values["plain"] = plain
    parts = ["i.event = ANY(%(plain)s)"] if plain else []
    for number, one in enumerate(matchers):
        if one.where:
            values |= {f"fe{number}": one.event, f"fw{number}": json.dumps(dict(one.where))}
            parts.append(f"(i.event = %(fe{number})s AND i.properties @> %(fw{number})s::jsonb)")
    return " OR ".join(parts)


def _scalar(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.fetchone()[0])


def _pairs(sql: str, values: dict[str, Any]) -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cast("list[tuple[str, int]]", cursor.fetchall())


@contextmanager
def one_moment(seconds: float) -> Iterator[None]:
    """All statements inside see the same moment, and each is given up after so many seconds (OperationalError)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute(
                f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}; SET LOCAL jit = off;"
                " SET LOCAL work_mem = '64MB'"
            )
        yield
