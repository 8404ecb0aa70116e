"""Writing who belongs to a segment: decided anew for some customers, or from a finished computation.

Everything here runs inside a transaction that holds the segment's row (:func:`locked`), so that members of one segment
are decided by one worker at a time, each seeing all that was committed before it began.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.segments.compiler import PEOPLE, Compiled, Facts, compile_rule
from apps.segments.models import Segment, SegmentMember
from apps.segments.rule import Rule
from cxm.scope import current_tenant_id

CHUNK = 5_000
"""Customers decided on in one statement. Their rows are kept from being deleted until its transaction ends."""

_INSERT = "INSERT INTO segments_segmentmember (tenant_id, id, segment_id, customer_id, since, import_id)"
_DECIDE = f"""
    WITH meets AS MATERIALIZED ({{rule}}),
    gone AS (
        DELETE FROM segments_segmentmember m
         WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s AND m.customer_id = ANY(%(decided)s::uuid[])
           AND NOT EXISTS (SELECT FROM meets WHERE meets.id = m.customer_id)
        RETURNING m.customer_id
    ),
    come AS (
        {_INSERT}
        SELECT %(tenant)s, gen_random_uuid(), %(segment)s, meets.id, %(since)s, NULL FROM meets
        ON CONFLICT (tenant_id, segment_id, customer_id) DO NOTHING
        RETURNING customer_id
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM come)
"""
_ADD = f"""
    {_INSERT}
    SELECT %(tenant)s, gen_random_uuid(), %(segment)s, c.id, %(since)s, %(import)s
      FROM customers_customer c WHERE {PEOPLE} AND c.id = ANY(%(customers)s::uuid[])
    ON CONFLICT (tenant_id, segment_id, customer_id) DO NOTHING
"""
_COUNT = """
    SELECT count(*) FROM segments_segmentmember m
      JOIN customers_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
     WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s
       AND c.merged_into_id IS NULL AND c.restricted_at IS NULL
"""


def locked(segment_id: UUID) -> Segment | None:
    """The segment's row as it is now, held until the transaction ends; None when it is gone. Never blocks readers."""
    return Segment.objects.select_for_update(no_key=True).filter(pk=segment_id).first()


def hold(customers: Sequence[UUID]) -> int:
    """Keep these customers' rows from being deleted until the transaction ends; how many there are.

    In order of id, as everybody does who holds several, so that nobody waits for somebody who waits for him.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT FROM customers_customer WHERE tenant_id = %s AND id = ANY(%s::uuid[])"
            " ORDER BY id FOR KEY SHARE) held",
            [current_tenant_id(), [str(pk) for pk in customers]],
        )
        return int(cursor.fetchone()[0])


def decide(segment: Segment, rule: Rule, facts: Facts, customers: Sequence[UUID]) -> int:
    """Decide for these customers (all of them, whoever they are) whether they belong; by how much the size changed.

    One statement. The customers are held (:func:`hold`) and ``segment`` is :func:`locked`, so the rule is asked after
    everything that was committed before.
    """
    at = now()
    compiled = compile_rule(rule, at=at, facts=facts, customers=customers)
    come, gone = 0, 0
    with connection.cursor() as cursor:
        cursor.execute(
            _DECIDE.format(rule=compiled.sql),
            {**compiled.params, "segment": segment.pk, "since": at, "decided": [str(pk) for pk in customers]},
        )
        gone, come = cursor.fetchone()
    return int(come) - int(gone)


def add(segment: Segment, customers: Sequence[UUID], *, import_id: UUID | None = None) -> int:
    """Add those of these customers who can be members and are none yet; how many that were."""
    hold(customers)
    return _execute(
        _ADD,
        {"segment": segment.pk, "since": now(), "import": import_id, "customers": [str(pk) for pk in customers]},
    )


def remove(segment: Segment, customers: Sequence[UUID]) -> int:
    """Take these customers out; how many were in."""
    rows = SegmentMember.objects.filter(segment_id=segment.pk, customer_id__in=list(customers))
    return rows._raw_delete(rows.db)


def count(segment_id: UUID) -> int:
    """How many people belong to a segment now. One query, over all of its members."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {"tenant": current_tenant_id(), "segment": segment_id})
        return int(cursor.fetchone()[0])


@dataclass(frozen=True, slots=True)
class Difference:
    """Who is to come and who to go, as ids one after another, 16 bytes each (:func:`chunks`); how many then are in."""

    come: bytes
    gone: bytes
    size: int


def difference(segment: Segment, compiled: Compiled) -> Difference:
    """What the rule says now against the members there are. One statement."""
    sql = f"""
        WITH meets AS ({compiled.sql}),
        members AS (
            SELECT m.customer_id FROM segments_segmentmember m
             WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s
        )
        SELECT string_agg(uuid_send(meets.id), ''::bytea ORDER BY meets.id) FILTER (WHERE customer_id IS NULL),
               string_agg(uuid_send(customer_id), ''::bytea ORDER BY customer_id) FILTER (WHERE meets.id IS NULL),
               count(meets.id)
          FROM meets FULL JOIN members ON members.customer_id = meets.id
    """
    with connection.cursor() as cursor:
        cursor.execute(sql, {**compiled.params, "segment": segment.pk})
        come, gone, size = cursor.fetchone()
    return Difference(bytes(come or b""), bytes(gone or b""), size)


def chunks(packed: bytes) -> Iterator[list[UUID]]:
    """The ids of :func:`difference`, :data:`CHUNK` at a time."""
    for first in range(0, len(packed), 16 * CHUNK):
        portion = packed[first : first + 16 * CHUNK]
        yield [UUID(bytes=portion[start : start + 16]) for start in range(0, len(portion), 16)]


def _execute(sql: str, params: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": current_tenant_id(), **params})
        return int(cursor.rowcount)
