"""Whether the promise made at a touchpoint was kept, customer by customer.

Every start event of a known customer in the window is one promise made. It is kept when the keeping event of the same
customer follows (at the same time or later, another event than the start itself) within the limit, both ends in;
broken when the limit has passed without one; open while it can still be kept. Rule `promise.kept.v1`: kept / (kept +
broken), in percent with Wilson's interval; the open ones count on neither side. One event can keep several promises.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.customers.queries import customers
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.partitions import EPOCH, lowest_id
from cxm.scope import current_tenant_id
from cxm.statistics import wilson_bounds

RULE: Final = "promise.kept.v1"
MOST_BROKEN: Final = 50
FEW: Final = 30
ANECDOTE: Final = 10


@dataclass(frozen=True, slots=True)
class Share:
    """A share in percent in the shape of every number of the product; None while nothing is decided."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    rule: str = RULE
    unit: str = "percent"
    suppressed: bool = False

    @property
    def reliability(self) -> str:
        return "anecdote" if self.n < ANECDOTE else "weak" if self.n < FEW else "usable"

    def as_json(self) -> dict[str, Any]:
        """The shape promised to outsiders."""
        numbers = {name: getattr(self, name) for name in ("value", "low", "high")}
        return {
            **{name: None if value is None else round(value, 4) for name, value in numbers.items()},
            "n": self.n,
            "rule": self.rule,
            "unit": self.unit,
            "reliability": self.reliability,
            "suppressed": self.suppressed,
        }


@dataclass(frozen=True, slots=True)
class Kept:
    """How often a promise was made, kept, broken, and can still be kept; the median time of those kept in seconds."""

    made: int
    kept: int
    broken: int
    open: int
    median_seconds: float | None

    @property
    def share(self) -> Share:
        decided = self.kept + self.broken
        if not decided:
            return Share(None, None, None, 0)
        low, high = wilson_bounds(self.kept, decided)
        return Share(100 * self.kept / decided, 100 * low, 100 * high, decided)


@dataclass(frozen=True, slots=True)
class BrokenPromise:
    """A promise that was not kept in time; `kept_at` when it was kept too late, None when not at all so far."""

    customer: Customer
    interaction_id: UUID
    made_at: datetime
    due_at: datetime
    kept_at: datetime | None


# Every start and keeping event is read once, by the index on event and id; ids sort by time. One pass over each
# customer's events, newest first, knows for each the first keeping event at or after it: a frame whose end alone moves
# costs one step a row.
_STATES: Final = """
    WITH promise AS (
        SELECT * FROM unnest(%(touchpoints)s::uuid[], %(start_events)s::text[], %(start_wheres)s::jsonb[],
                             %(kept_events)s::text[], %(kept_wheres)s::jsonb[], %(within)s::float8[], %(last)s::uuid[])
                      AS p(touchpoint, start_event, start_where, kept_event, kept_where, seconds, last)
    ), wanted AS (
        SELECT start_event AS event, promise.* FROM promise
        UNION ALL SELECT kept_event, promise.* FROM promise WHERE kept_event <> start_event
    ), seen AS (
        SELECT p.touchpoint, p.seconds, i.id, i.customer_id, i.occurred_at AS at,
               i.event = p.start_event AND i.properties @> p.start_where AND i.id < %(end)s AS is_start,
               i.event = p.kept_event AND i.properties @> p.kept_where AS is_kept
          FROM wanted p
          JOIN interactions_interaction i ON i.event = p.event AND i.id < p.last
         WHERE i.tenant_id = %(tenant)s AND i.event = ANY(%(events)s::text[]) AND i.customer_id IS NOT NULL
           AND i.id >= %(first)s AND i.id < %(latest)s {of_customers}
    ), told AS (
        SELECT touchpoint, seconds, id, customer_id, at, is_start, {kept_at} AS kept_at
          FROM seen WHERE is_start OR is_kept
    ), dated AS (
        SELECT touchpoint, id, customer_id, at, at + seconds * interval '1 second' AS due, kept_at
          FROM told WHERE is_start
    ), decided AS (
        SELECT dated.*, CASE WHEN kept_at <= due THEN 'kept' WHEN due < %(now)s THEN 'broken' ELSE 'open' END AS state
          FROM dated
    )
"""
_FIRST_KEPT: Final = """min(at) FILTER (WHERE is_kept) OVER (
    PARTITION BY touchpoint, customer_id ORDER BY at DESC RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)"""
# A start that keeps as well must not keep itself: then another one at the same time does, or the first of a later time.
_FIRST_OTHER_KEPT: Final = f"""
    CASE WHEN is_kept AND count(*) FILTER (WHERE is_kept) OVER (PARTITION BY touchpoint, customer_id, at) = 1
         THEN min(at) FILTER (WHERE is_kept) OVER (
                  PARTITION BY touchpoint, customer_id ORDER BY at DESC
                  GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
         ELSE {_FIRST_KEPT} END"""
