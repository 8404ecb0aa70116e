"""Writing the audit log. It is only ever added to: the web's database role cannot change or remove a row."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import Model

from apps.audit.models import AuditEntry
from cxm.actor import Actor


def record(*, actor: Actor, action: str, target: Model | None = None, fields: Iterable[str] = ()) -> AuditEntry:
    """Write one line of the audit log of the organisation in force, in the caller's transaction.

    Args:
        actor: who did it, and from which address. Of a person only the id is kept; pages look the name up. Of a
            respondent not even the address is kept: it is a customer's, and the log outlives an erasure.
        action: what was done, ``<app>.<past tense>`` such as ``surveys.published``.
        target: the row it was done to; only its kind and id are kept.
        fields: names of the fields that changed, never their values.
    """
    return AuditEntry.objects.create(
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name="" if actor.kind == "user" else actor.name[:200],
        action=action,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=_id_of(target),
        fields=list(fields),
        ip=None if actor.kind == "respondent" else actor.ip,
    )


def _id_of(target: Any) -> UUID | None:
    key = getattr(target, "pk", None)
    return key if isinstance(key, UUID) else None
