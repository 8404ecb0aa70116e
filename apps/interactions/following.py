"""Interactions stay with what they came under: when that belongs to another person, so do they."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from apps.interactions.store import RECORDED
from apps.outbox.services import emit
from cxm.scope import current_tenant_id

# The history of a visitor takes the branch of who the visitor turned out to be; that of a customer keeps its own.
_FOLLOW = """
    WITH moved AS (
        UPDATE interactions_interaction SET customer_id = %(now)s::uuid, unit_id = {unit}
        WHERE tenant_id = %(tenant)s AND customer_id {former} AND identity_id = ANY(%(identities)s::uuid[])
        RETURNING event, occurred_at
    )
    SELECT array_agg(DISTINCT event), min(occurred_at), max(occurred_at) FROM moved
"""
_UNIT_OF_PERSON = (
    "(SELECT c.unit_id FROM customers_customer AS c WHERE c.tenant_id = %(tenant)s AND c.id = %(now)s::uuid)"
)


def follow_identities(identity_ids: Sequence[UUID], former: UUID | None, customer_id: UUID | None) -> None:
    """Give what came under these identities and is filed under ``former`` to another person (None: to nobody).

    One UPDATE, served by an index; and tells of it, as what these people did is now something else.
    """
    if not identity_ids:
        return
    unit = "unit_id" if former and customer_id else _UNIT_OF_PERSON if customer_id else "NULL"
    parameters: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "now": str(customer_id) if customer_id else None,
        "former": str(former) if former else None,
        "identities": [str(identity) for identity in identity_ids],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FOLLOW.format(unit=unit, former="= %(former)s" if former else "IS NULL"), parameters)
        events, first, last = cursor.fetchone()
    if events:
        people = sorted(str(person) for person in (former, customer_id) if person)
        payload = {"customers": people, "events": sorted(events), "from": first.isoformat(), "to": last.isoformat()}
        emit(RECORDED, payload)
