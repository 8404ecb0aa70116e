"""Starting, changing and ending workshops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.journeys.models import Journey
from apps.outbox.services import emit
from apps.workshops import rules
from apps.workshops.models import VoteRound, Workshop, WorkshopCode
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, read_fields
from cxm.scope import current_tenant_id
from cxm.texts import clean_text

CODES_KEPT: Final = timedelta(days=30)
"""How long the hash of an old code stays."""


@transaction.atomic
def start_workshop(
    *,
    actor: Actor,
    journey: Journey,
    title: str = "",
    opens_at: datetime | None = None,
    ends_at: datetime | None = None,
    **settings: Any,
) -> Workshop:
    """Open a workshop on a map, for a day unless `ends_at` says otherwise (at most seven days after `opens_at`).

    `settings` as `change_workshop` takes them. Raises DomainErrors naming what is wrong, Conflict while another
    workshop on this map is open or the map is archived. Emits workshops.workshop_started.
    """
    actor.require("workshops.host")
    journey = Journey.objects.select_for_update().get(pk=journey.pk)
    if journey.archived_at is not None:
        raise Conflict(_("This map is archived. Bring it back first."))
    now = timezone.now()
    for other in Workshop.objects.filter(journey=journey, closed_at=None):
        if not other.is_over:
            raise Conflict(_("A workshop on this map is open already. End it first."))
        close_workshop(other, other.ends_at)
    opens_at = max(_read_moment(opens_at, "opens_at"), now) if opens_at else now
    values = read_fields(_READERS, {"title": title or journey.name, **settings})
    workshop = Workshop(journey=journey, host_id=actor.user_id, opens_at=opens_at, **values)
    workshop.ends_at = _read_end(ends_at or opens_at + rules.USUAL_TIME, opens_at)
    workshop.save(force_insert=True)
    _write_code(workshop)
    record(actor=actor, action="workshops.started", target=workshop)
    emit("workshops.workshop_started", {"workshop": str(workshop.pk), "journey": str(journey.pk)})
    return workshop


@transaction.atomic
def change_workshop(*, actor: Actor, workshop: Workshop, **changes: Any) -> Workshop:
    """Change `title`, `guests_may`, `votes_per_person`, `shows_names`, `shows_scores`, `opens_library` or `ends_at`.

    Takes effect at once for everybody who is in. Raises DomainErrors, Conflict when it is over.
    """
    workshop = lock_workshop(actor, workshop)
    values = read_fields(_READERS, changes)
    if "ends_at" in changes:
        values["ends_at"] = _read_end(changes["ends_at"], workshop.opens_at)
    changed = [name for name, value in values.items() if getattr(workshop, name) != value]
    for name in changed:
        setattr(workshop, name, values[name])
    if changed:
        workshop.save(update_fields=changed)
        if "ends_at" in changed:
            WorkshopCode.objects.filter(workshop_id=workshop.pk).update(ends_at=workshop.ends_at)
        record(actor=actor, action="workshops.changed", target=workshop, fields=changed)
    return workshop


@transaction.atomic
def renew_code(*, actor: Actor, workshop: Workshop) -> Workshop:
    """Another code instead of the one that got into wrong hands: the old one lets nobody new in; who is in stays."""
    workshop = lock_workshop(actor, workshop)
    workshop.code_version += 1
    _write_code(workshop)
    workshop.save(update_fields=["code_version"])
    record(actor=actor, action="workshops.code_renewed", target=workshop)
    return workshop


@transaction.atomic
def end_workshop(*, actor: Actor, workshop: Workshop) -> Workshop:
    """End it now: guests are out with their next request, an open vote is revealed. Ending twice changes nothing.

    Emits workshops.workshop_ended.
    """
    actor.require("workshops.host")
    workshop = Workshop.objects.select_for_update().get(pk=workshop.pk)
    if workshop.closed_at is None:
        close_workshop(workshop, min(timezone.now(), workshop.ends_at))
        record(actor=actor, action="workshops.ended", target=workshop)
        emit("workshops.workshop_ended", {"workshop": str(workshop.pk), "journey": str(workshop.journey_id)})
    return workshop


def lock_workshop(actor: Actor, workshop: Workshop) -> Workshop:
    """The workshop as it is now, for its host to change. Raises Conflict when it is over."""
    actor.require("workshops.host")
    workshop = Workshop.objects.select_for_update().get(pk=workshop.pk)
    if workshop.is_over:
        raise Conflict(_("This workshop has ended."))
    return workshop


def close_workshop(workshop: Workshop, at: datetime) -> None:
    """Write that a workshop is over since `at`, and reveal what was still being voted on."""
    workshop.closed_at = at
    workshop.timer_ends_at = workshop.timer_left = None
    workshop.save(update_fields=["closed_at", "timer_ends_at", "timer_left"])
    for round in VoteRound.objects.filter(workshop=workshop, revealed_at=None):
        settle_round(round, at)


def settle_round(round: VoteRound, at: datetime) -> None:
    """Reveal a round and forget what its voters' marks were made with."""
    round.revealed_at = min(at, round.ends_at) if round.ends_at else at
    round.salt = ""
    round.save(update_fields=["revealed_at", "salt"])


