"""What the rule form offers to choose from: read from the data, each at a cost that does not grow with it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.customers.models import Account, Customer
from apps.interactions.models import Interaction
from apps.organizations.queries import unit_tree
from apps.segments.builder import text_of
from apps.segments.builder_rows import Choices
from apps.segments.models import Segment
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.ids import first_id
from cxm.scope import current_tenant_id

RECENT = timedelta(days=90)
MOST_EVENTS = 200
MOST_NAMES = 200
MOST_VALUES = 30
SAMPLE = 2_000
MOST_OPTIONS = 500
LONGEST_VALUE = 60

_EVENT_NAMES = f"""
    WITH RECURSIVE names AS (
        (SELECT event FROM {Interaction._meta.db_table}
          WHERE tenant_id = %(tenant)s AND id >= %(since)s ORDER BY event LIMIT 1)
        UNION ALL
        SELECT (SELECT i.event FROM {Interaction._meta.db_table} i
                 WHERE i.tenant_id = %(tenant)s AND i.id >= %(since)s AND i.event > names.event
                 ORDER BY i.event LIMIT 1)
          FROM names WHERE names.event IS NOT NULL
    )
    SELECT event FROM names WHERE event IS NOT NULL LIMIT %(most)s
"""
"""Jumps from one name to the next in the index by event, so it reads as many entries as there are names."""


def choices_for(segment_id: UUID | None = None) -> Choices:
    """Everything the form of one segment offers. Eight queries, each of bounded cost.

    Events are the names of the last 90 days; attributes and properties are those of the 2,000 newest rows, with the
    values they often have. The segment itself is not offered as a condition of itself.
    """
    others = Segment.objects.exclude(pk=segment_id) if segment_id else Segment.objects.all()
    return Choices(
        surveys=_named(Survey.objects.filter(anonymous=False).order_by("name").values_list("pk", "name")),
        touchpoints=_named(Touchpoint.objects.order_by("name").values_list("key", "name")),
        segments=_named(others.order_by("name").values_list("pk", "name")),
        units=[(str(unit.id), "\u2003" * level + unit.name) for unit, level in unit_tree().walk(None)],
        events=event_names(),
        attributes=_often(
            Customer.objects.order_by("-updated_at", "-id").values_list("attributes", flat=True)[:SAMPLE]
        ),
        account_attributes=_often(Account.objects.order_by("-id").values_list("attributes", flat=True)[:SAMPLE]),
        properties=_properties(),
    )


def event_names() -> list[str]:
    """Names of events of the last 90 days, in order, at most 200."""
    values: dict[str, Any] = {"tenant": current_tenant_id(), "since": first_id(now() - RECENT), "most": MOST_EVENTS}
    with connection.cursor() as cursor:
        cursor.execute(_EVENT_NAMES, values)
        return [name for (name,) in cursor.fetchall()]


def _properties() -> dict[str, dict[str, list[str]]]:
    """Properties of each event among the newest interactions, with values they often have."""
    of_event: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for event, properties in Interaction.objects.order_by("-id").values_list("event", "properties")[:SAMPLE]:
        of_event[event].append(properties)
    return {event: _often(rows) for event, rows in of_event.items()}


def _often(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Names in these objects, the frequent ones first, with values that occur more than once: no single person's."""
    names: Counter[str] = Counter()
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for name, value in row.items() if isinstance(row, Mapping) else ():
            names[name] += 1
            if isinstance(value, str | int | float) and len(text := text_of(value)) <= LONGEST_VALUE:
                values[name][text] += 1
    return {
        name: [text for text, times in values[name].most_common(MOST_VALUES) if times > 1]
        for name, _times in names.most_common(MOST_NAMES)
    }


def _named(rows: Any) -> Sequence[tuple[str, str]]:
    return [(str(key), name) for key, name in rows[:MOST_OPTIONS]]
