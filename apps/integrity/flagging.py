"""Marking answers as they arrive: asked for a score, the same words as others, one device, chosen by hand.

All of it is recomputed for each answer that is heard of, so that hearing of it twice, or in any order, ends in the
same marks; a mark whose reason is gone with a changed comment goes too. Answers of anonymous surveys and of employees
are not looked at. Marks do not tell of themselves (apps/surveys/services/flags.py), so nothing is heard again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final
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
"""Answers with one print that a comment is compared with, the nearest in time before and after."""
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


_NEIGHBOURS: Final = """
    SELECT mine.response, near.response_id, r.comment, r.customer_id, r.occurred_at
      FROM unnest(%(responses)s::uuid[], %(numbers)s::bigint[], %(times)s::timestamptz[]) AS mine(response, number, at)
     CROSS JOIN LATERAL (
           SELECT p.response_id FROM integrity_commentprint p
            WHERE p.tenant_id = %(tenant)s AND p.number = mine.number
              AND p.at BETWEEN mine.at - %(within)s AND mine.at + %(within)s
            ORDER BY p.at DESC LIMIT %(most)s) AS near
      JOIN surveys_response r ON r.tenant_id = %(tenant)s AND r.id = near.response_id
     WHERE r.id <> mine.response
"""


def _groups_alike(rows: Collection[Response], prints: dict[UUID, list[int]]) -> set[UUID]:
    """These answers, and their neighbours, where SAME_WORDS people said nearly the same. One query."""
    if not rows:
        return set()
    asked = [(str(row.pk), number, row.occurred_at) for row in rows for number in prints[row.pk]]
    values: dict[str, Any] = {
        "responses": [pk for pk, _number, _at in asked],
        "numbers": [number for _pk, number, _at in asked],
        "times": [at for _pk, _number, at in asked],
        "tenant": str(current_tenant_id()),
        "within": SAME_WORDS_WITHIN,
        "most": _MOST_COMPARED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_NEIGHBOURS, values)
        neighbours: dict[UUID, dict[UUID, tuple[str, UUID | None, datetime]]] = defaultdict(dict)
        for mine, near, comment, customer, at in cursor.fetchall():
            neighbours[mine][near] = (comment, customer, at)
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


def _crowd(same: dict[UUID, tuple[UUID, datetime]]) -> set[UUID]:
    """Those of these answers that lie within some 30 days in which SAME_WORDS people said this."""
    ordered = sorted((at, pk, person) for pk, (person, at) in same.items())
    found: set[UUID] = set()
    for at, _pk, _person in ordered:
        span = [(pk, person) for then, pk, person in ordered if at <= then <= at + SAME_WORDS_WITHIN]
        if len({person for _pk2, person in span}) >= SAME_WORDS:
            found |= {pk for pk, _person2 in span}
    return found
