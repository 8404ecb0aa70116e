"""Experiences of customers and what asking came of each: one statement over interactions and invitations.

An experience is an interaction of a known customer that the event matcher of a touchpoint fits. It was asked about when
an invitation names it (`interaction_id`), or when it is the customer's last one of the touchpoint in the 14 days before
an invitation of that touchpoint that names none. So an invitation asks about one experience, never about two.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.integrity.scope import By, Scope
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id

ASKED_WITHIN: Final = timedelta(days=14)
LATEST_ASKED: Final = timedelta(days=90)
"""How long after an experience an invitation that names it is looked for."""
AGAIN_WITHIN: Final = timedelta(days=7)
"""Contacts of one customer this close are repeated ones, as for first-contact resolution (docs/metrics.md)."""
COMPLAINED_WITHIN: Final = timedelta(days=30)

_ID_AT: Final = "(lpad(to_hex(floor(extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid"
"""The bound below every id of that time or later (cxm.ids.first_id), in SQL."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A touchpoint that is asked about, and the event that says when a customer met it (None: nobody can know)."""

    id: UUID
    key: str
    name: str
    event: str | None
    where: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Counts of one group: experiences; of these asked about, and held back by a rule; delivered, completed.

    The last two are of surveys that are not anonymous: whether somebody answered one of those is nobody's to know.
    """

    experiences: int = 0
    invited: int = 0
    held_back: int = 0
    delivered: int = 0
    completed: int = 0

    def __add__(self, other: Asked) -> Asked:
        return Asked(
            self.experiences + other.experiences,
            self.invited + other.invited,
            self.held_back + other.held_back,
            self.delivered + other.delivered,
            self.completed + other.completed,
        )

    def __sub__(self, other: Asked) -> Asked:
        return Asked(
            self.experiences - other.experiences,
            self.invited - other.invited,
            self.held_back - other.held_back,
            self.delivered - other.delivered,
            self.completed - other.completed,
        )


def matchers(scope: Scope) -> list[Matcher]:
    """Touchpoints in the scope that a survey of customers asks about, by name. One query."""
    surveys = Survey.objects.filter(audience=Survey.Audience.CUSTOMERS, touchpoint__isnull=False)
    surveys = surveys.exclude(state=Survey.State.DRAFT)
    if scope.selection.surveys is not None:
        surveys = surveys.filter(pk__in=scope.selection.surveys)
    rows = Touchpoint.objects.filter(pk__in=surveys.values("touchpoint")).order_by("name", "pk")
    if scope.selection.touchpoints is not None:
        rows = rows.filter(pk__in=scope.selection.touchpoints)
    return [
        Matcher(pk, key, name, (match or {}).get("event"), (match or {}).get("where") or {})
        for pk, key, name, match in rows.values_list("pk", "key", "name", "event_match")
    ]


def asked_by_group(scope: Scope, touchpoints: Sequence[Matcher], by: By | None = None) -> dict[Any, Asked]:
    """Counts by touchpoint id, unit id or agent (None: experiences without one). One query.

    By touchpoint, without a filter on units, experiences are counted in the index of interactions alone.
    """
    by = by or scope.by
    known = [matcher for matcher in touchpoints if matcher.event]
    if not known:
        return {}
    of_units = scope.selection.units is not None
    statement = f"""
        WITH met AS ({_met(known, by, of_units)}),
        asked AS MATERIALIZED ({_ASKED}{_of_surveys(scope)}),
        near AS (
            SELECT DISTINCT ON (a.id) a.id, m.touchpoint, m.interaction
              FROM asked a
              JOIN met m ON m.touchpoint = a.touchpoint AND m.customer = a.customer
                        AND m.interaction >= {_ID_AT.format(at="a.send_at - %(within)s")}
                        AND m.interaction < {_ID_AT.format(at="a.send_at + interval '1 millisecond'")}
             WHERE a.interaction IS NULL
             ORDER BY a.id, m.interaction DESC
        ),
        linked AS (
            SELECT touchpoint, interaction, bool_or(state <> 'blocked') AS invited, bool_or(state = 'blocked') AS held,
                   bool_or(named AND state IN ('sent', 'completed')) AS delivered,
                   bool_or(named AND state = 'completed') AS completed
              FROM (SELECT touchpoint, interaction, state, named FROM asked WHERE interaction IS NOT NULL
                    UNION ALL
                    SELECT near.touchpoint, near.interaction, asked.state, asked.named FROM near JOIN asked USING (id)
                   ) every
             GROUP BY touchpoint, interaction
        )
        SELECT m.part, count(*), count(*) FILTER (WHERE l.invited), count(*) FILTER (WHERE l.held AND NOT l.invited),
               count(*) FILTER (WHERE l.delivered), count(*) FILTER (WHERE l.completed)
          FROM met m LEFT JOIN linked l ON l.touchpoint = m.touchpoint AND l.interaction = m.interaction
         WHERE m.interaction < %(end)s
         GROUP BY m.part
    """
    return {part: Asked(*counts) for part, *counts in _rows(statement, scope, known)}


_ASKED: Final = """
    SELECT v.id, v.touchpoint_id AS touchpoint, v.customer_id AS customer, v.interaction_id AS interaction, v.state,
           v.send_at, NOT s.anonymous AS named
      FROM dispatch_invitation v
      JOIN surveys_survey s ON s.tenant_id = v.tenant_id AND s.id = v.survey_id
     WHERE v.tenant_id = %(tenant)s AND v.touchpoint_id = ANY(%(all)s::uuid[]) AND v.customer_id IS NOT NULL
       AND v.state IN ('queued', 'sent', 'bounced', 'completed', 'blocked')
       AND v.send_at >= %(start)s AND v.send_at < %(asked_until)s
