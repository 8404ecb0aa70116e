"""What interactions hold of a person: for exporting, erasing, aging. Merging moves them by what they came under."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from apps.customers.masking import mask_text, mask_values, may_read_unmasked
from apps.customers.models import CustomerIdentifier
from apps.interactions.models import Interaction
from apps.interactions.store import delete_interactions
from apps.interactions.touch_kinds import TOUCH_KINDS
from cxm.actor import Actor
from cxm.api.serializers import utc_text
from cxm.partitions import during, lowest_id

CHUNK: Final = 1_000


def represent_interaction(row: Interaction) -> dict[str, Any]:
    """An interaction for the person to read."""
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "event": row.event,
        "channel": row.channel,
        "occurred_at": utc_text(row.occurred_at),
        "properties": row.properties,
        "context": row.context,
        "source": row.source,
    }


class InteractionHolder:
    """Everything a person did, whichever of the own identifiers it came under."""

    name = "interactions"

    def __init__(self, label: Any) -> None:
        self.label = label

    def move(self, merged: UUID, kept: UUID) -> list[str]:
        """Nothing: interactions follow what they came under (identity.py)."""
        return []

    def move_back(self, ids: list[str], merged: UUID, kept: UUID) -> None:
        """Nothing, see `move`."""

    def export(self, customer: UUID) -> Iterator[dict[str, Any]]:
        """See Holder. Reads a thousand rows at a time by the customer's index, so that any number fits in memory."""
        last: UUID | None = None
        while True:
            rows = Interaction.objects.filter(customer=customer).order_by("id")
            block = list(rows.filter(pk__gt=last)[:CHUNK] if last else rows[:CHUNK])
            yield from map(represent_interaction, block)
            if len(block) < CHUNK:
                return
            last = block[-1].pk

    def erase(self, customer: UUID) -> int:
        """That something happened then stays, so that no volume moves; who it was and all that was said goes.

        What colleagues wrote down by hand goes by the usual name of its kind, whatever it was called.
        """
        mine = Interaction.objects.filter(customer=customer)
        identifiers = CustomerIdentifier.objects.filter(customer=customer).values_list("pk", flat=True)
        waiting = Interaction.objects.filter(customer=None, identity_id__in=[customer, *identifiers])
        return forget(mine) + forget(waiting)


def forget(rows: QuerySet[Interaction]) -> int:
    """Take person and contents out of these rows; how many. One UPDATE for each kind written by hand, and one more."""
    by_hand = rows.filter(source=Interaction.Source.HAND)
    for kind in by_hand.values_list("kind", flat=True).distinct():
        known = TOUCH_KINDS.get(kind)
        by_hand.filter(kind=kind).update(event=known.event if known else kind)
    return rows.update(customer=None, identity_id=None, properties={}, context={})


def readable(row: Interaction, actor: Actor, said: Any) -> Any:
    """Properties, context or words of an interaction as this actor may read them: whole, or without names."""
    if may_read_unmasked(actor, row.unit_id):
        return said
    names = (row.customer.name,) if row.customer else ()
    return mask_values(said, lambda text: mask_text(text, names))


def count_aged(before: datetime) -> int:
    """Interactions from before a time. Reads the index of the partitions of that time."""
    return Interaction.objects.filter(during(None, before)).count()


def purge_aged(before: datetime, limit: int) -> int:
    """Remove at most `limit` of them and tell of it."""
    return delete_interactions(which=during(None, before), limit=limit)


def acted_since(customers: Collection[UUID], since: datetime) -> set[UUID]:
    """Those of these customers who did anything since a time. One query."""
    rows = Interaction.objects.filter(customer__in=customers, pk__gte=lowest_id(since))
    return {customer for customer in rows.values_list("customer_id", flat=True).distinct() if customer}
