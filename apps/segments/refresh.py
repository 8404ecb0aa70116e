"""Keeping members what the rules say: for the customers something happened to at once, and for everybody when due.

- *Following*: an event on the outbox names customers; they are decided anew for every segment whose rule can depend on
  it. The question is asked after the event's transaction, so late events, edits, deletions and merges are one path.
- *Refreshing*: the whole set, for a new or changed rule, for rules with moving windows every ten minutes, and for
  whatever touches everybody (time zone, units). It is computed without a lock, then applied in short transactions.
  Where members were decided anew beside it (the row's ``revision`` tells), its chunks are decided anew as well instead
  of applied, so neither can undo what the other knows (docs/adr/0102).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils.timezone import now

from apps.segments import membership
from apps.segments.compiler import Dependencies, Facts, compile_rule, dependencies, read_facts
from apps.segments.models import Segment
from apps.segments.planning import for_sets
from apps.segments.rule import Rule, parse_rule
from cxm.logging import describe_exception

logger = logging.getLogger("cxm.segments")

TIME_BOUND_EVERY = timedelta(minutes=10)
LEASE = timedelta(minutes=5)
LONGEST_SECONDS = 240
"""A computation is given up after this, before its lease ends."""
MOST_ATTEMPTS = 8
MOST_FOLLOWED = 20_000
"""More customers than this in one portion of events: refreshing everybody is cheaper."""
LONGEST_ERROR = 300


@dataclass(frozen=True, slots=True)
class Live:
    """A live segment with its rule read and what it depends on."""

    id: UUID
    rule: Rule
    revision: int
    needs: Dependencies


def live_segments() -> tuple[list[Live], Facts]:
    """Every live segment in order of id, and the facts to compile their rules. Two queries, three with units."""
    rows = Segment.objects.filter(kind=Segment.Kind.LIVE).order_by("pk").values_list("pk", "rule", "revision")
    read = [(pk, parse_rule(raw), revision) for pk, raw, revision in rows]
    facts = read_facts(*(rule for _pk, rule, _revision in read))
    return [Live(pk, rule, revision, dependencies(rule, facts.rules)) for pk, rule, revision in read], facts


# -- following


def follow(customers: Collection[UUID], concerns: Callable[[Dependencies], bool]) -> None:
    """Decide anew for these customers in every live segment that is concerned. Inside the caller's transaction.

    The customers' rows are held first, in order of id, then the segments', one after another.
    """
    segments, facts = live_segments()
    concerned = [segment for segment in segments if concerns(segment.needs)]
    if not concerned or not customers:
        return
    if len(customers) > MOST_FOLLOWED:
        request_refresh(segment.id for segment in concerned)
        return
    ids = sorted(customers)
    with for_sets():
        for first in range(0, len(ids), membership.CHUNK):
            portion = ids[first : first + membership.CHUNK]
            is_any_gone = membership.hold(portion) < len(portion)
            for segment in concerned:
                _follow_in(segment, facts, portion, is_any_gone=is_any_gone)


def _follow_in(live: Live, facts: Facts, customers: Sequence[UUID], *, is_any_gone: bool) -> None:
    """Decide in one segment. Deleted customers took their memberships along: then the size is counted again."""
    segment = membership.locked(live.id)
    if segment is None or segment.kind != Segment.Kind.LIVE:
        return
    rule = live.rule
    if segment.revision != live.revision:  # what was read before the lock may have changed
        rule = parse_rule(segment.rule)
        facts = read_facts(rule)
    changed = membership.decide(segment, rule, facts, customers)
    values: dict[str, Any] = {"revision": F("revision") + 1}
    if segment.size is not None and (changed or is_any_gone):
        values["size"] = membership.count(segment.pk) if is_any_gone else max(0, segment.size + changed)
    Segment.objects.filter(pk=segment.pk).update(**values)


def recount() -> None:
    """Count every list again: who belongs to it can cease to be a person, or become one again, elsewhere."""
    for pk in Segment.objects.filter(kind=Segment.Kind.STATIC).order_by("pk").values_list("pk", flat=True):
        if membership.locked(pk) is not None:
            Segment.objects.filter(pk=pk).update(size=membership.count(pk))


# -- refreshing


def request_refresh(segment_ids: Iterable[UUID]) -> None:
    """Have these segments refreshed by a worker as soon as the transaction commits; again if one is at it now."""
    ids = list(segment_ids)
    if ids:
        rows = Segment.objects.filter(pk__in=ids)
        rows.filter(state=Segment.State.FAILED).update(state=Segment.State.COMPUTING)
        rows.update(refresh_at=now(), attempts=0, revision=F("revision") + 1)
        wake()


def wake() -> None:
    """Wake a worker after the commit; the sweep finds what was not heard."""
    from apps.segments.tasks import refresh_due_segments

    refresh_due_segments.wake()


def dependents_of(segment_id: UUID) -> list[UUID]:
    """The live segments whose rules lead to this one. Three queries at most."""
    return [segment.id for segment in live_segments()[0] if segment_id in segment.needs.segments]


def refresh_segment(segment_id: UUID, *, seconds: float = LONGEST_SECONDS, most: int | None = None) -> bool:
    """Compute who belongs to a segment and make it so; whether that was finished.

    It is not when the segment has gone, its rule changed meanwhile (then another refresh is due), or more than
    ``most`` members would change. Outside a
    transaction nothing is locked while the set is computed, and a chunk of changes holds its rows for the time of one
    statement. Raises OperationalError when the computation takes longer than ``seconds``.
    """
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        return False
    due = segment.refresh_at
    if segment.kind == Segment.Kind.STATIC:
        return _finish(segment, due, Dependencies())
    rule = parse_rule(segment.rule)
    facts = read_facts(rule)
    with transaction.atomic(), for_sets(seconds):
        found = membership.difference(segment, compile_rule(rule, at=now(), facts=facts))
    if most is not None and len(found.come) + len(found.gone) > 16 * most:
        return False
    applied = 0
    for packed, change in ((found.gone, membership.remove), (found.come, membership.add)):
        for customers in membership.chunks(packed):
            done = _apply(segment, rule, facts, customers, change)
            if done is None:
                return False
            applied += done
    is_size_known = applied * 16 == len(found.come) + len(found.gone)
    return _finish(segment, due, dependencies(rule, facts.rules), found.size if is_size_known else None)


def _apply(
    seen: Segment,
    rule: Rule,
    facts: Facts,
    customers: Sequence[UUID],
    change: Callable[[Segment, Sequence[UUID]], int],
) -> int | None:
    """Apply one chunk of a computation, or decide it anew where members were decided since ``seen`` was read.

    How many members the computation changed; None when the segment has gone or has another rule now.
    """
    with transaction.atomic():
        segment = membership.locked(seen.pk)
        if segment is None or segment.rule != seen.rule:
            return None
        done = 0
        if segment.revision == seen.revision:
            done = change(segment, customers)
        else:
            membership.hold(customers)
            with for_sets():
                membership.decide(segment, rule, facts, customers)
        if segment.leased_until is not None:
            Segment.objects.filter(pk=segment.pk).update(leased_until=now() + LEASE)
    return done


def _finish(seen: Segment, due: Any, needs: Dependencies, size: int | None = None) -> bool:
    """Write down that the members are right, and when they must be looked at again.

    ``size`` is right when nobody was decided beside this; else the members are counted.
    """
    with transaction.atomic():
        segment = membership.locked(seen.pk)
        if segment is None or segment.rule != seen.rule:
            return False
        is_known = size is not None and segment.revision == seen.revision
        segment.size = size if is_known else membership.count(segment.pk)
        segment.computed_at = now()
        segment.state, segment.error, segment.attempts, segment.leased_until = Segment.State.READY, "", 0, None
        segment.is_time_bound = needs.is_time_bound
        if segment.refresh_at == due:
            segment.refresh_at = now() + TIME_BOUND_EVERY if needs.is_time_bound else None
        Segment.objects.filter(pk=segment.pk).update(
            **{name: getattr(segment, name) for name in _FINISHED},
        )
    return True


_FINISHED = ("size", "computed_at", "state", "error", "attempts", "leased_until", "is_time_bound", "refresh_at")


# -- the queue


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one round over the queue did."""

    done: int = 0
    failed: int = 0