"""


def _of_surveys(scope: Scope) -> str:
    return " AND v.survey_id = ANY(%(surveys)s::uuid[])" if scope.selection.surveys is not None else ""


def _met(known: Sequence[Matcher], by: By, of_units: bool, further: str = "", columns: str = "") -> str:
    """Experiences with the group (`part`) each belongs to; in the window and as long after it as one is asked."""
    part = {
        "touchpoint": "t.touchpoint",
        "unit": "COALESCE(i.unit_id, c.unit_id)",
        "agent": "NULLIF(btrim(i.properties ->> 'agent'), '')",
    }[by]
    customers = (
        "JOIN customers_customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id"
        if of_units or by == "unit"
        else ""
    )
    units = "AND COALESCE(i.unit_id, c.unit_id) = ANY(%(units)s::uuid[])" if of_units else ""
    of_matchers = {False: "t.conditions = '{}'", True: "t.conditions <> '{}' AND i.properties @> t.conditions"}
    return " UNION ALL ".join(
        f"""
        SELECT t.touchpoint, i.id AS interaction, i.customer_id AS customer, {part} AS part{columns}
          FROM unnest(%(touchpoints)s::uuid[], %(events)s::text[], %(wheres)s::jsonb[])
               AS t(touchpoint, event, conditions)
          JOIN interactions_interaction i ON i.event = t.event
          {customers}
         WHERE i.tenant_id = %(tenant)s AND i.id >= %(first)s AND i.id < %(beyond)s
           AND i.customer_id IS NOT NULL AND {condition} {units} {further}
        """
        for conditional, condition in of_matchers.items()
        if any(bool(matcher.where) == conditional for matcher in known)
    )


@dataclass(frozen=True, slots=True)
class Chosen:
    """Of one agent: experiences that looked unhappy and those that did not, and how many of each were asked about."""

    unhappy: int
    unhappy_invited: int
    others: int
    others_invited: int


def chosen_by_agent(scope: Scope, touchpoints: Sequence[Matcher]) -> dict[str, Chosen]:
    """By agent, whether unhappy-looking experiences were skipped. Two queries.

    An experience looks unhappy when the customer had been through the same touchpoint within 7 days before (a repeated
    contact), or had an event whose name holds "complain" within 30 days before or 7 days after. Held back by a rule is
    neither chosen nor skipped, so those experiences are left out: the rules of contact frequency protect exactly the
    customers who come again.
    """
    known = [matcher for matcher in touchpoints if matcher.event]
    if not known:
        return {}
    of_units = scope.selection.units is not None
    statement = f"""
        WITH met AS MATERIALIZED (
            SELECT every.*, lag(interaction) OVER (PARTITION BY touchpoint, customer ORDER BY interaction) AS previous
              FROM ({_met(known, "agent", of_units, columns=", i.occurred_at AS at")}) every
        ),
        asked AS MATERIALIZED ({_ASKED}{_of_surveys(scope)}),
        near AS (
            SELECT DISTINCT ON (a.id) a.id, m.touchpoint, m.interaction
              FROM asked a
              JOIN met m ON m.touchpoint = a.touchpoint AND m.customer = a.customer
                        AND m.at <= a.send_at AND m.at > a.send_at - %(within)s
             WHERE a.interaction IS NULL
             ORDER BY a.id, m.interaction DESC
        ),
        linked AS (
            SELECT touchpoint, interaction, bool_or(state <> 'blocked') AS invited
              FROM (SELECT touchpoint, interaction, state FROM asked WHERE interaction IS NOT NULL
                    UNION ALL
                    SELECT near.touchpoint, near.interaction, asked.state FROM near JOIN asked USING (id)) every
             GROUP BY touchpoint, interaction
        ),
        complaints AS MATERIALIZED (
            SELECT customer_id AS customer, occurred_at AS at FROM interactions_interaction
             WHERE tenant_id = %(tenant)s AND event = ANY(%(complaints)s) AND customer_id IS NOT NULL
               AND id >= %(complaints_from)s AND id < %(beyond)s
        ),
        complained AS (
            SELECT DISTINCT m.touchpoint, m.interaction FROM met m
              JOIN complaints k ON k.customer = m.customer
               AND k.at > m.at - %(complained)s AND k.at <= m.at + %(again)s
        ),
        judged AS (
            SELECT m.part, COALESCE(l.invited, false) AS invited,
                   m.previous >= {_ID_AT.format(at="m.at - %(again)s")} OR k.interaction IS NOT NULL AS unhappy
              FROM met m
              LEFT JOIN linked l ON l.touchpoint = m.touchpoint AND l.interaction = m.interaction
              LEFT JOIN complained k ON k.touchpoint = m.touchpoint AND k.interaction = m.interaction
             WHERE m.part IS NOT NULL AND m.interaction >= %(counted)s AND m.interaction < %(end)s
               AND l.invited IS DISTINCT FROM false
        )
        SELECT part, count(*) FILTER (WHERE unhappy), count(*) FILTER (WHERE unhappy AND invited),
               count(*) FILTER (WHERE unhappy IS NOT TRUE), count(*) FILTER (WHERE unhappy IS NOT TRUE AND invited)
          FROM judged GROUP BY part
    """
    rows = _rows(statement, scope, known, before=AGAIN_WITHIN, complaints=_complaint_events())
    return {agent: Chosen(*counts) for agent, *counts in rows}


def _complaint_events() -> list[str]:
    """Names of events that speak of complaining. Steps through the index from name to name."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE names AS (
                (SELECT event FROM interactions_interaction WHERE tenant_id = %(tenant)s ORDER BY event LIMIT 1)
                UNION ALL
                SELECT (SELECT i.event FROM interactions_interaction i
                         WHERE i.tenant_id = %(tenant)s AND i.event > names.event ORDER BY i.event LIMIT 1)
                  FROM names WHERE names.event IS NOT NULL
            )
            SELECT event FROM (SELECT event FROM names WHERE event IS NOT NULL LIMIT 2000) every
             WHERE event ILIKE '%%complain%%'
            """,
            {"tenant": str(current_tenant_id())},
        )
        return [name for (name,) in cursor.fetchall()]


def _rows(
    statement: str,
    scope: Scope,
    known: Sequence[Matcher],
    *,
    before: timedelta = timedelta(0),
    complaints: Collection[str] = (),
) -> list[tuple[Any, ...]]:
    selection = scope.selection
    start, end = scope.start, scope.end
    values: dict[str, Any] = {
        "tenant": str(current_tenant_id()),
        "touchpoints": [str(matcher.id) for matcher in known],
        "all": [str(matcher.id) for matcher in known],
        "events": [matcher.event for matcher in known],
        "wheres": [json.dumps(matcher.where) for matcher in known],
        "surveys": [str(pk) for pk in selection.surveys or ()],
        "units": [str(pk) for pk in selection.units or ()],
        "start": start - before,
        "asked_until": end + LATEST_ASKED,
        "first": str(lowest_id(start - before)),
        "counted": str(lowest_id(start)),
        "end": str(lowest_id(end)),
        "beyond": str(lowest_id(end + ASKED_WITHIN)),
        "within": ASKED_WITHIN,
        "again": AGAIN_WITHIN,
        "complained": COMPLAINED_WITHIN,
        "complaints": list(complaints),
        "complaints_from": str(lowest_id(start - before - COMPLAINED_WITHIN)),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
