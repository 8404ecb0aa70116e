"""What the API forgets."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils.timezone import now

from apps.api.models import IdempotencyRecord
from apps.customers.traces import Traces

KEPT_FOR = timedelta(hours=24)


def purge_idempotency_records() -> int:
    """Delete the answers of the organisation in force that are older than a day; how many went. One statement."""
    deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=now() - KEPT_FOR).delete()
    return deleted


def forget_stored_answers(traces: Traces) -> int:
    """Empty the answers kept for repeated requests that name a person; how many. Reads the answers of a day.

    The keys stay: a request that is sent once more must not bring the person back. A key that is itself an identifier
    goes.
    """
    named, as_key = Q(), Q()
    for needle in traces.needles:
        named |= Q(body__icontains=needle)
        as_key |= Q(key__icontains=needle)
    for identifier in traces.identifiers:
        as_key |= Q(key=identifier)
    removed = IdempotencyRecord.objects.filter(as_key).delete()[0] if as_key else 0
    return removed + (IdempotencyRecord.objects.filter(named).update(body="{}", headers={}) if named else 0)
