"""Running plans: decide over the next people of a segment, or over members, and queue invitations.

A plan with a segment draws its people in an order that is random and always the same: that of a hash of plan and
customer. So a drip of 20 a day is a fair sample of the segment on every day, and `sample_percent` is the first part of
the same order. Whoever was considered has a row, queued or blocked, and is not considered again by the plan, unless
`repeat_days` have passed since.

A run is bounded. Each chunk of decisions is a transaction of its own that holds the plan's row and then the customers'
rows: a pause takes hold between two chunks, and two planners cannot decide over the same people.

When several plans are due, that which is furthest below its quota goes first, and who it asks is then protected from
the others by the global cap (docs/metrics.md). Plans of an organisation are due together, once a day.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import BigIntegerField, Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch.business_hours import spread_time
from apps.dispatch.eligibility import (
    CUSTOMER_COLUMNS,
    Assessment,
    Person,
    Wish,
    assess_wishes,
    sending_time,
)
from apps.dispatch.members import lock_members, member_ids
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan
from apps.dispatch.plans import (
    ENDED,
    EVERYBODY_CONSIDERED,
    NO_SEGMENT,
    QUOTA_REACHED,
    SURVEY_CLOSED,
    branch_of_plan,
    finish_plan,
    stop_plan,
)
from apps.dispatch.quotas import Allowance, objection, standing_of
from apps.dispatch.services import invitation_for, wake_planning, wake_sending
from apps.organizations.models import Organization
from apps.segments.models import Segment
from apps.segments.queries import membership_condition
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id

log = logging.getLogger(__name__)

PLANNER: Final = Actor.system("sending plan")
LEASE: Final = timedelta(minutes=5)
CHUNK: Final = 1_000
"""People decided over in one transaction."""
MOST_A_RUN: Final = 20_000
"""People decided over before other plans, and other organisations, get their turn."""
TURN: Final = time(9)
"""When plans run, in the organisation's time, where no business hours are kept; else at midnight, for all zones."""
SEGMENT_PAUSE: Final = timedelta(minutes=1)
"""How long a plan waits for its segment to be computed for the first time."""
AFTER_ERROR: Final = timedelta(minutes=10)

_GOLDEN: Final = 0.6180339887498949


@dataclass(slots=True)
class PlanRun:
    """What a run did: people considered, and how many of them are asked."""

    considered: int = 0
    eligible: int = 0


def run_due_plans(*, most: int = 20) -> int:
    """Run the organisation's due plans, the one furthest below its quota first; how many ran.

    Must not be called inside a transaction. A plan that fails rests ten minutes and holds up no other.
    """
    ran = 0
    zone = _zone()
    for plan in sorted(_claim(most), key=lambda plan: (standing_of(plan, zone).share, plan.created_at, plan.pk)):
        try:
            run_plan(plan)
        except Exception:
            log.exception("plan could not be run", extra={"plan": str(plan.pk)})
            SendPlan.objects.filter(pk=plan.pk, state=SendPlan.State.ACTIVE).update(
                next_run_at=now() + AFTER_ERROR, leased_until=None
            )
        ran += 1
    if SendPlan.objects.filter(state=SendPlan.State.ACTIVE, next_run_at__lte=now(), leased_until=None).exists():
        wake_planning()
    return ran


def run_plan(plan: SendPlan) -> PlanRun:
    """Decide over the plan's next people, as many as it may ask today and at most 20,000; queue and wake the workers.

    It also ends the plan where its time is over, its quota reached, its survey closed, or a stop rule objects. Must not
    be called inside a transaction.
    """
    run = PlanRun()
    while run.considered < MOST_A_RUN:
        with transaction.atomic():
            locked = _locked(plan.pk)
            if locked is None:
                return run
            rests_until = _rests(locked)
            if rests_until is None:
                rests_until = _consider(locked, run)
            if locked.state != SendPlan.State.ACTIVE:
                return run
            if rests_until is not None:
                locked.next_run_at, locked.leased_until = rests_until, None
                locked.save(update_fields=["next_run_at", "leased_until", "updated_at"])
                return run
            SendPlan.objects.filter(pk=plan.pk).update(leased_until=now() + LEASE)
    SendPlan.objects.filter(pk=plan.pk, state=SendPlan.State.ACTIVE).update(next_run_at=now(), leased_until=None)
    return run


