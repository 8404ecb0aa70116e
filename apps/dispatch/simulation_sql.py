"""`fatigue.decide` as SQL over sets: what `simulation` counts with. `eligibility.assess` says what is right."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q
from django.utils.timezone import now

from apps.customers.digests import digest_of
from apps.dispatch import fatigue
from apps.dispatch.business_hours import next_open_time
from apps.dispatch.channels import MAIL_CHANNELS, PERSONAL_CHANNELS, TEXT_CHANNELS
from apps.dispatch.eligibility import (
    ANY_CHANNEL,
    CONSENT_PURPOSE,
    COUNTED_STATES,
    counter_of,
    kind_of,
    organization_rules,
)
from apps.dispatch.fatigue import Cap
from apps.dispatch.models import Suppression
from apps.dispatch.planning import sample_bound
from apps.organizations.models import Organization
from apps.segments.planning import for_sets
from apps.surveys.models import Survey
from apps.touchpoints.models import Channel
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id

LONGEST: Final = 60.0
"""Seconds after which counting a slice is given up: nobody waits for it any more."""

_LOWEST: Final = UUID(int=0)
_HIGHEST: Final = UUID(int=2**128 - 1)
_FREQUENCY: Final = (
    fatigue.NEW_CUSTOMER_WAIT,
    fatigue.GLOBAL_CAP,
    fatigue.RELATIONSHIP_CAP,
    fatigue.TRANSACTIONAL_CAP,
)
"""The rules that time lifts."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a trial is about: the members of a segment, the people who lived through an event, or customers by name.

    `trigger` stands for those who lived through it in the `trigger_days` days before now; of a segment, where both are
    given. `units` limits all to the customers of a branch; None is everybody. Whoever `plan_id` has considered since
    `considered_since` (ever, for None) is left out, and of a `sample` (0..1) whoever the plan does not draw: as the
    plan leaves them out.
    """

    segment_id: UUID | None = None
    customer_ids: tuple[UUID, ...] = ()
    trigger: dict[str, Any] | None = None
    trigger_days: int = 30
    units: frozenset[UUID] | None = None
    plan_id: UUID | None = None
    considered_since: datetime | None = None
    sample: float = 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """The sending that is tried: which survey, to whom, when and how."""

    organization: Organization
    survey: Survey
    audience: Audience
    send_at: datetime
    channel: str = Channel.EMAIL
    ignore_new_customer_wait: bool = False


def counted_slice(
    trial: Trial, *, after: UUID | None, most: int
) -> tuple[list[tuple[str, int | None, int]], UUID | None]:
    """(rule, days until time lifts it, people) of the next `most` people after an id, and the id to go on from.

    Rule "" are those who may be asked. The id is None when nobody is left.
    """
    population, named = _population(trial.audience)
    named |= {"tenant": str(current_tenant_id()), "after": str(after or _LOWEST), "most": most}
    with transaction.atomic(), for_sets(LONGEST), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT customer_id FROM ({population}) AS population WHERE customer_id > %(after)s"
            " ORDER BY customer_id OFFSET %(most)s - 1 LIMIT 1",
            named,
        )
        row = cursor.fetchone()
        last: UUID | None = row[0] if row else None
        named["last"] = str(last or _HIGHEST)
        people = _people(population, trial.audience, named)
        _add_times(cursor, people, trial, named)
        _add_digests(cursor, people, trial.channel, named)
        cursor.execute(_counting(people, trial, named), named)
        rows = [(rule, None if days is None else int(days), number) for rule, days, number in cursor.fetchall()]
    return rows, last


def _population(audience: Audience) -> tuple[str, dict[str, Any]]:
    """SQL that gives the audience's `customer_id`s, each once, and its parameters."""
    members = "SELECT customer_id FROM segments_segmentmember WHERE tenant_id = %(tenant)s AND segment_id = %(segment)s"
    if audience.trigger is not None:
        since = now() - timedelta(days=audience.trigger_days)
        among = f" AND customer_id IN ({members})" if audience.segment_id is not None else ""
        return (
            "SELECT DISTINCT customer_id FROM interactions_interaction WHERE tenant_id = %(tenant)s"
            " AND event = %(event)s AND properties @> %(where)s::jsonb AND id >= %(since)s AND customer_id IS NOT NULL"
            + among,
            {
                "event": audience.trigger.get("event", ""),
                "where": json.dumps(audience.trigger.get("where") or {}),
                "since": str(lowest_id(since)),
                "segment": str(audience.segment_id),
            },
        )
    if audience.segment_id is not None:
        return members, {"segment": str(audience.segment_id)}
    return (
        "SELECT DISTINCT unnest(%(customers)s::uuid[]) AS customer_id",
        {"customers": [str(pk) for pk in audience.customer_ids]},
    )


