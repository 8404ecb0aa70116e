"""Having a large question counted by a worker: asking for it, counting it, stopping it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.core.cache import cache
from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _
from psycopg2.errors import QueryCanceled

from apps.journeys.models import Journey
from apps.paths.computing import compute, populations_of
from apps.paths.definition import PERMISSION, Definition, definition_from
from apps.paths.models import PathReport
from apps.paths.reading import one_moment
from cxm.actor import Actor
from cxm.db.limits import took_too_long
from cxm.errors import NotFound
from cxm.logging import describe_exception

logger = logging.getLogger("cxm.paths")

LEASE: Final = timedelta(minutes=15)
LONGEST_SECONDS: Final = 720
"""A count is given up after this, before its lease ends."""
STATEMENT_SECONDS: Final = 240
MOST_ATTEMPTS: Final = 8
YOUNG: Final = timedelta(seconds=60)
"""A result of the last minute is good enough, whatever came in since: else a busy organisation would count for ever."""
GOOD_FOR: Final = timedelta(hours=24)
"""Counted anew after a day even when nobody told of a change."""
KEPT: Final = 60
"""Results kept of a map, those looked at last."""
BUSY: Final = (PathReport.State.QUEUED, PathReport.State.RUNNING)


class Stopped(Exception):
    """Somebody asked the count to stop."""


class GivenUp(Exception):
    """The count took longer than one may."""


@transaction.atomic
def request_report(
    *, actor: Actor, journey: Journey, kind: str, definition: Definition, again: bool = False
) -> PathReport:
    """The report that answers a question, counted (anew) by a worker unless its result is current or being counted.

    One that was stopped or failed is counted again only when asked with `again`, or an hour later. Raises NotAllowed.
    """
    actor.require(PERMISSION)
    scope = definition.scope
    asked = now()
    report, is_new = PathReport.objects.get_or_create(
        digest=definition.digest(kind, journey.pk),
        defaults={
            "journey": journey,
            "kind": kind,
            "definition": definition.as_json(),
            "window_start": scope.start,
            "window_end": scope.end,
            "requested_by_id": actor.user_id,
        },
    )
    report = PathReport.objects.select_for_update(no_key=True, of=("self",)).get(pk=report.pk)
    report.asked_at = asked
    if is_new:
        _drop_oldest(journey)
    elif not is_current(report) and report.state not in BUSY and (again or _may_try(report)):
        report.state, report.attempts, report.stop_requested, report.error = PathReport.State.QUEUED, 0, False, ""
        report.requested_at, report.requested_by_id = asked, actor.user_id
    report.save()
    if report.state == PathReport.State.QUEUED:
        wake(report.pk)
    return report


@transaction.atomic
def keep_result(
    *, actor: Actor, journey: Journey, definition: Definition, result: dict[str, Any], as_of: datetime
) -> PathReport | None:
    """Keep what was counted at once for the board of its map, at most once a minute. Raises NotAllowed."""
    actor.require(PERMISSION)
    kind, scope = PathReport.Kind.PATHS, definition.scope
    digest = definition.digest(kind, journey.pk)
    if PathReport.objects.filter(digest=digest, as_of__gt=as_of - YOUNG).exists():
        return None
    report, is_new = PathReport.objects.update_or_create(
        digest=digest,
        defaults={
            "state": PathReport.State.DONE,
            "result": result,
            "as_of": as_of,
            "asked_at": as_of,
            "is_stale": False,
        },
        create_defaults={
            "journey": journey,
            "kind": kind,
            "definition": definition.as_json(),
            "window_start": scope.start,
            "window_end": scope.end,
            "requested_by_id": actor.user_id,
            "state": PathReport.State.DONE,
            "result": result,
            "as_of": as_of,
        },
    )
    if is_new:
        _drop_oldest(journey)
    return report


@transaction.atomic
def count_again(*, actor: Actor, journey: Journey, report_id: UUID) -> PathReport:
    """Have a report counted again that was stopped or has failed. Raises NotAllowed, NotFound."""
    actor.require(PERMISSION)
    found = report_for(actor, journey, report_id)
    definition = definition_from(found.definition)
    return request_report(actor=actor, journey=journey, kind=found.kind, definition=definition, again=True)


def is_current(report: PathReport) -> bool:
    """Whether the result stands for the interactions there are now, or is a minute old at most. One query at most."""
    if report.result is None or report.as_of is None:
        return False
    age = now() - report.as_of
    if age < YOUNG:
        return True
    if report.is_stale or age > GOOD_FOR:
        return False
    return report.populations == populations_of(definition_from(report.definition))


def _may_try(report: PathReport) -> bool:
    if report.state == PathReport.State.DONE:
        return True
    return now() - report.requested_at > timedelta(hours=1)


def _drop_oldest(journey: Journey) -> None:
    rows = PathReport.objects.filter(journey=journey).order_by("-asked_at", "-pk")
    PathReport.objects.filter(pk__in=list(rows.values_list("pk", flat=True)[KEPT:])).delete()


def report_for(actor: Actor, journey: Journey, pk: UUID) -> PathReport:
    """One report of a map that covers no more than the actor may see. Raises NotFound."""
    report = PathReport.objects.filter(pk=pk, journey=journey).first()
    if report is None:
        raise NotFound
    visible = actor.visible_units(PERMISSION)
    units = report.definition["scope"]["units"]
    if visible is not None and (units is None or not set(units) <= set(map(str, visible))):
        raise NotFound
    return report


@transaction.atomic
def stop_report(*, actor: Actor, journey: Journey, report_id: UUID) -> PathReport:
    """Stop a count; the former result stays. One that has ended is left as it is. Raises NotAllowed, NotFound."""
    actor.require(PERMISSION)
    found = report_for(actor, journey, report_id)
    report = PathReport.objects.select_for_update(no_key=True, of=("self",)).get(pk=found.pk)
    if report.state in BUSY:
        if report.state == PathReport.State.QUEUED:
            report.state = PathReport.State.STOPPED
        else:
            report.stop_requested = True
            cache.set(_stop_key(report.pk), True, timeout=LEASE.total_seconds())
        report.save(update_fields=["state", "stop_requested"])
    return report


def percent_of(report: PathReport) -> int:
    """How far a count is, 0..100."""
    if report.state != PathReport.State.RUNNING:
        return 0
    return int(cache.get(_percent_key(report.pk)) or 0)


def _stop_key(pk: UUID) -> str:
    return f"paths:stop:{pk}"


def _percent_key(pk: UUID) -> str:
    return f"paths:percent:{pk}"


def wake(pk: UUID) -> None:
    """Wake a worker after the commit; the sweep finds what was not heard."""
    from apps.paths.tasks import count_report

    count_report.wake(str(pk))


# ---------------------------------------------------------------------------------------------------------------------
# The worker


def run_report(report_id: UUID) -> None:
    """Count a report that is due, unless somebody else does. Called by the worker.

    The claim commits first, so a killed worker's report is due again when its lease ends. What changes from then on
    marks the report as stale, and the count sees one moment after that.
    """
    report = _claim(report_id)
    if report is None:
        return
    definition = definition_from(report.definition)
    populations, started = populations_of(definition), now()
    try:
        with one_moment(STATEMENT_SECONDS):
            result = compute(report.kind, definition, progress=_reporter(report.pk))
    except Stopped:
        _end(report.pk, PathReport.State.STOPPED)
    except GivenUp:
        _end(report.pk, PathReport.State.FAILED, _("This is too much to count. Choose a shorter period."))
    except Exception as error:
        logger.warning("counting paths failed", extra={"report": str(report.pk)}, exc_info=True)
        is_too_long = took_too_long(error) or isinstance(error, QueryCanceled)  # the latter by a COPY
        reason = _("This is too much to count. Choose a shorter period.") if is_too_long else describe_exception(error)
        _end(report.pk, PathReport.State.FAILED, reason)
    else:
        _keep(report.pk, result=result, populations=populations, as_of=started)


@transaction.atomic
def _claim(report_id: UUID) -> PathReport | None:
    rows = PathReport.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    report = rows.filter(pk=report_id, state__in=BUSY).first()
    if report is None or (report.leased_until and report.leased_until > now()):
        return None
    if report.stop_requested or report.attempts >= MOST_ATTEMPTS:
        report.state = PathReport.State.STOPPED if report.stop_requested else PathReport.State.FAILED
        report.error = "" if report.stop_requested else _("The worker was lost each time. Ask your operator to look.")
        report.leased_until = None
    else:
        report.state, report.started_at = PathReport.State.RUNNING, now()
        report.leased_until, report.attempts, report.is_stale = now() + LEASE, report.attempts + 1, False
        cache.delete_many([_percent_key(report.pk), _stop_key(report.pk)])
    report.save()
    return report if report.state == PathReport.State.RUNNING else None


def _reporter(pk: UUID) -> Callable[[float], None]:
    """Tells how far the count is, and raises when somebody stopped it or it takes too long."""
    until = time.monotonic() + LONGEST_SECONDS

    def report(done: float) -> None:
        cache.set(_percent_key(pk), int(100 * done), timeout=LEASE.total_seconds())
        if cache.get(_stop_key(pk)):
            raise Stopped
        if time.monotonic() > until:
            raise GivenUp

    return report


@transaction.atomic
def _keep(pk: UUID, *, result: dict[str, Any], populations: dict[str, int], as_of: datetime) -> None:
    report = PathReport.objects.select_for_update(no_key=True, of=("self",)).filter(pk=pk).first()
    if report is not None:
        report.state, report.leased_until, report.attempts, report.error = PathReport.State.DONE, None, 0, ""
        report.result, report.populations, report.as_of = result, populations, as_of
        report.stop_requested = False
        report.save()


@transaction.atomic
def _end(pk: UUID, state: str, error: str = "") -> None:
    cache.delete(_stop_key(pk))
    values = {"state": state, "error": error[:300], "leased_until": None, "stop_requested": False}
    PathReport.objects.filter(pk=pk).update(**values)


def mark_stale(first: datetime, last: datetime) -> int:
    """Mark the results of every window that has a part of [first, last]; how many that were. One statement."""
    begun = Q(window_start=None) | Q(window_start__lte=last)
    not_over = Q(window_end=None) | Q(window_end__gt=first)
    return PathReport.objects.filter(begun, not_over, is_stale=False).update(is_stale=True)
