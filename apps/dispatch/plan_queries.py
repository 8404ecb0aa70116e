"""What is read of sending plans: whom an actor may see, how far one is, its response rate, its coverage."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.dispatch.channels import PERSONAL_CHANNELS
from apps.dispatch.members import assess_members, lock_members, member_ids
from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.plans import branch_of_plan
from apps.dispatch.queries import with_shown_state
from apps.dispatch.quotas import COMPLAINED, JUDGED_FROM
from apps.dispatch.simulation import Audience, Simulation, Trial
from apps.organizations.models import Organization
from apps.segments.models import Segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.scope import current_tenant_id
from cxm.statistics import wilson_bounds

TRIGGER_DAYS: Final = 30
"""How far back a simulation looks for experiences that a plan would have asked about."""


def visible_plans(actor: Actor, permission: str = "surveys.view") -> QuerySet[SendPlan]:
    """The plans the actor may see: all, or those of the actor's branch."""
    rows = SendPlan.objects.select_related("survey", "unit", "created_by")
    units = actor.visible_units(permission)
    return rows if units is None else rows.filter(unit_id__in=units)


def plan_for(actor: Actor, pk: Any, permission: str = "surveys.view") -> SendPlan:
    """One plan the actor may see. Raises NotFound, also for another branch or organisation."""
    plan = visible_plans(actor, permission).select_related("survey__touchpoint").filter(pk=pk).first()
    if plan is None:
        raise NotFound
    return plan


def plans_by_segment(segment_ids: Collection[UUID]) -> dict[UUID, list[str]]:
    """Names of the plans that have not ended, by the segment they reach. One query."""
    rows = SendPlan.objects.filter(segment_id__in=segment_ids).exclude(
        state__in=(SendPlan.State.FINISHED, SendPlan.State.STOPPED)
    )
    found: dict[UUID, list[str]] = {}
    for segment_id, name in rows.order_by("created_at").values_list("segment_id", "name"):
        if segment_id is not None:
            found.setdefault(segment_id, []).append(_("Sending “%(name)s”") % {"name": name})
    return found


def decisions_of(actor: Actor, plan: SendPlan) -> QuerySet[Any]:
    """Everybody the plan decided over whom the actor may see, with `shown_state`, newest first."""
    rows = Invitation.objects.filter(plan=plan).select_related("customer", "member", "survey")
    units = actor.visible_units("surveys.view")
    if units is not None:
        rows = rows.filter(Q(customer__unit_id__in=units) | Q(member__isnull=False, unit_id__in=units))
    return with_shown_state(rows).order_by("-created_at", "-id")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a plan is, in people. `sent` went out, whatever became of it; `delivered` is sent less bounced."""

    considered: int
    queued: int
    sent: int
    bounced: int
    answered: int
    failed: int
    blocked: int
    cancelled: int
    reminded: int
    complained: int
    reported_delivered: int
    next_send_at: Any
    blocked_by: list[tuple[str, int]]

    @property
    def asked(self) -> int:
        """Whoever is, or is to be, asked."""
        return self.queued + self.sent + self.failed

    @property
    def delivered(self) -> int:
        """Sent less bounced (docs/metrics.md)."""
        return self.sent - self.bounced


def progress_of(rows: QuerySet[Invitation]) -> Progress:
    """The progress of these decisions. Two queries."""
    state = Invitation.State
    by = {name: Count("pk", filter=Q(state=name)) for name in state.values}
    counts = rows.order_by().aggregate(
        considered=Count("pk"),
        reminded=Count("pk", filter=Q(reminders_sent__gt=0)),
        complained=Count("pk", filter=Q(reason=COMPLAINED)),
        reported=Count("pk", filter=Q(delivered_at__isnull=False)),
        waiting_until=Min("send_at", filter=Q(state=state.QUEUED)),
        **{f"n_{name}": count for name, count in by.items()},
    )
    blocked = rows.filter(state=state.BLOCKED).order_by().values_list("reason")
    return Progress(
        considered=counts["considered"],
        queued=counts["n_queued"],
        sent=counts["n_sent"] + counts["n_completed"] + counts["n_bounced"],
        bounced=counts["n_bounced"],
        answered=counts["n_completed"],
        failed=counts["n_failed"],
        blocked=counts["n_blocked"],
        cancelled=counts["n_cancelled"],
        reminded=counts["reminded"],
        complained=counts["complained"],
        reported_delivered=counts["reported"],
        next_send_at=counts["waiting_until"],
        blocked_by=list(blocked.annotate(n=Count("pk")).order_by("-n", "reason")),
    )


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n` with Wilson's 95 % interval, all as shares 0..1; `rate` is None when n is 0."""

    hits: int
    n: int

    @property
    def rate(self) -> float | None:
        """The share."""
        return self.hits / self.n if self.n else None

    @property
    def low(self) -> float | None:
        """The lower bound."""
        return wilson_bounds(self.hits, self.n)[0] if self.n else None

    @property
    def high(self) -> float | None:
        """The upper bound."""
        return wilson_bounds(self.hits, self.n)[1] if self.n else None