def _people(population: str, audience: Audience, named: dict[str, Any]) -> str:
    """SQL of the slice: the customers themselves, less those of other branches and those considered before."""
    conditions = ""
    if audience.units is not None:
        conditions += " AND c.unit_id = ANY(%(units)s::uuid[])"
        named["units"] = [str(unit) for unit in audience.units]
    if audience.plan_id is not None and audience.sample < 1 and audience.trigger is None:
        # As the planner draws (planning._drawn), so that who is in the sample is in the simulation.
        conditions += " AND hashtextextended(%(plan)s || c.id::text, 0) < %(bound)s"
        named["plan"], named["bound"] = str(audience.plan_id), sample_bound(audience.sample)
    if audience.plan_id is not None and audience.trigger is None:
        conditions += (
            " AND NOT EXISTS (SELECT FROM dispatch_invitation d WHERE d.tenant_id = %(tenant)s"
            " AND d.plan_id = %(plan)s AND d.customer_id = c.id"
        )
        named["plan"] = str(audience.plan_id)
        if audience.considered_since is not None:
            conditions += " AND d.created_at > %(considered_since)s"
            named["considered_since"] = audience.considered_since
        conditions += ")"
    return f"""
        SELECT c.* FROM ({population}) AS population
          JOIN customers_customer c ON c.tenant_id = %(tenant)s AND c.id = population.customer_id
         WHERE population.customer_id > %(after)s AND population.customer_id <= %(last)s
           AND c.id > %(after)s AND c.id <= %(last)s AND c.merged_into_id IS NULL{conditions}"""


def _add_times(cursor: Any, people: str, trial: Trial, named: dict[str, Any]) -> None:
    """When the survey would reach people, by their time zone: the same instant for all, or business hours have it."""
    named["at"] = trial.send_at
    named["zones"], named["times"] = [], []
    organization = trial.organization
    if not organization.business_hours_enabled:
        return
    named["at"] = next_open_time(trial.send_at, organization.business_hours, organization.timezone)
    cursor.execute(f"SELECT DISTINCT timezone FROM ({people}) AS person WHERE timezone <> ''", named)
    zones = [row[0] for row in cursor.fetchall()]
    named["zones"] = zones
    named["times"] = [next_open_time(trial.send_at, organization.business_hours, zone) for zone in zones]


def _add_digests(cursor: Any, people: str, channel: str, named: dict[str, Any]) -> None:
    """Whose address came back after an erasure: of those only keyed digests are kept, and SQL can make none."""
    digests = set(_suppressions(channel).filter(~Q(digest="")).order_by().values_list("digest", flat=True))
    named["returned"] = []
    if not digests:
        return
    cursor.execute(f"SELECT id, coalesce(lower(email), ''), coalesce(phone, '') FROM ({people}) AS person", named)
    for pk, email, phone in cursor.fetchall():
        by_mail = email and channel not in TEXT_CHANNELS and digest_of("email", email) in digests
        by_phone = phone and channel not in MAIL_CHANNELS and digest_of("phone", phone) in digests
        if by_mail or by_phone:
            named["returned"].append(str(pk))


