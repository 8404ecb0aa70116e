"""Writing down who looked for whom: opening a profile, reading one by the API, searching the list.

The audit log keeps that a search was made, never its words: these are personal values.
"""

from __future__ import annotations

from django.db import transaction

from apps.audit.services import record
from apps.customers.models import Customer
from cxm.actor import Actor


@transaction.atomic
def record_customer_read(*, actor: Actor, customer: Customer) -> None:
    """Another system read this customer."""
    record(actor=actor, action="customers.read", target=customer)


@transaction.atomic
def record_customers_searched(*, actor: Actor) -> None:
    """Somebody searched the customers by name or identifier."""
    record(actor=actor, action="customers.searched", fields=["q"])
