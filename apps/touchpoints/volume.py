"""How often customers came by each touchpoint: the interactions that its event matcher fits."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from apps.touchpoints.models import Touchpoint
from cxm.partitions import EPOCH, lowest_id
from cxm.scope import current_tenant_id

LAST = datetime(9999, 12, 31, tzinfo=UTC)

# A matcher without conditions is counted in the index alone; one with conditions reads the rows of its event.
_COUNT = """
    SELECT t.touchpoint, count(*)
      FROM unnest(%(touchpoints)s::uuid[], %(events)s::text[], %(wheres)s::jsonb[]) AS t(touchpoint, event, conditions)
      JOIN interactions_interaction i ON i.event = t.event
     WHERE i.tenant_id = %(tenant)s AND i.id >= %(first)s AND i.id < %(end)s AND t.conditions = '{}'
     GROUP BY t.touchpoint
    UNION ALL
    SELECT t.touchpoint, count(*)
      FROM unnest(%(touchpoints)s::uuid[], %(events)s::text[], %(wheres)s::jsonb[]) AS t(touchpoint, event, conditions)
      JOIN interactions_interaction i ON i.event = t.event AND i.properties @> t.conditions
     WHERE i.tenant_id = %(tenant)s AND i.id >= %(first)s AND i.id < %(end)s AND t.conditions <> '{}'
     GROUP BY t.touchpoint
"""


_LAST = """
    SELECT i.occurred_at FROM interactions_interaction i
     WHERE i.tenant_id = %(tenant)s AND i.event = %(event)s AND i.properties @> %(where)s::jsonb
       AND i.id >= %(first)s AND i.id < %(end)s
     ORDER BY i.id DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Tried:
    """What a matcher fits in a window: how many interactions, and when the last of them was."""

    count: int
    last_seen: datetime | None


def try_matcher(match: Mapping[str, Any], *, start: datetime, end: datetime) -> Tried:
    """What an event matcher fits in [start, end). Two queries by the index on event and time."""
    values = {
        "touchpoints": ["00000000-0000-0000-0000-000000000000"],
        "events": [match["event"]],
        "wheres": [json.dumps(match.get("where") or {})],
        "event": match["event"],
        "where": json.dumps(match.get("where") or {}),
        "tenant": str(current_tenant_id()),
        "first": str(lowest_id(start)),
        "end": str(lowest_id(end)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        counted = cursor.fetchone()
        if not counted:
            return Tried(0, None)
        cursor.execute(_LAST, values)
        last = cursor.fetchone()
    return Tried(counted[1], last[0] if last else None)


def volumes(*, touchpoint_ids: Collection[UUID], start: datetime | None, end: datetime | None) -> Mapping[UUID, int]:
    """Matched interactions by touchpoint in [start, end), None being open; 0 for a matcher that nothing fitted.

    Touchpoints without a matcher are missing: how often they were met is not known. Two queries for any number of
    touchpoints; the second by the index on event and time, in the months of the window alone.
    """
    matched = Touchpoint.objects.filter(pk__in=touchpoint_ids, event_match__isnull=False)
    matchers = [(pk, match) for pk, match in matched.values_list("pk", "event_match") if match]
    if not matchers:
        return {}
    found = dict.fromkeys((pk for pk, _match in matchers), 0)
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "touchpoints": [str(pk) for pk, _match in matchers],
                "events": [match["event"] for _pk, match in matchers],
                "wheres": [json.dumps(match.get("where") or {}) for _pk, match in matchers],
                "tenant": str(current_tenant_id()),
                "first": str(lowest_id(start or EPOCH)),
                "end": str(lowest_id(end or LAST)),
            },
        )
        found.update(cursor.fetchall())
    return found