def refresh_due(*, most: int = 20) -> Refreshed:
    """Refresh what is due in the organisation in force, the longest due first, at most so many segments.

    A claim commits before the work begins and counts an attempt, so a killed worker's segment is due again when its
    lease ends, and one that kills its worker every time is parked.
    """
    outcome = Refreshed()
    for _number in range(most):
        segment_id = _claim()
        if segment_id is None:
            break
        try:
            refresh_segment(segment_id)
            outcome = replace(outcome, done=outcome.done + 1)
        except Exception as error:
            logger.warning("segment refresh failed", extra={"segment": str(segment_id)}, exc_info=True)
            _note_failure(segment_id, error)
            outcome = replace(outcome, failed=outcome.failed + 1)
        else:
            _release(segment_id)
    return outcome


def _claim() -> UUID | None:
    with transaction.atomic():
        at = now()
        free = Q(leased_until=None) | Q(leased_until__lt=at)
        rows = Segment.objects.select_for_update(skip_locked=True, no_key=True).filter(free, refresh_at__lte=at)
        segment = rows.order_by("refresh_at", "pk").first()
        if segment is None:
            return None
        values: dict[str, Any] = {"leased_until": at + LEASE, "attempts": segment.attempts + 1}
        if segment.attempts >= MOST_ATTEMPTS:
            message = segment.error or "The worker was lost each time."
            values = {"state": Segment.State.FAILED, "refresh_at": None, "leased_until": None, "error": message}
        Segment.objects.filter(pk=segment.pk).update(**values)
    return segment.pk if segment.attempts < MOST_ATTEMPTS else _claim()


def _note_failure(segment_id: UUID, error: BaseException) -> None:
    """Try again later, each time after a longer pause; after eight attempts wait for somebody to look."""
    with transaction.atomic():
        segment = membership.locked(segment_id)
        if segment is None:
            return
        segment.error = describe_exception(error)[:LONGEST_ERROR]
        segment.leased_until = None
        if segment.attempts >= MOST_ATTEMPTS:
            segment.state, segment.refresh_at = Segment.State.FAILED, None
        else:
            segment.refresh_at = now() + timedelta(seconds=5 * 3 ** max(0, segment.attempts - 1))
        segment.save(update_fields=["error", "leased_until", "state", "refresh_at"])


def _release(segment_id: UUID) -> None:
    """Give back a claim on a segment whose rule changed under the work: what is due stays due, at once."""
    Segment.objects.filter(pk=segment_id, leased_until__isnull=False).update(leased_until=None, attempts=0)
