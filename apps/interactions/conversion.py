"""What an activity led to: of the customers it touched, how many did what it was for, in time.

A customer converts by the success event at or after the first touch and within the window, both ends in (days of 24
hours). Only customers whose window has ended count: the others could still convert, so they stand apart. It says what
went together, not what caused what: there is no group that was left alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection
from django.db.models import Count
from django.db.models.fields.json import KT
from django.utils.timezone import now

from apps.interactions.models import Activity, Interaction
from apps.interactions.touch_kinds import outcome_words
from cxm.scope import current_tenant_id
from cxm.statistics import wilson_bounds

MOST_OUTCOMES: Final = 50


@dataclass(frozen=True, slots=True)
class Conversion:
    """Customers touched; of those whose window has ended, how many converted; those still open, and converted already.

    `rate`, `low` and `high` are shares 0..1 with Wilson's 95 % interval, None while no window has ended.
    """

    ended: int
    converted: int
    open: int
    open_converted: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class OutcomeCount:
    """How often touches of one kind ended in one way; "" is without an outcome."""

    kind: str
    outcome: str
    words: str
    touches: int
    customers: int


@dataclass(frozen=True, slots=True)
class ActivityFigures:
    """The figures of an activity. `conversion` is None when nothing is said to be a success."""

    touches: int
    customers: int
    first_at: datetime | None
    last_at: datetime | None
    outcomes: list[OutcomeCount]
    conversion: Conversion | None


def figures_of(activity: Activity) -> ActivityFigures:
    """The figures of an activity now. Three queries, by the index of its touches and that of each customer."""
    rows = Interaction.objects.filter(activity=activity)
    ends = [rows.order_by(order).values_list("occurred_at", flat=True).first() for order in ("id", "-id")]
    grouped = (
        rows.order_by()
        .values("kind", said=KT("properties__outcome"))
        .annotate(touches=Count("pk"), people=Count("customer", distinct=True))
        .order_by("-touches", "kind", "said")
    )
    outcomes = [
        OutcomeCount(
            row["kind"], row["said"] or "", outcome_words(row["kind"], row["said"] or ""), row["touches"], row["people"]
        )
        for row in grouped[:MOST_OUTCOMES]
    ]
    totals = rows.aggregate(touches=Count("pk"), customers=Count("customer", distinct=True))
    return ActivityFigures(
        touches=totals["touches"],
        customers=totals["customers"],
        first_at=ends[0],
        last_at=ends[1],
        outcomes=outcomes,
        conversion=conversion_of(activity, now()) if activity.success_event else None,
    )


_CONVERTED: Final = """
    WITH touched AS (
        SELECT customer_id, min(occurred_at) AS at FROM interactions_interaction
         WHERE tenant_id = %(tenant)s AND activity_id = %(activity)s AND customer_id IS NOT NULL GROUP BY customer_id
    ), seen AS (
        SELECT at + %(hours)s * interval '1 hour' <= %(now)s AS has_ended, EXISTS (
                   SELECT 1 FROM interactions_interaction s
                    WHERE s.tenant_id = %(tenant)s AND s.customer_id = touched.customer_id
                      AND s.event = %(event)s AND s.properties @> %(where)s::jsonb
                      AND s.occurred_at BETWEEN touched.at AND touched.at + %(hours)s * interval '1 hour'
               ) AS has_converted
          FROM touched
    )
    SELECT count(*) FILTER (WHERE has_ended), count(*) FILTER (WHERE has_ended AND has_converted),
           count(*) FILTER (WHERE NOT has_ended), count(*) FILTER (WHERE NOT has_ended AND has_converted)
      FROM seen
"""


def conversion_of(activity: Activity, at: datetime) -> Conversion:
    """How many customers converted, as known at a time. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            _CONVERTED,
            {
                "tenant": str(current_tenant_id()),
                "activity": str(activity.pk),
                "hours": 24 * activity.window_days,
                "now": at,
                "event": activity.success_event,
                "where": json.dumps(activity.success_where),
            },
        )
        ended, converted, still_open, open_converted = cursor.fetchone()
    low, high = wilson_bounds(converted, ended) if ended else (None, None)
    return Conversion(
        ended=ended,
        converted=converted,
        open=still_open,
        open_converted=open_converted,
        rate=converted / ended if ended else None,
        low=low,
        high=high,
    )
