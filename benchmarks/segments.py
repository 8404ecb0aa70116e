"""Segments: refreshing everybody against the bare SQL of the same set, and deciding anew for some customers."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.organizations.models import Organization
from apps.segments import refresh
from apps.segments.models import Segment, SegmentMember
from benchmarks import Row, seconds, settle
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id, tenant

TURNS = 3
FOLLOWED = 500
EVENTS = ("Visit", "Add to basket", "Purchase", "Payment", "Refund")
RULES: dict[str, dict[str, Any]] = {
    "bought twice in 90 days": {"event": "Purchase", "count": {"op": ">=", "value": 2}, "within": {"days": 90}},
    "payment within 60 days after a purchase": {
        "sequence": [{"event": "Purchase"}, {"event": "Payment"}],
        "within_days": 60,
    },
    "no dear purchase ever": {
        "event": "Purchase",
        "where": [{"property": "price", "op": ">", "value": 90}],
        "count": {"op": "=", "value": 0},
    },
}
BARE = {
    "bought twice in 90 days": """
        SELECT count(*) FROM customers_customer c WHERE c.tenant_id = %(tenant)s AND c.id IN (
            SELECT customer_id FROM interactions_interaction
             WHERE tenant_id = %(tenant)s AND event = 'Purchase' AND id >= %(since)s AND customer_id IS NOT NULL
             GROUP BY customer_id HAVING count(*) >= 2)""",
    "payment within 60 days after a purchase": """
        SELECT count(*) FROM customers_customer c WHERE c.tenant_id = %(tenant)s AND c.id IN (
            SELECT a.customer_id FROM interactions_interaction a
              JOIN interactions_interaction b ON b.customer_id = a.customer_id AND b.tenant_id = a.tenant_id
             WHERE a.tenant_id = %(tenant)s AND a.event = 'Purchase' AND b.event = 'Payment'
               AND b.occurred_at BETWEEN a.occurred_at AND a.occurred_at + interval '60 days')""",
    "no dear purchase ever": """
        SELECT count(*) FROM customers_customer c WHERE c.tenant_id = %(tenant)s AND NOT EXISTS (
            SELECT FROM interactions_interaction i
             WHERE i.tenant_id = %(tenant)s AND i.event = 'Purchase' AND i.customer_id = c.id
               AND (i.properties ->> 'price')::numeric > 90)""",
}
TARGETS = dict.fromkeys(RULES, 2.0) | {"payment within 60 days after a purchase": 5.0}
"""The bare join of two events is quick as long as nobody has thousands of both; ours sorts them (docs/adr/0101)."""
CUSTOMERS = """
    INSERT INTO customers_customer (tenant_id, id, external_id, name, stage, account, language, timezone, attributes,
                                    said_at, base, alias_of, created_at, updated_at)
    SELECT %(tenant)s, gen_random_uuid(), 'b-' || n, 'Customer ' || n, 'customer', '', '', '',
           jsonb_build_object('plan', CASE WHEN n %% 3 = 0 THEN 'pro' ELSE 'free' END), '{}', '{}', '', now(), now()
      FROM generate_series(1, %(customers)s) n
"""
_EVENTS = """
    INSERT INTO interactions_interaction (tenant_id, id, customer_id, identity_id, kind, event, channel, occurred_at,
                                          recorded_at, is_time_received, properties, context, source)
    SELECT %(tenant)s,
           (lpad(to_hex((extract(epoch FROM e.at) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(e.n::text), 1, 3) || '8' || substr(md5(e.n::text || 'x'), 1, 15))::uuid,
           c.ids[1 + (e.n * 7919) %% %(customers)s], NULL, 'event', (%(names)s::text[])[1 + (e.n / 13) %% 5], 'web',
           e.at, now(), FALSE, jsonb_build_object('price', e.n %% 100, 'item', 'item-' || e.n %% 50), '{}', 'import'
      FROM (SELECT n, date_trunc('milliseconds', %(now)s - make_interval(secs => (n * 15731) %% 31536000)) AS at
              FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) e,
           (SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer WHERE tenant_id = %(tenant)s) c
"""


def measure(size: str) -> Iterable[Row]:
    """200,000 customers with 2,000,000 events of a year (small: a twentieth of both)."""
    customers = 200_000 if size == "full" else 10_000
    organization = Organization.objects.create(slug="bench-segments", name="Segments")
    with tenant(organization):
        fill(customers, customers * 10)
        settle("customers_customer", "interactions_interaction")
        yield from compare(customers)


def compare(customers: int) -> Iterable[Row]:
    """The rows of the table, on customers and events that are there."""
    for name, rule in RULES.items():
        segment = Segment.objects.create(name=name, rule=rule)
        compute = partial(refresh.refresh_segment, segment.pk)
        first = seconds(compute)
        counted = SegmentMember.objects.filter(segment=segment).count()
        bare = seconds(partial(run, BARE[name]), repeat=TURNS)
        if run(BARE[name]) != counted:
            raise RuntimeError(f"{name}: {counted} members, but the bare SQL finds another number")
        ours = seconds(compute, repeat=TURNS)
        yield Row(
            f"{name}: refresh of {customers:,} customers ({counted:,} members, first time {first:.1f} s)",
            f"{bare:.2f} s bare SQL",
            f"{ours:.2f} s",
            ours / bare,
            TARGETS[name],
            "lower",
        )
    people = some_people()
    follow(people)
    followed = seconds(lambda: follow(people), repeat=TURNS)
    yield Row(
        f"{FOLLOWED} customers decided anew in {len(RULES)} segments",
        f"{ours * len(RULES):.2f} s to refresh them",
        f"{followed * 1000:.0f} ms",
        followed / (ours * len(RULES)),
        0.2,
        "lower",
    )


@transaction.atomic
def follow(people: list[UUID]) -> None:
    """Decide anew in every segment, as after an event that concerns all."""
    refresh.follow(people, lambda _needs: True)


def fill(customers: int, events: int) -> None:
    """Customers, and events spread over them and over the last year."""
    values: dict[str, Any] = {
        "tenant": current_tenant_id(),
        "customers": customers,
        "names": list(EVENTS),
        "now": now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(CUSTOMERS, values)
        for first in range(0, events, 200_000):
            cursor.execute(_EVENTS, {**values, "first": first, "last": min(first + 200_000, events) - 1})


def run(sql: str) -> int:
    """The count that a bare query gives."""
    with connection.cursor() as cursor:
        since = str(lowest_id(now() - timedelta(days=90)))
        cursor.execute(sql, {"tenant": current_tenant_id(), "since": since})
        return int(cursor.fetchone()[0])


def some_people() -> list[UUID]:
    """Customers at random, the same in every run."""
    ids = list(Customer.objects.order_by("external_id").values_list("pk", flat=True)[: FOLLOWED * 20])
    return sorted(random.Random(1).sample(ids, FOLLOWED))
