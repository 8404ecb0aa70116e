"""Asking after an experience: what customers did is heard, and plans with that event ask about it.

An event leads to one row a plan (a unique constraint says so), queued or blocked with the rule, however often it is
heard: handlers may run twice, imports repeat themselves. Events before the plan was started, or that happened while it
was paused, are not asked about. What is older than `STALE_AFTER` beyond its delay is not either: an import of last year
must not have a thousand people asked how their visit was.

Where several plans want to ask one customer, the one furthest below its quota wins; the others are blocked by the
global cap, with its figures.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.dateparse import parse_datetime
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Person, Wish, assess_wishes, sending_time
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.planning import add_counts, batch_of_today
from apps.dispatch.plans import branch_of_plan
from apps.dispatch.quotas import TOO_OLD, Allowance, standing_of
from apps.dispatch.services import invitation_for, wake_sending
from apps.interactions.models import Interaction
from apps.organizations.models import Organization
from apps.segments.models import SegmentMember
from apps.surveys.live import published_definition
from apps.surveys.models import Survey
from cxm.partitions import lowest_id
from cxm.scope import current_tenant_id

STALE_AFTER: Final = timedelta(days=14)
"""An experience that became known later than this after it was to be asked about is not asked about."""
LONGEST_ATTRIBUTE: Final = 200
AGENT: Final = "agent"
"""The property of an event that names who served the customer; kept with the answer."""

_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Experience:
    """One interaction that a plan asks about."""

    plan: SendPlan
    id: UUID
    customer_id: UUID
    occurred_at: datetime
    unit_id: UUID | None
    properties: Mapping[str, Any]


class _Limit:
    """The plan's allowance, and the age of the experience."""

    def __init__(self, allowance: Allowance, is_stale: bool) -> None:
        self.allowance, self.is_stale = allowance, is_stale

    def refuses(self, at: datetime) -> str:
        return TOO_OLD if self.is_stale else self.allowance.refuses(at)

    def take(self, at: datetime) -> None:
        self.allowance.take(at)


def ask_about(payloads: Iterable[Mapping[str, Any]]) -> int:
    """Decide over what `interactions.recorded` tells of; how many are asked. One query where no plan waits for events.

    Must be called inside a transaction, which holds the plans' and the customers' rows until its end.
    """
    plans = list(
        SendPlan.objects.filter(state=SendPlan.State.ACTIVE, trigger__isnull=False)
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
        .select_related("survey")
    )
    moment = now()
    waiting = [plan for plan in plans if _listens(plan, moment)]
    told = [one for one in payloads if {plan.trigger["event"] for plan in waiting if plan.trigger} & set(one["events"])]
    if not told:
        return 0
    customers = {UUID(pk) for one in told for pk in one["customers"]}
    first, last = min(_moment(one["from"]) for one in told), max(_moment(one["to"]) for one in told)
    asked = 0
    ordered = sorted(customers)
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        experiences = [one for plan in waiting for one in _experiences(plan, some, first, last)]
        asked += _decide(experiences, moment) if experiences else 0
    if asked:
        wake_sending()
    return asked


def attributes_of(survey: Survey, properties: Mapping[str, Any]) -> dict[str, str]:
    """What the answer inherits of the event: the survey's hidden fields by their ids, and the agent; as short texts.

    Nothing for an anonymous survey: an order number leads to whoever ordered.
    """
    if survey.anonymous or not survey.current_version:
        return {}
    wanted = [hidden.id for hidden in published_definition(survey.pk, survey.current_version).hidden]
    found = {}
    for name in dict.fromkeys([*wanted, AGENT]):
        value = properties.get(name)
        if isinstance(value, str | int | float) and str(value).strip():
            found[name] = str(value).strip()[:LONGEST_ATTRIBUTE]
    return found


def is_sampled(plan_id: UUID, interaction_id: UUID, share: float) -> bool:
    """Whether an experience belongs to the plan's sample: by a hash, so the same whenever it is asked."""
    digest = hashlib.blake2b(plan_id.bytes + interaction_id.bytes, digest_size=8).digest()
    return int.from_bytes(digest, "big") < share * 2**64


def _listens(plan: SendPlan, moment: datetime) -> bool:
    """Whether the plan asks now."""
    over = plan.ends_at is not None and plan.ends_at <= moment
    return plan.survey.state == Survey.State.LIVE and plan.starts_at <= moment and not over