def _suppressions(channel: str) -> Any:
    """The entries that count on a channel: where a survey is only shown, a bounced address says nothing."""
    rows = Suppression.objects.in_force()
    return rows if channel in PERSONAL_CHANNELS else rows.exclude(reason=Suppression.Reason.BOUNCE)


def _counting(people: str, trial: Trial, named: dict[str, Any]) -> str:
    """SQL that gives (rule, days until free, people): `fatigue.decide` over a slice, in its order."""
    rules = organization_rules(trial.organization)
    kind = kind_of(trial.survey)
    reach = timedelta(days=8 + max(cap.days for cap in (rules.everything, rules.relationship, rules.transactional)))
    named |= {
        "is_live": trial.survey.state == Survey.State.LIVE,
        "closes_at": trial.survey.closes_at,
        "by_mail": trial.channel not in TEXT_CHANNELS,
        "by_phone": trial.channel not in MAIL_CHANNELS,
        "but": "" if trial.channel in PERSONAL_CHANNELS else Suppression.Reason.BOUNCE.value,
        "opt_in": rules.opt_in_required,
        "purpose": CONSENT_PURPOSE,
        "channels": [trial.channel, ANY_CHANNEL],
        "states": [str(state) for state in COUNTED_STATES],
        "reach": trial.send_at - reach,
        "kind": kind,
        "counter": counter_of(kind, trial.survey.touchpoint_id, trial.survey.pk) or None,
        "frequency": list(_FREQUENCY),
        "waits": rules.new_customer_days > 0 and not trial.ignore_new_customer_wait,
        "wait": timedelta(hours=24 * rules.new_customer_days),
    }
    own_rule, own_cap = (
        (fatigue.RELATIONSHIP_CAP, rules.relationship)
        if kind == fatigue.RELATIONSHIP
        else (fatigue.TRANSACTIONAL_CAP, rules.transactional)
    )
    caps = (_CapSql("every", rules.everything, "true", named), _CapSql("own", own_cap, "is_own", named))
    if trial.channel in PERSONAL_CHANNELS:
        has_address = f"coalesce(c.{'email' if trial.channel in MAIL_CHANNELS else 'phone'}, '') <> ''"
    else:
        has_address = "true"
    return f"""
        WITH person AS MATERIALIZED (
            SELECT c.id, c.created_at, c.restricted_at IS NOT NULL AS restricted, lower(c.email) AS email,
                   nullif(c.phone, '') AS phone, {has_address} AS has_address,
                   coalesce(zone.at, %(at)s::timestamptz) AS at
              FROM ({people}) AS c
              LEFT JOIN unnest(%(zones)s::text[], %(times)s::timestamptz[]) AS zone(name, at) ON zone.name = c.timezone
        ),
        stop AS (
            SELECT email, phone, customer_id FROM dispatch_suppression
             WHERE tenant_id = %(tenant)s AND lifted_at IS NULL AND digest = '' AND reason <> %(but)s
        ),
        silent AS (
            SELECT p.id FROM person p JOIN stop x ON x.email = p.email AND x.phone = ''
             WHERE %(by_mail)s AND p.email <> ''
            UNION
            SELECT p.id FROM person p JOIN stop x ON x.phone = p.phone AND x.email = '' WHERE %(by_phone)s
            UNION
            SELECT p.id FROM person p JOIN stop x ON x.customer_id = p.id AND x.email = '' AND x.phone = ''
            UNION
            SELECT unnest(%(returned)s::uuid[])
        ),
        consent AS (
            SELECT DISTINCT ON (r.customer_id) r.customer_id AS id, r.state
              FROM customers_consentrecord r JOIN person p ON p.id = r.customer_id
             WHERE r.tenant_id = %(tenant)s AND r.purpose = %(purpose)s AND r.channel = ANY(%(channels)s)
             ORDER BY r.customer_id, r.at DESC, r.id DESC
        ),
        contact AS (
            SELECT i.customer_id AS id, coalesce(i.sent_at, i.send_at) AS at, p.at AS wanted,
                   i.kind = %(kind)s AND (%(counter)s::uuid IS NULL
                       OR coalesce(i.touchpoint_id, i.survey_id) = %(counter)s::uuid) AS is_own
              FROM dispatch_invitation i JOIN person p ON p.id = i.customer_id
             WHERE i.tenant_id = %(tenant)s AND i.customer_id > %(after)s AND i.customer_id <= %(last)s
               AND i.state = ANY(%(states)s) AND (i.send_at > %(reach)s OR i.sent_at > %(reach)s)
        ),
        ledger AS (
            SELECT id, bool_or(at <= wanted) AS was_asked,
                   {", ".join(cap.columns() for cap in caps)}
              FROM contact GROUP BY id
        ),
        decided AS (
            SELECT p.at, p.created_at, l.every_free, l.own_free, CASE
                WHEN p.restricted THEN '{fatigue.RESTRICTED}'
                WHEN NOT %(is_live)s OR p.at >= %(closes_at)s::timestamptz THEN '{fatigue.SURVEY_NOT_LIVE}'
                WHEN NOT p.has_address THEN '{fatigue.NO_ADDRESS}'
                WHEN s.id IS NOT NULL THEN '{fatigue.SUPPRESSED}'
                WHEN k.state = 'withdrawn' THEN '{fatigue.CONSENT_WITHDRAWN}'
                WHEN %(opt_in)s AND k.state IS DISTINCT FROM 'given' THEN '{fatigue.CONSENT_MISSING}'
                WHEN %(waits)s AND NOT coalesce(l.was_asked, false) AND p.at < p.created_at + %(wait)s
                    THEN '{fatigue.NEW_CUSTOMER_WAIT}'
                WHEN {caps[0].is_over()} THEN '{fatigue.GLOBAL_CAP}'
                WHEN {caps[1].is_over()} THEN '{own_rule}'
                ELSE '{fatigue.ELIGIBLE}' END AS rule
              FROM person p
              LEFT JOIN silent s ON s.id = p.id
              LEFT JOIN consent k ON k.id = p.id
              LEFT JOIN ledger l ON l.id = p.id
        )
        SELECT rule, CASE WHEN rule = ANY(%(frequency)s) THEN ceil(extract(epoch FROM
                   greatest(every_free, own_free, CASE WHEN rule = '{fatigue.NEW_CUSTOMER_WAIT}'
                       THEN created_at + %(wait)s END) - at) / 86400) END AS days, count(*)
          FROM decided GROUP BY 1, 2"""


