"""Letting people in without an account, and out again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.workshops import rules
from apps.workshops.models import Workshop, WorkshopGuest
from apps.workshops.services.hosting import lock_workshop
from cxm.actor import Actor
from cxm.api.throttles import throttle
from cxm.errors import Conflict, DomainError
from cxm.texts import clean_text

LONGEST_NAME: Final = 60
SEEN_EVERY: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Joined:
    """A new guest and the secret of their browser, which is told once and stored nowhere."""

    guest: WorkshopGuest
    secret: str


@transaction.atomic
def join_workshop(*, workshop: Workshop, name: str, ip: str | None = None) -> Joined:
    """Let somebody in under a name of their choice.

    A name that is taken gets a number, so that the others can tell who is who. Raises DomainError naming `name`,
    Conflict when the workshop is over, not open yet or full.
    """
    name = clean_text(" ".join(name.split()), field="name", limit=LONGEST_NAME - 4, required=True)
    if not any(character.isalnum() for character in name) or not name.isprintable():
        raise DomainError(_("Use a name with letters or digits."), field="name")
    if not throttle().take(f"workshop-joins:{workshop.pk}", rules.JOINS).allowed:
        raise Conflict(_("Many people are joining right now. Try again in a minute."))
    workshop = Workshop.objects.select_for_update().get(pk=workshop.pk)
    if not workshop.is_open:
        raise Conflict(_("This workshop is not open."))
    here = list(WorkshopGuest.objects.filter(workshop=workshop, removed_at=None).values_list("name", flat=True))
    if len(here) >= rules.MOST_GUESTS:
        raise Conflict(_("This workshop is full: %(most)d guests are in.") % {"most": rules.MOST_GUESTS})
    secret = rules.new_secret()
    guest = WorkshopGuest.objects.create(
        workshop=workshop, name=_free_name(name, here), session_hash=rules.hash_of(secret)
    )
    record(actor=Actor.guest(guest.pk, guest.name, ip), action="workshops.joined", target=workshop)
    return Joined(guest, secret)


def _free_name(name: str, taken: list[str]) -> str:
    """The name, with the first number that makes it one of its own."""
    known = {other.casefold() for other in taken}
    number = 1
    free = name
    while free.casefold() in known:
        number += 1
        free = f"{name} {number}"
    return free


@transaction.atomic
def remove_guest(*, actor: Actor, guest: WorkshopGuest) -> WorkshopGuest:
    """Send a guest out: their next request gets no further. What they drew stays. Twice changes nothing."""
    workshop = lock_workshop(actor, guest.workshop)
    guest = WorkshopGuest.objects.select_for_update().get(pk=guest.pk, workshop=workshop)
    if guest.removed_at is None:
        guest.removed_at = timezone.now()
        guest.save(update_fields=["removed_at"])
        record(actor=actor, action="workshops.guest_removed", target=guest)
    return guest


def note_seen(guest: WorkshopGuest) -> None:
    """Remember that a guest's browser asked for something; one write in ten seconds at most."""
    now = timezone.now()
    if now - guest.seen_at >= SEEN_EVERY:
        WorkshopGuest.objects.filter(pk=guest.pk).update(seen_at=now)