def end_if_due(plan: SendPlan) -> bool:
    """End a locked, active plan that is over: by time, quota, survey or stop rule. Whether it ended."""
    if plan.survey.state != Survey.State.LIVE:
        finish_plan(actor=PLANNER, plan=plan, reason=SURVEY_CLOSED)
    elif plan.ends_at is not None and plan.ends_at <= now():
        finish_plan(actor=PLANNER, plan=plan, reason=ENDED)
    elif rule := objection(plan):
        stop_plan(actor=PLANNER, plan=plan, reason=rule)
        plan.refresh_from_db()
    elif plan.quota_period == SendPlan.Period.TOTAL and standing_of(plan, _zone()).is_reached:
        finish_plan(actor=PLANNER, plan=plan, reason=QUOTA_REACHED)
    return plan.state != SendPlan.State.ACTIVE


def next_turn(organization: Organization, moment: datetime) -> datetime:
    """When plans run next: tomorrow, at midnight of the organisation where business hours are kept, else at nine."""
    zone = ZoneInfo(organization.timezone)
    at = time.min if organization.business_hours_enabled else TURN
    today = datetime.combine(moment.astimezone(zone).date(), at, zone)
    return today if today > moment else datetime.combine(today.date() + timedelta(days=1), at, zone)


def batch_of_today(plan: SendPlan, zone: ZoneInfo) -> InvitationBatch:
    """The plan's batch of the organisation's day: one for all that it decides today. The caller holds the plan."""
    today = datetime.combine(now().astimezone(zone).date(), time.min, zone)
    batch = InvitationBatch.objects.filter(plan=plan, created_at__gte=today).order_by("created_at").first()
    return batch or InvitationBatch.objects.create(
        plan=plan,
        survey_id=plan.survey_id,
        channel=plan.channel,
        reply_to=plan.reply_to,
        ignore_new_customer_wait=plan.ignore_new_customer_wait,
        created_by_id=plan.created_by_id,
    )


def add_counts(batch: InvitationBatch, assessed: Sequence[Assessment]) -> int:
    """Add decisions to what a batch says of itself; how many are asked."""
    rules = Counter(one.decision.rule for one in assessed)
    eligible = rules.pop("", 0)
    batch.eligible += eligible
    batch.blocked = dict(sorted((Counter(batch.blocked) + rules).items()))
    batch.save(update_fields=["eligible", "blocked"])
    return eligible


def _claim(most: int) -> list[SendPlan]:
    moment = now()
    with transaction.atomic(durable=True):
        free = Q(leased_until=None) | Q(leased_until__lt=moment)
        due = SendPlan.objects.filter(free, state=SendPlan.State.ACTIVE, next_run_at__lte=moment)
        locked = due.select_for_update(skip_locked=True, no_key=True, of=("self",)).order_by("next_run_at", "pk")
        ids = list(locked.values_list("pk", flat=True)[:most])
        SendPlan.objects.filter(pk__in=ids).update(leased_until=moment + LEASE)
    return list(SendPlan.objects.filter(pk__in=ids).select_related("survey"))


def _locked(pk: UUID) -> SendPlan | None:
    """The plan, locked, if it still sends."""
    rows = SendPlan.objects.select_for_update(no_key=True, of=("self",)).select_related("survey")
    return rows.filter(pk=pk, state=SendPlan.State.ACTIVE).first()


def _rests(plan: SendPlan) -> datetime | None:
    """When the plan is to run again, where there is nobody to consider now; None where there is."""
    moment = now()
    if plan.starts_at > moment:
        return plan.starts_at
    if end_if_due(plan):
        return moment
    if plan.trigger is not None:
        return next_turn(_organization(), moment)
    if plan.segment_id is not None:
        segment = Segment.objects.filter(pk=plan.segment_id).first()
        if segment is None:
            stop_plan(actor=PLANNER, plan=plan, reason=NO_SEGMENT)
            plan.refresh_from_db()
            return moment
        if segment.size is None:
            return moment + SEGMENT_PAUSE
    return None


