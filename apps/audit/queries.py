"""Reading the audit log of the organisation in force."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from apps.audit.models import AuditEntry


def entries() -> QuerySet[AuditEntry]:
    """Every line, the newest first. Served by the index on (tenant, at, id)."""
    return AuditEntry.objects.order_by("-at", "-id")


def recent_actions(among: int = 1000) -> list[str]:
    """The actions among the latest lines, in alphabetical order; what the filter suggests. Reads ``among`` rows."""
    latest = AuditEntry.objects.order_by("-at", "-id").values_list("action", flat=True)[:among]
    return sorted(set(latest))


def names_of_people(rows: Iterable[AuditEntry]) -> dict[UUID, str]:
    """The names of the people in these lines, by id. The log itself keeps none. One query."""
    ids = {row.actor_id for row in rows if row.actor_kind == "user" and row.actor_id}
    return {user.pk: str(user) for user in get_user_model().objects.filter(pk__in=ids)}
