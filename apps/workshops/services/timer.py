"""The clock that everybody sees: it runs by the server's time, so it is the same on every screen."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.workshops import rules
from apps.workshops.models import Workshop
from apps.workshops.services.hosting import lock_workshop, read_number
from cxm.actor import Actor
from cxm.errors import Conflict

MOST_MINUTES = int(rules.LONGEST_TIMER.total_seconds()) // 60


@transaction.atomic
def start_timer(*, actor: Actor, workshop: Workshop, minutes: int) -> Workshop:
    """Let the clock run from `minutes` (1 to 480); one that ran starts anew."""
    workshop = lock_workshop(actor, workshop)
    minutes = read_number(minutes, "minutes", MOST_MINUTES)
    return _set(workshop, running=timedelta(minutes=minutes))


@transaction.atomic
def pause_timer(*, actor: Actor, workshop: Workshop) -> Workshop:
    """Hold the clock. Raises Conflict when none runs."""
    workshop = lock_workshop(actor, workshop)
    timer = rules.timer_of(workshop.timer_ends_at, workshop.timer_left, timezone.now())
    if timer.state != "running":
        raise Conflict(_("No timer is running."))
    return _set(workshop, left=timer.left)


@transaction.atomic
def resume_timer(*, actor: Actor, workshop: Workshop) -> Workshop:
    """Let a held clock run on. Raises Conflict when none is held."""
    workshop = lock_workshop(actor, workshop)
    if workshop.timer_left is None:
        raise Conflict(_("No timer is paused."))
    return _set(workshop, running=timedelta(seconds=workshop.timer_left))


@transaction.atomic
def extend_timer(*, actor: Actor, workshop: Workshop, minutes: int) -> Workshop:
    """Give `minutes` more, to a clock that runs, is held or has just run out. Raises Conflict when there is none."""
    workshop = lock_workshop(actor, workshop)
    minutes = read_number(minutes, "minutes", MOST_MINUTES)
    timer = rules.timer_of(workshop.timer_ends_at, workshop.timer_left, timezone.now())
    if timer.state == "none":
        raise Conflict(_("There is no timer."))
    longer = min(timer.left + 60 * minutes, 60 * MOST_MINUTES)
    if timer.state == "paused":
        return _set(workshop, left=longer)
    return _set(workshop, running=timedelta(seconds=longer))


@transaction.atomic
def stop_timer(*, actor: Actor, workshop: Workshop) -> Workshop:
    """Take the clock away."""
    return _set(lock_workshop(actor, workshop))


def _set(workshop: Workshop, *, running: timedelta | None = None, left: int | None = None) -> Workshop:
    workshop.timer_ends_at = timezone.now() + running if running is not None else None
    workshop.timer_left = left
    workshop.save(update_fields=["timer_ends_at", "timer_left"])
    return workshop