@dataclass(frozen=True, slots=True)
class _CapSql:
    """One cap of contact frequency: columns of `ledger`, and the condition that it objects (`fatigue._over_cap`)."""

    name: str
    cap: Cap
    counts: str
    named: dict[str, Any]

    def columns(self) -> str:
        """The contacts near enough to matter, and from when on the cap is certainly free again."""
        name = self.name
        self.named[f"{name}_window"] = timedelta(hours=24 * self.cap.days)
        self.named[f"{name}_limit"] = self.cap.limit
        return f"""array_agg(at) FILTER (WHERE {self.counts} AND at > wanted - %({name}_window)s
                       AND at < wanted + %({name}_window)s) AS {name}_near,
                   (array_agg(at ORDER BY at DESC) FILTER (WHERE {self.counts}))[%({name}_limit)s]
                       + %({name}_window)s AS {name}_free"""

    def is_over(self) -> str:
        """With one survey a span, any other one near is too many; with more, some span must hold them all."""
        name = self.name
        if self.cap.days == 0:
            return "false"
        if self.cap.limit == 1:
            return f"l.{name}_near IS NOT NULL"
        return f"""(cardinality(l.{name}_near) >= %({name}_limit)s AND EXISTS (
                    SELECT FROM unnest(l.{name}_near || p.at) AS span(start) WHERE start <= p.at AND (
                        SELECT count(*) FROM unnest(l.{name}_near) AS near(at)
                         WHERE near.at >= start AND near.at < start + %({name}_window)s) >= %({name}_limit)s))"""
