"""Messages of the event interface that were not taken: kept for whoever looks why, without anything personal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction

from apps.interactions.models import RefusedMessage

KEPT: Final = 1_000
"""Refused messages kept in each organisation, the newest."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message was not taken, and which one it was."""

    reason: str
    field: str = ""
    kind: str = ""
    event: str = ""
    message_id: str = ""
    library: str = ""


def write_down_refusals(refusals: Sequence[Refusal]) -> None:
    """Keep what was refused, in the order in which it came. Inside the caller's transaction."""
    RefusedMessage.objects.bulk_create(
        RefusedMessage(
            kind=refusal.kind,
            event=refusal.event,
            message_id=refusal.message_id,
            field=refusal.field,
            reason=refusal.reason,
            library=refusal.library,
        )
        for refusal in refusals
    )


@transaction.atomic
def forget_refused_messages() -> int:
    """Forget all but the newest KEPT of the organisation in force; how many were forgotten. Two queries."""
    newest = RefusedMessage.objects.order_by("-at", "-pk").values_list("at", "pk")
    last = newest[KEPT - 1 : KEPT].first()
    if last is None:
        return 0
    older = RefusedMessage.objects.filter(at__lt=last[0]) | RefusedMessage.objects.filter(at=last[0], pk__lt=last[1])
    return older.delete()[0]