def _experiences(plan: SendPlan, customers: list[UUID], first: datetime, last: datetime) -> list[Experience]:
    """What these customers lived through that the plan asks about and has not decided over."""
    trigger: Mapping[str, Any] = plan.trigger or {}
    begins = max(first, plan.starts_at, plan.started_at or plan.starts_at)
    decided = Invitation.objects.filter(plan=plan, interaction_id=OuterRef("pk"))
    rows = Interaction.objects.filter(
        ~Exists(decided),
        pk__gte=lowest_id(begins),
        occurred_at__gte=begins,
        occurred_at__lte=last,
        event=trigger["event"],
        customer_id__in=customers,
    )
    if where := trigger.get("where"):
        rows = rows.filter(properties__contains=where)
    share = plan.sample_percent / 100
    found = rows.values_list("pk", "customer_id", "occurred_at", "unit_id", "properties")
    return [Experience(plan, *row) for row in found if is_sampled(plan.pk, row[0], share)]


def _decide(experiences: list[Experience], moment: datetime) -> int:
    organization = Organization.objects.get(pk=current_tenant_id())
    zone = ZoneInfo(organization.timezone)
    people = _people({one.customer_id for one in experiences})
    plans = {one.plan.pk: one.plan for one in experiences}
    allowances = {pk: Allowance.of(plan, zone) for pk, plan in plans.items()}
    shares = {pk: standing_of(plan, zone).share for pk, plan in plans.items()}
    reached = {pk: _reached(plan, people) for pk, plan in plans.items()}
    wanted = [one for one in experiences if one.customer_id in reached[one.plan.pk]]
    wanted.sort(key=lambda one: (shares[one.plan.pk], one.plan.created_at, one.occurred_at, one.id))
    wishes = []
    for one in wanted:
        due = one.occurred_at + timedelta(minutes=one.plan.delay_minutes)
        person = people[one.customer_id]
        wishes.append(
            Wish(
                person=person,
                survey=one.plan.survey,
                at=sending_time(organization, person, max(due, moment)),
                channel=one.plan.channel,
                ignore_new_customer_wait=one.plan.ignore_new_customer_wait,
                limit=_Limit(allowances[one.plan.pk], is_stale=due < moment - STALE_AFTER),
            )
        )
    assessed = assess_wishes(organization=organization, wishes=wishes)
    by_plan = defaultdict(list)
    for one, decided in zip(wanted, assessed, strict=True):
        by_plan[one.plan.pk].append((one, decided))
    asked = 0
    for pk, decisions in by_plan.items():
        plan = plans[pk]
        batch = batch_of_today(plan, zone)
        with transaction.atomic():
            Invitation.objects.bulk_create(
                [
                    invitation_for(
                        batch,
                        plan.survey,
                        decided,
                        probability=plan.sample_percent / 100,
                        # The time of the experience would lead from an anonymous answer to whoever lived through it.
                        experienced_at=None if plan.survey.anonymous else one.occurred_at,
                        interaction_id=one.id,
                        unit_id=one.unit_id,
                        attributes=attributes_of(plan.survey, one.properties),
                    )
                    for one, decided in decisions
                ],
                batch_size=1000,
            )
        asked += add_counts(batch, [decided for _one, decided in decisions])
    return asked


def _people(ids: set[UUID]) -> dict[UUID, Person]:
    """The customers, locked in the order of their ids."""
    rows = Customer.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True, of=("self",))
    return {row[0]: Person.from_row(row) for row in rows.values_list(*CUSTOMER_COLUMNS)}


def _reached(plan: SendPlan, people: Mapping[UUID, Person]) -> set[UUID]:
    """Those of `people` whom the plan may ask at all: of its branch and of its segment, where it has one."""
    branch = branch_of_plan(plan)
    ids = {pk for pk, person in people.items() if branch is None or person.unit_id in branch}
    if plan.segment_id is not None:
        members = SegmentMember.objects.filter(segment_id=plan.segment_id, customer_id__in=ids)
        ids = set(members.values_list("customer_id", flat=True))
    return ids


def _moment(text: str) -> datetime:
    moment = parse_datetime(text)
    if moment is None:
        raise ValueError(f"not a time: {text}")
    return moment
