"""What the API forgets."""

from __future__ import annotations

from datetime import timedelta

from django.utils.timezone import now

from apps.api.models import IdempotencyRecord

KEPT_FOR = timedelta(hours=24)


def purge_idempotency_records() -> int:
    """Delete the answers of the organisation in force that are older than a day; how many went. One statement."""
    deleted, _by_model = IdempotencyRecord.objects.filter(created_at__lt=now() - KEPT_FOR).delete()
    return deleted
