"""Marking answers as they arrive: asked for a score, the same words as others, one device, chosen by hand.

All of it is recomputed for each answer that is heard of, so that hearing of it twice, or in any order, ends in the
same marks; a mark whose reason is gone with a changed comment goes too. Answers of anonymous surveys and of employees
are not looked at. Marks do not tell of themselves (apps/surveys/services/flags.py), so nothing is heard again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.integrity.devices import crowded
from apps.integrity.flags import ALIKE, COACHED, HAND_PICKED, SHARED_DEVICE
from apps.integrity.hand_picked import HAND_PICKED_BATCHES
from apps.integrity.likeness import alike, pairs_of, prints_of
from apps.integrity.models import CommentPrint
from apps.integrity.phrases import is_coached
from apps.surveys.models import Response, Survey
from apps.surveys.services.flags import add_flags, remove_flags
from cxm.scope import current_tenant_id

SAME_WORDS_WITHIN: Final = timedelta(days=30)
SAME_WORDS: Final = 3
"""People with nearly the same words within that time."""
PRINTS_KEPT: Final = timedelta(days=62)

_MOST_COMPARED: Final = 50
"""Answers with one print that a comment is compared with: so many, the nearest in time, before it and after."""
_PURGED_AT_ONCE: Final = 5_000


def flag_answers(response_ids: Collection[UUID]) -> None:
    """Set the marks of these answers anew. A handful of queries however many there are."""
    wanted = Response.objects.filter(
        pk__in=response_ids, survey__anonymous=False, survey__audience=Survey.Audience.CUSTOMERS
    )
    rows = list(
        wanted.only(
            "customer_id", "invitation_id", "source_id", "channel", "comment", "flags", "occurred_at", "source",
            "recorded_at",
        )
    )  # fmt: skip
    _mark(rows, {row.pk for row in rows if is_coached(row.comment)}, COACHED)
    _mark(rows, _chosen_by_hand(rows), HAND_PICKED)
    add_flags(crowded([row for row in rows if row.source == "page" and row.recorded_at > now() - timedelta(hours=1)]),
              SHARED_DEVICE)  # fmt: skip
    _mark_alike(rows)


def purge_prints() -> int:
    """Remove prints that are too old to be compared with; at most 5,000 at once, and how many it was."""
    old = CommentPrint.objects.filter(at__lt=now() - PRINTS_KEPT).order_by("at").values("pk")[:_PURGED_AT_ONCE]
    return CommentPrint.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()[0]


def _mark(rows: Collection[Response], marked: set[UUID], code: str) -> None:
    """Give the mark to these of the rows, and take it from the others."""
    add_flags([row.pk for row in rows if row.pk in marked and code not in row.flags], code)
    remove_flags([row.pk for row in rows if row.pk not in marked and code in row.flags], code)


def _chosen_by_hand(rows: Collection[Response]) -> set[UUID]:
    """Answers to invitations of sendings that a colleague put together by hand. One query."""
    invited = {row.invitation_id: row.pk for row in rows if row.invitation_id}
    if not invited:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH asked AS (
                SELECT id, batch_id FROM dispatch_invitation
                 WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[])
            ), picked AS ({HAND_PICKED_BATCHES} AND b.id IN (SELECT batch_id FROM asked))
            SELECT asked.id FROM asked JOIN picked ON picked.batch_id = asked.batch_id
            """,
            {"tenant": str(current_tenant_id()), "ids": [str(pk) for pk in invited]},
        )
        return {invited[found] for (found,) in cursor.fetchall()}


def _mark_alike(rows: Collection[Response]) -> None:
    """Keep the prints of these comments, and mark whoever says what at least two others say."""
    horizon = now() - PRINTS_KEPT
    CommentPrint.objects.filter(response__in=[row.pk for row in rows]).delete()
    prints = {
        row.pk: numbers
        for row in rows
        if row.occurred_at > horizon and len(row.comment) >= 15 and (numbers := prints_of(row.comment))
    }
    CommentPrint.objects.bulk_create(
        (
            CommentPrint(response_id=row.pk, number=number, at=row.occurred_at)
            for row in rows
            for number in prints.get(row.pk, ())
        ),
        batch_size=2_000,
    )
    found = _groups_alike([row for row in rows if row.pk in prints], prints)
    remove_flags([row.pk for row in rows if row.pk not in found and ALIKE in row.flags], ALIKE)
    add_flags(found, ALIKE)


def _groups_alike(rows: Collection[Response], prints: dict[UUID, list[int]]) -> set[UUID]:
    """These answers, and their neighbours, where SAME_WORDS people said nearly the same. Two queries."""
    if not rows:
        return set()
    near = _near(rows, prints)
    others = Response.objects.filter(pk__in=set().union(*near.values())).values_list(
        "pk", "comment", "customer_id", "occurred_at"
    )
    said = {pk: (comment, customer, at) for pk, comment, customer, at in others}
    neighbours = {pk: {other: said[other] for other in found if other in said} for pk, found in near.items()}
    marked: set[UUID] = set()
    for row in rows:
        pairs = pairs_of(row.comment)
        same = {
            pk: (customer or pk, at)
            for pk, (comment, customer, at) in neighbours[row.pk].items()
            if alike(pairs, pairs_of(comment))
        }
        same[row.pk] = (row.customer_id or row.pk, row.occurred_at)
        marked |= _crowd(same)
    return marked


def _near(rows: Collection[Response], prints: dict[UUID, list[int]]) -> dict[UUID, set[UUID]]:
    """By answer those that share a print with it within 30 days, for each print the nearest in time. One query.

    The prints are read in one pass and put side by side here: joined in the database, a planner that knows nothing yet
    of a table just filled walks through all of it once for every comment.
    """
    numbers = {number for row in rows for number in prints[row.pk]}
    times = [row.occurred_at for row in rows]
    kept = CommentPrint.objects.filter(
        number__in=numbers, at__range=(min(times) - SAME_WORDS_WITHIN, max(times) + SAME_WORDS_WITHIN)
    )
    by_number: dict[int, list[tuple[datetime, UUID]]] = defaultdict(list)
    for number, at, response in kept.values_list("number", "at", "response_id"):
        by_number[number].append((at, response))
    for those in by_number.values():
        those.sort()
    near: dict[UUID, set[UUID]] = {}
    for row in rows:
        near[row.pk] = set()
        for number in prints[row.pk]:
            those = by_number[number]
            here = bisect_left(those, row.occurred_at, key=_when)
            first = max(bisect_left(those, row.occurred_at - SAME_WORDS_WITHIN, key=_when), here - _MOST_COMPARED)
            last = min(bisect_right(those, row.occurred_at + SAME_WORDS_WITHIN, key=_when), here + _MOST_COMPARED)
            near[row.pk].update(response for _at, response in those[first:last])
        near[row.pk].discard(row.pk)
    return near


def _when(kept: tuple[datetime, UUID]) -> datetime:
    return kept[0]


def _crowd(same: dict[UUID, tuple[UUID, datetime]]) -> set[UUID]:
    """Those of these answers that lie within some 30 days in which SAME_WORDS people said this."""
    ordered = sorted((at, pk, person) for pk, (person, at) in same.items())
    found: set[UUID] = set()
    for at, _pk, _person in ordered:
        span = [(pk, person) for then, pk, person in ordered if at <= then <= at + SAME_WORDS_WITHIN]
        if len({person for _pk2, person in span}) >= SAME_WORDS:
            found |= {pk for pk, _person2 in span}
    return found
