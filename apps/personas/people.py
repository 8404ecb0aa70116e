"""Counting the people of a persona: how many, what they are like, whether the claims hold. Reads only."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.organizations.queries import unit_tree
from apps.personas import drift
from apps.personas.claims import measured_by
from apps.segments.compiler import compile_rule
from apps.segments.rule import Rule
from cxm.scope import current_tenant_id

SAMPLE = 20_000
"""About as many people are looked at for a make-up; of more, those whose id hashes to a share of that size."""
COLUMNS = ("stage", "language", "unit")

_MEMBERS = """
    FROM segments_segmentmember m
    JOIN customers_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
   WHERE m.tenant_id = %(tenant)s AND m.segment_id = %(segment)s AND c.merged_into_id IS NULL
     AND c.restricted_at IS NULL
"""


def size_of(segment_id: UUID) -> int:
    """People in a segment now, without those whose data must not be used. One query over its members."""
    return _count(f"SELECT count(*) {_MEMBERS}", {"segment": segment_id})


def all_customers() -> int:
    """Everybody who could belong to a segment. One query."""
    return Customer.objects.filter(restricted_at=None).count()


def population_of(segment_id: UUID, *, like: Sequence[drift.Dimension] = ()) -> drift.Population:
    """Who they are: stage, language, unit and up to 20 attributes; or, with `like`, the dimensions of a baseline.

    Four queries; looks at about 20,000 members at most, whatever the size.
    """
    size = size_of(segment_id)
    every = ceil(size / SAMPLE) or 1
    sql = f"""SELECT c.stage, c.language, c.unit_id, c.attributes {_MEMBERS}
        AND mod(hashtextextended(c.id::text, 1), %(every)s) = 0"""
    values: dict[str, list[Any]] = defaultdict(list)
    sample = 0
    names = {unit.id: unit.name for unit in unit_tree().units.values()}
    with connection.cursor() as cursor:
        cursor.execute(sql, {"tenant": current_tenant_id(), "segment": segment_id, "every": every})
        for stage, language, unit_id, attributes in cursor:
            for name, value in zip(COLUMNS, (stage, language, names.get(unit_id)), strict=True):
                values[name].append(value)
            for name, value in _object(attributes).items():
                column = values[f"attribute:{name}"]
                column.extend([None] * (sample - len(column)))
                column.append(value)
            sample += 1
    for column in values.values():
        column.extend([None] * (sample - len(column)))
    if like:
        found = [drift.count_into(one, values.get(one.name) or [None] * sample) for one in like]
    else:
        found = list(_dimensions(values))
    return drift.Population(size, all_customers(), sample, found)


def _dimensions(values: Mapping[str, list[Any]]) -> Iterable[drift.Dimension]:
    """Of the columns, then of the attributes that are known of most people."""
    for name in COLUMNS:
        if made := drift.spread(name, values.get(name, [])):
            yield made
    attributes = [name for name in values if name.startswith("attribute:")]
    attributes.sort(key=lambda name: (-sum(value is not None for value in values[name]), name))
    found = (drift.spread(name, values[name]) for name in attributes)
    yield from [one for one in found if one is not None][: drift.MOST_ATTRIBUTES]


def measure_claims(segment_id: UUID, claims: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Each claim with `share`, `low`, `high` (0..1), `n` and `state`. Two queries a claim, over the members."""
    everybody = size_of(segment_id) if claims else 0
    measured = []
    for claim in claims:
        hit, known = measured_by(claim)
        hits = _members_who(segment_id, hit)
        n = everybody if known is None else _members_who(segment_id, known)
        low, high = drift.interval(hits, n)
        measured.append(
            {
                **claim,
                "share": round(hits / n, 6) if n else None,
                "low": round(low, 6) if n else None,
                "high": round(high, 6) if n else None,
                "n": n,
                "state": drift.state_of_claim(hits, n, claim["at_least"]),
            }
        )
    return measured


def _members_who(segment_id: UUID, rule: Rule) -> int:
    compiled = compile_rule(rule, at=now())
    sql = f"SELECT count(*) {_MEMBERS} AND m.customer_id IN ({compiled.sql})"
    return _count(sql, {**compiled.params, "segment": segment_id})


def _count(sql: str, params: Mapping[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, {**params, "tenant": current_tenant_id()})
        return int(cursor.fetchone()[0])


def _object(raw: Any) -> dict[str, Any]:
    """A JSON column as the driver gives it: an object, or its text."""
    found = json.loads(raw) if isinstance(raw, str) else raw
    return found if isinstance(found, dict) else {}