def _consider(plan: SendPlan, run: PlanRun) -> datetime | None:
    """Decide over the next chunk of people; when to run again, None for at once."""
    organization = _organization()
    zone = ZoneInfo(organization.timezone)
    moment = now()
    allowance = Allowance.of(plan, zone)
    most = CHUNK
    for limit in (allowance.room, plan.per_day):
        most = min(most, max(50, 2 * limit)) if limit is not None else most
    people = _next_people(plan, most)
    if not people:
        if plan.repeat_days is None and plan.ends_at is None:
            finish_plan(actor=PLANNER, plan=plan, reason=EVERYBODY_CONSIDERED)
        return next_turn(organization, moment)
    wishes = []
    for place, person in enumerate(people):
        at = sending_time(organization, person, moment)
        if plan.per_day is not None and organization.business_hours_enabled:
            share = ((run.eligible + place) * _GOLDEN) % 1
            at = spread_time(moment, organization.business_hours, person.timezone or organization.timezone, share)
        wishes.append(
            Wish(person, plan.survey, at, plan.channel, ignore_new_customer_wait=plan.ignore_new_customer_wait)
        )
    assessed, is_full = _within(assess_wishes(organization=organization, wishes=wishes), allowance)
    batch = batch_of_today(plan, zone)
    share = plan.sample_percent / 100
    Invitation.objects.bulk_create(
        [invitation_for(batch, plan.survey, one, probability=share) for one in assessed], batch_size=CHUNK
    )
    eligible = add_counts(batch, assessed)
    run.considered += len(assessed)
    run.eligible += eligible
    if eligible:
        wake_sending()
    return next_turn(organization, moment) if is_full else None


def _within(assessed: Sequence[Assessment], allowance: Allowance) -> tuple[list[Assessment], bool]:
    """The decisions up to the first person whom the plan may ask no more; whether there was one.

    Whoever comes after is not considered today: an answer "not now" would be an answer for ever.
    """
    taken: list[Assessment] = []
    for one in assessed:
        if one.decision.eligible:
            if allowance.refuses(one.send_at):
                return taken, True
            allowance.take(one.send_at)
        taken.append(one)
    return taken, False


def _next_people(plan: SendPlan, most: int) -> list[Person]:
    """The next people in the plan's order whom it has not considered, locked."""
    branch = branch_of_plan(plan)
    if plan.survey.audience == Survey.Audience.EMPLOYEES:
        waiting = _drawn(plan, member_ids(branch), "user_id", "member")
        order = {pk: place for place, pk in enumerate(waiting[:most])}
        return sorted(lock_members(list(order)), key=lambda person: order[person.id])
    rows = Customer.objects.filter(membership_condition(plan.segment_id, customer="pk")) if plan.segment_id else None
    if rows is None:
        return []
    if branch is not None:
        rows = rows.filter(unit_id__in=branch)
    order = {
        pk: place for place, pk in enumerate(_drawn(plan, rows.values_list("pk", flat=True), "pk", "customer")[:most])
    }
    locked = Customer.objects.filter(pk__in=list(order)).order_by("pk").select_for_update(no_key=True, of=("self",))
    people = [Person.from_row(row) for row in locked.values_list(*CUSTOMER_COLUMNS)]
    return sorted(people, key=lambda person: order[person.id])


def _drawn(plan: SendPlan, ids: QuerySet[Any, UUID], key: str, column: str) -> QuerySet[Any, UUID]:
    """Of `ids` those of the plan's sample that it has not considered yet, in the plan's order."""
    considered = Invitation.objects.filter(plan=plan, **{column: OuterRef(key)})
    if plan.repeat_days is not None:
        considered = considered.filter(created_at__gt=now() - timedelta(days=plan.repeat_days))
    text = Concat(Value(str(plan.pk)), Cast(F(key), TextField()), output_field=TextField())
    draw = Func(text, Value(0), function="hashtextextended", output_field=BigIntegerField())
    rows = ids.annotate(draw=draw).filter(~Exists(considered))
    if plan.sample_percent < 100:
        rows = rows.filter(draw__lt=sample_bound(plan.sample_percent / 100))
    return rows.order_by("draw", key)


def sample_bound(share: float) -> int:
    """The bound below which lies this share of all signed 64-bit hashes."""
    return min(2**63 - 1, int(share * 2**64) - 2**63)


def _organization() -> Organization:
    return Organization.objects.get(pk=current_tenant_id())


def _zone() -> ZoneInfo:
    return ZoneInfo(_organization().timezone)
