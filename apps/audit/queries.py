"""Reading the audit log of the organisation in force."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet

from apps.audit.models import AuditEntry


def entries() -> QuerySet[AuditEntry]:
    """Every line, the newest first. Served by the index on (tenant, at, id)."""
    return AuditEntry.objects.order_by("-at", "-id")


def in_blocks(rows: QuerySet[AuditEntry], size: int = 1000) -> Iterator[list[AuditEntry]]:
    """The lines of ``entries()`` in blocks, each found by where the last ended: no block costs more than the first."""
    position: tuple[datetime, UUID] | None = None
    while True:
        below = rows
        if position is not None:
            at, last = position
            below = rows.filter(Q(at__lt=at) | Q(at=at, pk__lt=last))
        block = list(below[:size])
        if not block:
            return
        position = (block[-1].at, block[-1].pk)
        yield block


def names_of_people(rows: Iterable[AuditEntry]) -> dict[UUID, str]:
    """The names of the people in these lines, by id. The log itself keeps none. One query."""
    ids = {row.actor_id for row in rows if row.actor_kind == "user" and row.actor_id}
    return {user.pk: str(user) for user in get_user_model().objects.filter(pk__in=ids)}