_COUNTS: Final = """
    SELECT touchpoint, count(*), count(*) FILTER (WHERE state = 'kept'), count(*) FILTER (WHERE state = 'broken'),
           count(*) FILTER (WHERE state = 'open'),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM kept_at - at)) FILTER (WHERE state = 'kept')
      FROM decided GROUP BY touchpoint
"""
_BROKEN: Final = """
    SELECT id, customer_id, at, due, kept_at FROM decided
     WHERE state = 'broken' {of_units} ORDER BY at DESC, id DESC LIMIT %(limit)s
"""
_OF_UNITS: Final = """AND EXISTS (
    SELECT 1 FROM customers_customer c WHERE c.tenant_id = %(tenant)s AND c.id = decided.customer_id
       AND c.unit_id = ANY(%(units)s::uuid[]))"""


def promises_kept(
    touchpoints: Collection[Touchpoint],
    *,
    start: datetime | None,
    end: datetime | None,
    at: datetime | None = None,
    customer_id: UUID | None = None,
) -> dict[UUID, Kept]:
    """How the promises made at these touchpoints in [start, end) went, as known `at` a time (now when None).

    By touchpoint id; those without a promise are missing. With `customer_id` of one customer alone. One statement for
    any number of touchpoints, which reads each start and keeping event of the window once.
    """
    made = [row for row in touchpoints if row.promise]
    if not made:
        return {}
    found = {row.pk: Kept(0, 0, 0, 0, None) for row in made}
    of_one = "AND i.customer_id = %(customer)s" if customer_id else ""
    values = {**_values(made, start, end, at), "customer": str(customer_id) if customer_id else None}
    with connection.cursor() as cursor:
        cursor.execute(_states(made, of_one) + _COUNTS, values)
        for touchpoint, made_n, kept, broken, still_open, median in cursor.fetchall():
            found[touchpoint] = Kept(made_n, kept, broken, still_open, None if median is None else float(median))
    return found


def broken_promises(
    touchpoint: Touchpoint,
    *,
    actor: Actor,
    start: datetime | None,
    end: datetime | None,
    at: datetime | None = None,
    limit: int = MOST_BROKEN,
) -> list[BrokenPromise]:
    """The newest broken promises made in [start, end) to customers whom the actor may see, newest first.

    Nothing for actors without customers.view. Two queries.
    """
    if not touchpoint.promise or not actor.can("customers.view"):
        return []
    units = actor.visible_units("customers.view")
    values = _values([touchpoint], start, end, at) | {
        "limit": limit,
        "units": [str(unit) for unit in units or ()],
    }
    of_units = "" if units is None else _OF_UNITS
    with connection.cursor() as cursor:
        cursor.execute(_states([touchpoint]) + _BROKEN.format(of_units=of_units), values)
        rows = cursor.fetchall()
    people = customers(actor).in_bulk({row[1] for row in rows}) if rows else {}
    return [
        BrokenPromise(people[customer_id], interaction_id, made_at, due_at, kept_at)
        for interaction_id, customer_id, made_at, due_at, kept_at in rows
        if customer_id in people
    ]


def starts_with(touchpoint: Touchpoint) -> dict[str, Any] | None:
    """The event that makes the promise: its own, else the touchpoint's."""
    promise = touchpoint.promise or {}
    return promise.get("start") or touchpoint.event_match


def _states(touchpoints: Collection[Touchpoint], of_customers: str = "") -> str:
    """The part of a statement that decides every promise; simpler where no event can both make and keep one."""
    can_be_both = any(
        (starts_with(row) or {}).get("event") == (row.promise or {})["kept"]["event"] for row in touchpoints
    )
    return _STATES.format(of_customers=of_customers, kept_at=_FIRST_OTHER_KEPT if can_be_both else _FIRST_KEPT)


def _values(
    touchpoints: Collection[Touchpoint], start: datetime | None, end: datetime | None, at: datetime | None
) -> dict[str, Any]:
    moment = at or now()
    until = end or moment + timedelta(days=1)
    matches = [(row, starts_with(row) or {"event": "", "where": {}}, row.promise or {}) for row in touchpoints]
    last = [str(lowest_id(_later(until, promise["within_seconds"]))) for _row, _match, promise in matches]
    return {
        "events": sorted({event for _row, match, made in matches for event in (match["event"], made["kept"]["event"])}),
        "latest": max(last),
        "touchpoints": [str(row.pk) for row, _match, _promise in matches],
        "start_events": [match["event"] for _row, match, _promise in matches],
        "start_wheres": [json.dumps(match.get("where") or {}) for _row, match, _promise in matches],
        "kept_events": [promise["kept"]["event"] for _row, _match, promise in matches],
        "kept_wheres": [json.dumps(promise["kept"].get("where") or {}) for _row, _match, promise in matches],
        "within": [float(promise["within_seconds"]) for _row, _match, promise in matches],
        "last": last,
        "tenant": str(current_tenant_id()),
        "first": str(lowest_id(start or EPOCH)),
        "end": str(lowest_id(until)),
        "now": moment,
    }


def _later(moment: datetime, seconds: int) -> datetime:
    """After which no event can keep a promise made before `moment`; late keeping is shown for as long again."""
    try:
        return moment + timedelta(seconds=2 * seconds, milliseconds=1)
    except OverflowError:
        return moment
