"""Keeping a person's data without using it: on their wish, or while a request is looked into.

Somebody restricted is not invited and belongs to no segment; the profile, the timeline and the scores stay.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from apps.audit.services import record
from apps.customers.models import Customer
from apps.outbox.services import emit
from cxm.actor import Actor
from cxm.errors import NotFound


@transaction.atomic
def restrict_customer(*, actor: Actor, customer: UUID) -> Customer:
    """Stop using this person's data from now on; somebody restricted stays so. Raises NotFound."""
    return _set(actor, customer, restricted=True)


@transaction.atomic
def lift_restriction(*, actor: Actor, customer: UUID) -> Customer:
    """Use this person's data again. Raises NotFound."""
    return _set(actor, customer, restricted=False)


def _set(actor: Actor, pk: UUID, *, restricted: bool) -> Customer:
    actor.require_everywhere("privacy.manage")
    row = Customer.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound
    if (row.restricted_at is not None) == restricted:
        return row
    row.restricted_at = now() if restricted else None
    row.save(update_fields=["restricted_at", "updated_at"])
    record(actor=actor, action=f"customers.{'restricted' if restricted else 'restriction_lifted'}", target=row)
    emit("customers.customer_updated", {"customer": str(row.pk), "fields": ["restricted_at"]})
    return row
