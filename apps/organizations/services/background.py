"""Background work that failed too often and waits for a person."""

from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.organizations.queries import parked_work
from apps.outbox.services import redrive_events
from cxm.actor import Actor
from cxm.errors import NotFound


@transaction.atomic
def redrive_work(*, actor: Actor, event_id: UUID | None = None) -> int:
    """Give one piece of parked work (all of it without ``event_id``) eight new attempts; returns how many there were.

    Raises NotFound when the one is no longer parked.
    """
    actor.require_everywhere("organization.settings")
    waiting = parked_work() if event_id is None else parked_work().filter(pk=event_id)
    event = waiting.first()
    if event is None:
        raise NotFound(_("This work is no longer waiting."))
    count = redrive_events(waiting.order_by())
    record(actor=actor, action="organizations.work_redriven", target=event if event_id else None)
    return count
