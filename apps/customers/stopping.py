"""How a person's objection reaches whatever contacts customers: apps above register what they stop.

register_stop("mail", stop_mail)

def stop_mail(actor: Actor, customer: Customer) -> None:
    "Contact this person no more; effective when this returns."
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from apps.audit.services import record
from apps.customers.models import ConsentRecord, Customer
from apps.customers.services import withdraw_consent
from cxm.actor import Actor
from cxm.errors import NotFound

Stop = Callable[[Actor, Customer], None]
STOPS: dict[str, Stop] = {}


def register_stop(name: str, stop: Stop) -> None:
    """Add something that can be stopped. Registering a name again replaces it."""
    STOPS[name] = stop


@transaction.atomic
def stop_contacting(*, actor: Actor, customer: UUID, how: str = "") -> None:
    """Take an objection as it is meant: consent to everything is withdrawn, and nothing contacts the person any more.

    Raises NotFound.
    """
    actor.require_everywhere("privacy.manage")
    row = Customer.objects.filter(pk=customer).first()
    if row is None:
        raise NotFound
    for purpose in ConsentRecord.Purpose.values:
        withdraw_consent(actor=actor, customer=row, purpose=purpose, how=how)
    for stop in STOPS.values():
        stop(actor, row)
    record(actor=actor, action="customers.objected", target=row)
