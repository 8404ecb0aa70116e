"""Rows that services leave behind rather than make on request."""

from apps.audit.models import AuditEntry
from apps.audit.services import record
from apps.outbox.models import OutboxEvent
from cxm.actor import Actor
from tests.factories.registry import factory


@factory(AuditEntry)
def an_audit_entry() -> AuditEntry:
    return record(actor=Actor.system("test"), action="tests.recorded")


@factory(OutboxEvent)
def a_parked_event() -> OutboxEvent:
    return OutboxEvent.objects.create(topic="tests.happened", handler="tests.nobody", payload={}, state="parked")