def _write_code(workshop: Workshop) -> None:
    """Let the workshop's code lead to it. A code that is taken (1 in 5e11 for each one there is) is passed over."""
    codes = WorkshopCode.objects.filter(organization_id=current_tenant_id())
    codes.filter(ends_at__lt=timezone.now() - CODES_KEPT).delete()
    while True:
        digest = rules.digest_of(rules.code_of(workshop.pk, workshop.code_version))
        _row, is_new = WorkshopCode.objects.get_or_create(
            digest=digest,
            defaults={
                "organization_id": current_tenant_id(),
                "workshop_id": workshop.pk,
                "ends_at": workshop.ends_at,
            },
        )
        if is_new:
            break
        workshop.code_version += 1
    workshop.save(update_fields=["code_version"])


# ---------------------------------------------------------------------------------------------------------------------
# Reading what was given


def _read_flag(name: str) -> Callable[[Any], bool]:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise DomainError(_("Give true or false."), field=name)
        return value

    return read


def _read_guests_may(value: Any) -> str:
    if value not in Workshop.GuestsMay.values:
        choices = ", ".join(Workshop.GuestsMay.values)
        raise DomainError(_("Choose one of: %(choices)s.") % {"choices": choices}, field="guests_may")
    return str(value)


def read_number(value: Any, name: str, most: int) -> int:
    """A whole number from 1 to `most`. Raises DomainError naming the field."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise DomainError(_("Give a whole number from 1 to %(most)d.") % {"most": most}, field=name)
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "title": lambda value: clean_text(value, field="title", limit=120, required=True),
    "guests_may": _read_guests_may,
    "votes_per_person": lambda value: read_number(value, "votes_per_person", rules.MOST_VOTES),
    "shows_names": _read_flag("shows_names"),
    "shows_scores": _read_flag("shows_scores"),
    "opens_library": _read_flag("opens_library"),
}


def _read_moment(value: Any, name: str) -> datetime:
    if not isinstance(value, datetime) or timezone.is_naive(value):
        raise DomainError(_("Give a date and time with its zone."), field=name)
    if abs(value - timezone.now()) > timedelta(days=366):
        raise DomainError(_("Choose a time within a year."), field=name)
    return value


def _read_end(value: Any, opens_at: datetime) -> datetime:
    ends_at = _read_moment(value, "ends_at")
    if ends_at <= max(opens_at, timezone.now()):
        raise DomainError(_("The end must lie in the future, after the opening."), field="ends_at")
    if ends_at - opens_at > rules.LONGEST:
        message = _("A workshop lasts at most %(days)d days.") % {"days": rules.LONGEST.days}
        raise DomainError(message, field="ends_at")
    return ends_at