def response_rate_of(progress: Progress) -> Share:
    """Answered of delivered."""
    return Share(progress.answered, progress.delivered)


def coverage_of(progress: Progress) -> Share:
    """Of the experiences that became known to a plan with a trigger, those that were or are to be asked about."""
    return Share(progress.asked, progress.considered)


@dataclass(frozen=True, slots=True)
class StopRule:
    """One stop rule: `hits` of `sent` against `limit` percent, judged from `judged_from` sent on."""

    name: str
    hits: int
    sent: int
    limit: float
    judged_from: int = JUDGED_FROM

    @property
    def limit_text(self) -> str:
        """The limit without needless zeros."""
        return f"{self.limit:g}"

    @property
    def percent(self) -> float | None:
        """What it stands at."""
        return 100 * self.hits / self.sent if self.sent else None


def stop_rules_of(plan: SendPlan, progress: Progress) -> list[StopRule]:
    """What would stop the plan by itself."""
    return [
        StopRule("bounces", progress.bounced, progress.sent, plan.stop_bounce_percent),
        StopRule("complaints", progress.complained, progress.sent, plan.stop_complaint_percent),
    ]


def trial_of(plan: SendPlan) -> Trial:
    """The sending that the plan stands for, as a simulation tries it now.

    Of a plan with a trigger it is about whoever lived through its event in the last 30 days.
    """
    moment = now()
    since = None
    if plan.repeat_days is not None:
        since = moment - timedelta(days=plan.repeat_days)
    audience = Audience(
        segment_id=plan.segment_id,
        trigger=plan.trigger,
        trigger_days=TRIGGER_DAYS,
        units=branch_of_plan(plan),
        plan_id=plan.pk,
        considered_since=since,
        sample=plan.sample_percent / 100,
    )
    return Trial(
        organization=Organization.objects.get(pk=current_tenant_id()),
        survey=plan.survey,
        audience=audience,
        send_at=max(moment, plan.starts_at),
        channel=plan.channel if plan.channel in PERSONAL_CHANNELS else "email",
        ignore_new_customer_wait=plan.ignore_new_customer_wait,
    )


def audience_size(plan: SendPlan) -> int | None:
    """About how many people a plan is about, to tell how far a count is; None where it is not known."""
    if plan.survey.audience == Survey.Audience.EMPLOYEES:
        return member_ids(branch_of_plan(plan)).count()
    if plan.trigger is not None or plan.segment_id is None:
        return None
    return Segment.objects.filter(pk=plan.segment_id).values_list("size", flat=True).first()


def simulate_members(plan: SendPlan) -> Simulation:
    """What a plan for employees would decide now. Their memberships are held for as long as it takes to read them."""
    found = Simulation(is_done=True)
    considered = Invitation.objects.filter(plan=plan, member__isnull=False)
    if plan.repeat_days is not None:
        considered = considered.filter(created_at__gt=now() - timedelta(days=plan.repeat_days))
    ids = member_ids(branch_of_plan(plan)).exclude(user_id__in=considered.values("member_id"))
    with transaction.atomic():
        people = lock_members(ids)
    for one in assess_members(survey=plan.survey, people=people, send_at=max(now(), plan.starts_at)):
        found.rules[one.decision.rule] += 1
    return found
