"""What is to be looked at again: personas, and what upper apps register here in their wiring.

register_reviewable(Reviewable("journey", _("Journey map"), "route", "journeys.view", "journeys:detail", maps_due))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.outbox.services import emit
from apps.personas.models import ReviewNotice
from cxm.actor import Actor

MOST_EACH = 500
"""Things of one kind that the list shows."""


@dataclass(frozen=True, slots=True)
class Due:
    """A thing with a day on which it is to be looked at again. `owner` is a person or None."""

    pk: UUID
    name: str
    owner: Any
    review_date: date


DueSource = Callable[[Actor, date], "Sequence[Due]"]


@dataclass(frozen=True, slots=True)
class Reviewable:
    """A kind of thing with an owner and a review day; `due(actor, day)` gives those due by then, the oldest first."""

    kind: str
    label: Any
    icon: str
    permission: str
    url_name: str
    due: DueSource


REVIEWABLES: dict[str, Reviewable] = {}


def register_reviewable(reviewable: Reviewable) -> None:
    """Add a kind of thing to the list of reviews. Its name is stored: never change it."""
    REVIEWABLES[reviewable.kind] = reviewable


def reviews_due(actor: Actor, day: date, *, mine: bool = False) -> list[tuple[Reviewable, Due]]:
    """What the actor may see and is due by a day, the longest overdue first. One query a kind."""
    found = [
        (reviewable, due)
        for reviewable in REVIEWABLES.values()
        if actor.can(reviewable.permission)
        for due in reviewable.due(actor, day)
        if not mine or (due.owner is not None and due.owner.pk == actor.user_id)
    ]
    return sorted(found, key=lambda pair: (pair[1].review_date, pair[1].name))


def due_count(actor: Actor, day: date) -> int:
    """How many things of one's own are overdue. One query a kind."""
    return len(reviews_due(actor, day, mine=True))


@transaction.atomic
def tell_owners() -> int:
    """Have the owner of everything that is overdue told, once for every review day; how many were. Repeatable.

    Emits personas.review_due. A thing without an owner waits in the list.
    """
    system = Actor.system("reviews")
    due = [
        ReviewNotice(kind=reviewable.kind, object_id=found.pk, review_date=found.review_date)
        for reviewable, found in reviews_due(system, timezone.localdate())
        if found.owner is not None
    ]
    told = set(
        ReviewNotice.objects.filter(object_id__in=[row.object_id for row in due]).values_list(
            "kind", "object_id", "review_date"
        )
    )
    new = [row for row in due if (row.kind, row.object_id, row.review_date) not in told]
    ReviewNotice.objects.bulk_create(new, ignore_conflicts=True)
    for row in new:
        emit(
            "personas.review_due", {"kind": row.kind, "object": str(row.object_id), "day": row.review_date.isoformat()}
        )
    return len(new)


def due_thing(kind: str, pk: UUID, day: date) -> tuple[Reviewable, Due] | None:
    """The thing of a notice, if its review of that day still is due; for the mail to its owner."""
    reviewable = REVIEWABLES.get(kind)
    if reviewable is None:
        return None
    for found in reviewable.due(Actor.system("reviews"), timezone.localdate()):
        if found.pk == pk and found.review_date == day:
            return reviewable, found
    return None
