"""Real paths: everything a map shows of them, against the bare SQL of its edges and against DuckDB on parquet.

The limits count the edges alone (n, customers, median); ours also counts whole walks, who follows, skips, loops and
stops, quartiles, and the events that no touchpoint claims.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from django.db import connection, transaction
from django.utils.timezone import now

from apps.organizations.models import Organization
from apps.paths.computing import compute
from apps.paths.definition import Definition, Matcher, Scope
from apps.paths.reading import one_moment
from benchmarks import Row, seconds, settle
from benchmarks.segments import CUSTOMERS
from cxm.scope import current_tenant_id, tenant

EVENTS = tuple(f"Event {number}" for number in range(12))
PLACES = 8
"""Of twelve events, eight are met on the map."""
A_YEAR = 365 * 86_400
TURNS = 3
_EVENTS = """
    INSERT INTO interactions_interaction (tenant_id, id, customer_id, identity_id, kind, event, channel, occurred_at,
                                          recorded_at, is_time_received, properties, context, source)
    SELECT %(tenant)s,
           (lpad(to_hex((extract(epoch FROM e.at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(e.n::text), 1, 3) || '8' || substr(md5(e.n::text || 'x'), 1, 15))::uuid,
           c.ids[1 + e.who], NULL, 'event',
           (%(names)s::text[])[1 + ((e.n / %(customers)s) * 7 + abs(hashint8(e.n)) %% 3) %% 12], 'web',
           e.at, now(), FALSE, '{}', '{}', 'import'
      FROM (SELECT n, (n * 7919) %% %(customers)s AS who,
                   date_trunc('milliseconds', %(start)s + make_interval(
                       secs => (n / %(customers)s) * 3000000 + abs(hashint8(n)) %% 2900000)) AS at
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) e,
           (SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer WHERE tenant_id = %(tenant)s) c
"""
BARE = """
    SELECT source, event, count(*), count(DISTINCT customer_id),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM occurred_at - former))
      FROM (SELECT customer_id, event, occurred_at,
                   lag(event) OVER walk AS source, lag(occurred_at) OVER walk AS former
              FROM interactions_interaction
             WHERE tenant_id = %(tenant)s AND event = ANY(%(events)s) AND customer_id IS NOT NULL
            WINDOW walk AS (PARTITION BY customer_id ORDER BY id)) steps
     WHERE source IS NOT NULL GROUP BY source, event
"""
DUCK = """
    SELECT source, event, count(*), count(DISTINCT customer_id), median(epoch(occurred_at) - epoch(former))
      FROM (SELECT customer_id, event, occurred_at,
                   lag(event) OVER walk AS source, lag(occurred_at) OVER walk AS former
              FROM read_parquet('{file}') WHERE list_contains({events}, event)
            WINDOW walk AS (PARTITION BY customer_id ORDER BY id))
     WHERE source IS NOT NULL GROUP BY source, event
"""


def measure(size: str) -> Iterable[Row]:
    """1,000,000 customers with 10,000,000 events of a year (small: a fiftieth of both)."""
    customers = 1_000_000 if size == "full" else 20_000
    organization = Organization.objects.create(slug="bench-paths", name="Paths")
    with tenant(organization):
        fill(customers, customers * 10)
        settle("customers_customer", "interactions_interaction")
        yield from compare(customers * 10)


def compare(events: int) -> Iterable[Row]:
    """The rows of the table, on events that are there."""
    definition = the_map()
    ours = seconds(partial(count, definition), repeat=TURNS)
    check(definition)
    bare = seconds(bare_edges, repeat=1 if events > 1_000_000 else TURNS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.parquet"
        export(file)
        duck = seconds(partial(duck_edges, file), repeat=TURNS)
    what = f"all of a map's real paths over {events:,} interactions"
    yield Row(f"{what}, as a job", f"{bare:.1f} s bare SQL of the edges", f"{ours:.1f} s", ours / bare, 0.5, "lower")
    yield Row(f"{what}, as a job", f"{duck:.1f} s DuckDB of the edges", f"{ours:.1f} s", ours / duck, 8.0, "lower")


def the_map() -> Definition:
    """Eight touchpoints one after another, all met by an event without conditions."""
    places = tuple(Matcher(f"place-{number}", EVENTS[number], {}) for number in range(PLACES))
    return Definition(places, tuple(range(PLACES)), ("web",) * PLACES, (), Scope())


def count(definition: Definition) -> dict[str, Any]:
    """As a worker counts: in slices, spooled to a file, with progress told."""
    with one_moment(600):
        return compute("paths", definition, progress=lambda _done: None)


def check(definition: Definition) -> None:
    """Ours and the bare SQL must name the same edges, to the last customer."""
    keys = {place.event: place.key for place in definition.places}
    found = {(one["from"], one["to"]): (one["n"], one["customers"]) for one in count(definition)["edges"]}
    if found != {(keys[source], keys[target]): (n, people) for source, target, n, people, _m in bare_edges()}:
        raise RuntimeError("the bare SQL finds other edges")


@transaction.atomic
def bare_edges() -> list[tuple[Any, ...]]:
    """The edges by window functions."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'; SET LOCAL jit = off")
        cursor.execute(BARE, {"tenant": current_tenant_id(), "events": list(EVENTS[:PLACES])})
        return list(cursor.fetchall())


def duck_edges(file: Path) -> list[tuple[Any, ...]]:
    """The edges by DuckDB."""
    sql = DUCK.format(file=file, events=list(EVENTS[:PLACES]))
    return duckdb.connect().execute(sql).fetchall()


def export(file: Path) -> None:
    """The events as parquet."""
    rows = file.with_suffix(".csv")
    with transaction.atomic(), rows.open("wb") as out:
        connection.ensure_connection()
        connection.announce_now()  # type: ignore[attr-defined]
        with connection.connection.cursor() as raw:
            text = raw.mogrify(
                "SELECT customer_id, id, event, occurred_at FROM interactions_interaction WHERE tenant_id = %s",
                [str(current_tenant_id())],
            )
            raw.copy_expert(f"COPY ({text.decode()}) TO STDOUT (FORMAT csv, HEADER)", out)
    duckdb.connect().execute(
        f"COPY (SELECT customer_id::UUID AS customer_id, id::UUID AS id, event, occurred_at::TIMESTAMPTZ AS occurred_at"
        f" FROM read_csv('{rows}')) TO '{file}' (FORMAT parquet)"
    )
    rows.unlink()


def fill(customers: int, events: int) -> None:
    """Customers, and events spread over them and over the last year."""
    start = datetime.fromtimestamp(now().timestamp() - A_YEAR, now().tzinfo)
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "customers": customers,
        "names": list(EVENTS),
        "start": start,
    }
    with connection.cursor() as cursor:
        cursor.execute(CUSTOMERS, values)
        for first in range(0, events, 200_000):
            cursor.execute(_EVENTS, {**values, "first": first, "last": min(first + 200_000, events) - 1})
