"""Reading segments: who belongs to one, which ones a customer belongs to, and how many people a rule would find.

A segment's size and members are those of the whole organisation; lists of customers show an actor of a branch only the
customers of that branch (:func:`members`).
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.customers.queries import customers
from apps.segments.compiler import PEOPLE, Compiled, Facts, compile_rule, read_facts
from apps.segments.models import Segment, SegmentMember
from apps.segments.planning import for_sets
from apps.segments.rule import Rule
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.scope import current_tenant_id

QUICK_SECONDS = 2.0
"""How long somebody at a page or a program waits for a count."""
SAMPLES = (4_000, 400)
"""Customers that an estimate is made from; fewer where even so many take too long."""
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Count:
    """How many people a rule finds. ``n`` is None when not even a sample could be asked in time.

    Where ``is_exact`` is false, ``n`` is an estimate from ``asked`` customers drawn at random. ``took``: seconds.
    """

    n: int | None
    is_exact: bool
    took: float
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """A count, and some of the people whom the actor may see."""

    count: Count
    sample: list[Customer]


def segments() -> QuerySet[Segment]:
    """Every segment of the organisation."""
    return Segment.objects.all()


def segment_for(pk: UUID) -> Segment:
    """One segment. Raises NotFound."""
    segment = Segment.objects.filter(pk=pk).first()
    if segment is None:
        raise NotFound
    return segment


def membership_condition(segment_id: UUID, *, customer: str = "customer_id") -> Q:
    """The condition that a row's customer belongs to a segment now; ``customer``: the row's column of the customer."""
    return Q(
        Exists(
            SegmentMember.objects.filter(segment_id=segment_id, customer_id=OuterRef(customer)).values("customer_id")
        )
    )


def members(actor: Actor, segment: Segment) -> QuerySet[Customer]:
    """The people of a segment whom the actor may see. Raises NotAllowed for one who may see no customers."""
    actor.require("customers.view")
    return customers(actor).filter(membership_condition(segment.pk, customer="pk"), restricted_at=None)


def member_for(actor: Actor, segment: Segment, customer_id: UUID) -> SegmentMember:
    """That a customer belongs to a segment. Raises NotFound, also for a customer whom the actor may not see."""
    row = SegmentMember.objects.filter(segment=segment, customer_id=customer_id).select_related("segment").first()
    if row is None or not members(actor, segment).filter(pk=customer_id).exists():
        raise NotFound
    return row


def segments_of(customer_ids: Collection[UUID]) -> dict[UUID, list[Segment]]:
    """The segments that each of these customers belongs to, by name. One query; customers of none are missing."""
    rows = SegmentMember.objects.filter(customer_id__in=list(customer_ids)).select_related("segment")
    found: dict[UUID, list[Segment]] = {}
    for row in rows.order_by("segment__name", "segment_id"):
        found.setdefault(row.customer_id, []).append(row.segment)
    return found


def count_matching(actor: Actor, rule: Rule, *, seconds: float = QUICK_SECONDS) -> Count:
    """How many people of the whole organisation meet a rule: exactly, or an estimate when that takes too long.

    Raises NotAllowed.
    """
    actor.require("segments.view")
    return _count(rule, read_facts(rule), seconds)


def preview_rule(actor: Actor, rule: Rule, *, seconds: float = QUICK_SECONDS) -> Preview:
    """A count with up to five people, newest first, of those whom the actor may see; none who may see no customers."""
    actor.require("segments.view")
    facts = read_facts(rule)
    count = _count(rule, facts, seconds)
    if count.n == 0 or not actor.can("customers.view"):
        return Preview(count, [])
    is_quick = count.is_exact and count.took < seconds / 2
    drawn = None if is_quick else _draw(SAMPLES[-1], _people(seconds), seconds)
    compiled = compile_rule(rule, at=now(), facts=facts, customers=drawn)
    ids = _few(actor, compiled, seconds)
    found = customers(actor).in_bulk(ids)
    return Preview(count, [found[pk] for pk in ids if pk in found])


def _count(rule: Rule, facts: Facts, seconds: float) -> Count:
    started = time.monotonic()
    at = now()
    n = _within(compile_rule(rule, at=at, facts=facts), seconds)
    if n is not None:
        return Count(n, True, time.monotonic() - started)
    people = _people(seconds)
    for size in SAMPLES if people else ():
        drawn = _draw(size, people, seconds)
        hits = _within(compile_rule(rule, at=at, facts=facts, customers=drawn), seconds) if drawn else None
        if hits is not None:
            estimate = round(people * hits / len(drawn))
            return Count(estimate, False, time.monotonic() - started, asked=len(drawn))
    return Count(None, False, time.monotonic() - started)


def _people(seconds: float) -> int:
    """How many people there are; 0 when that cannot be told in time."""
    return _scalar(f"SELECT count(*) FROM customers_customer c WHERE {PEOPLE}", seconds) or 0


def _within(compiled: Compiled, seconds: float) -> int | None:
    return _scalar(f"SELECT count(*) FROM ({compiled.sql}) found", seconds, compiled)


def _scalar(sql: str, seconds: float, compiled: Compiled | None = None) -> int | None:
    """A number, or None when the statement takes too long."""
    params = compiled.params if compiled else {"tenant": current_tenant_id()}
    try:
        with transaction.atomic(), for_sets(seconds), connection.cursor() as cursor:
            cursor.execute(sql, params)
            return int(cursor.fetchone()[0])
    except OperationalError:
        return None


def _draw(size: int, people: int, seconds: float) -> list[UUID]:
    """About so many of all people at random: those whose id, whose end is chance, ends in certain digits."""
    digits = 0
    while people / 16**digits > size:
        digits += 1
    like = "%" + "7a3c91e5"[:digits]
    sql = f"SELECT c.id FROM customers_customer c WHERE {PEOPLE} AND c.id::text LIKE %(like)s"
    return _ids(sql, {"tenant": current_tenant_id(), "like": like}, seconds)


def _few(actor: Actor, compiled: Compiled, seconds: float) -> list[UUID]:
    visible = actor.visible_units("customers.view")
    where = "" if visible is None else " AND p.unit_id = ANY(%(visible)s::uuid[])"
    sql = (
        f"SELECT p.id FROM customers_customer p JOIN ({compiled.sql}) found ON found.id = p.id"
        f" WHERE p.tenant_id = %(tenant)s{where} ORDER BY p.created_at DESC, p.id DESC LIMIT {SHOWN}"
    )
    return _ids(sql, {**compiled.params, "visible": sorted(str(pk) for pk in visible or ())}, seconds)


def _ids(sql: str, params: dict[str, Any], seconds: float) -> list[UUID]:
    """The ids that a query gives; none when it takes too long."""
    try:
        with transaction.atomic(), for_sets(seconds), connection.cursor() as cursor:
            cursor.execute(sql, params)
            return [pk for (pk,) in cursor.fetchall()]
    except OperationalError:
        return []
