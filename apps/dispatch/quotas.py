"""How far a plan is: answers against its quota, invitations of the day, and whether its stop rules object.

**Quota.** `quota` answers are wanted in a period (in all, a week from Monday, a month of the organisation's calendar).
Whoever was asked and has not answered may still do so, so the plan stops asking when

    answers + rate x outstanding >= quota

where *outstanding* are invitations that are queued or were sent in the last 14 days without an answer, and *rate* is
the share that answers: (answered + 2) / (asked + 10), over the plan's invitations that had three days to be answered or
were answered. The 2 of 10 are what a new plan expects, and weigh little once some hundred were asked. The room left is
the number of invitations that fills the gap: (quota - answers) / rate - outstanding, rounded up.

**Stop rules.** From 50 sent on, a plan stops when bounces or complaints reach their share of what was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from django.db.models import Count, Q
from django.db.models.functions import TruncDate
from django.utils.timezone import now

from apps.dispatch.models import Invitation, SendPlan
from apps.dispatch.plans import BOUNCES, COMPLAINTS

ANSWERED_WITHIN: Final = timedelta(days=14)
"""How long an invitation without an answer still counts as one that may come."""
TIME_TO_ANSWER: Final = timedelta(days=3)
"""How old an invitation must be before its silence tells of the response rate."""
COMPLAINED: Final = "complained"
"""`Invitation.reason` of a message that was reported as spam."""
JUDGED_FROM: Final = 50
"""How many must have been sent before the stop rules judge."""
_PRIOR_ANSWERED: Final = 2
_PRIOR_ASKED: Final = 10

_REACHED: Final = (Invitation.State.SENT, Invitation.State.COMPLETED, Invitation.State.BOUNCED)


@dataclass(frozen=True, slots=True)
class Standing:
    """A plan's answers in its period, and what is still to come."""

    quota: int | None
    answers: int
    outstanding: int
    rate: float

    @property
    def share(self) -> float:
        """Answers of what is wanted, 0 for none; a plan without a quota is never below it and stands last."""
        return self.answers / self.quota if self.quota else float("inf")

    @property
    def is_reached(self) -> bool:
        """Whether the answers are there."""
        return self.quota is not None and self.answers >= self.quota

    @property
    def room(self) -> int | None:
        """How many more may be asked now; None without a quota."""
        if self.quota is None:
            return None
        return max(0, ceil((self.quota - self.answers) / self.rate - self.outstanding - 1e-9))


def standing_of(plan: SendPlan, zone: ZoneInfo) -> Standing:
    """How far the plan is; one query over its invitations, none without a quota."""
    if plan.quota is None:
        return Standing(None, 0, 0, 0.0)
    moment = now()
    start = period_start(plan, zone, moment)
    completed = Q(state=Invitation.State.COMPLETED)
    # Of an anonymous survey no time of an answer is kept: there the time of sending tells the period.
    in_period = completed & (Q(completed_at__gte=start) | Q(completed_at=None, sent_at__gte=start))
    silent = Q(state=Invitation.State.SENT)
    counts = Invitation.objects.filter(plan=plan).aggregate(
        answers=Count("pk", filter=in_period),
        answered=Count("pk", filter=completed),
        outstanding=Count(
            "pk", filter=Q(state=Invitation.State.QUEUED) | silent & Q(sent_at__gt=moment - ANSWERED_WITHIN)
        ),
        silent=Count("pk", filter=silent & Q(sent_at__lte=moment - TIME_TO_ANSWER)),
    )
    rate = (counts["answered"] + _PRIOR_ANSWERED) / (counts["answered"] + counts["silent"] + _PRIOR_ASKED)
    return Standing(plan.quota, counts["answers"], counts["outstanding"], rate)


def period_start(plan: SendPlan, zone: ZoneInfo, moment: datetime) -> datetime:
    """When the plan's quota period began: with its start, on Monday, or on the first of the month."""
    if plan.quota_period == SendPlan.Period.TOTAL:
        return plan.started_at or plan.created_at
    today = moment.astimezone(zone).date()
    first = (
        today - timedelta(days=today.weekday()) if plan.quota_period == SendPlan.Period.WEEK else today.replace(day=1)
    )
    return datetime.combine(first, time.min, zone)


def asked_by_day(plan: SendPlan, zone: ZoneInfo) -> dict[date, int]:
    """How many invitations of the plan go or went, by day of the organisation's calendar, from today on. One query."""
    today = datetime.combine(now().astimezone(zone).date(), time.min, zone)
    rows = Invitation.objects.filter(plan=plan, send_at__gte=today).exclude(
        state__in=(Invitation.State.BLOCKED, Invitation.State.CANCELLED)
    )
    by_day = rows.annotate(day=TruncDate("send_at", tzinfo=zone)).order_by().values_list("day")
    return dict(by_day.annotate(n=Count("pk")))


def objection(plan: SendPlan) -> str:
    """The stop rule that objects to sending on, "" for none. One query."""
    counts = Invitation.objects.filter(plan=plan, state__in=_REACHED).aggregate(
        sent=Count("pk"),
        bounced=Count("pk", filter=Q(state=Invitation.State.BOUNCED)),
        complained=Count("pk", filter=Q(reason=COMPLAINED)),
    )
    if counts["sent"] < JUDGED_FROM:
        return ""
    if 100 * counts["bounced"] / counts["sent"] >= plan.stop_bounce_percent:
        return BOUNCES
    return COMPLAINTS if 100 * counts["complained"] / counts["sent"] >= plan.stop_complaint_percent else ""


@dataclass(slots=True)
class Allowance:
    """How many more a plan may ask: today and on later days, and until its quota is filled. Counts as it is taken."""

    zone: ZoneInfo
    per_day: int | None
    by_day: dict[date, int]
    room: int | None

    @classmethod
    def of(cls, plan: SendPlan, zone: ZoneInfo) -> Allowance:
        """What the plan has left now; two queries at most."""
        by_day = asked_by_day(plan, zone) if plan.per_day is not None else {}
        return cls(zone, plan.per_day, by_day, standing_of(plan, zone).room)

    def refuses(self, at: datetime) -> str:
        """The rule against one more at this time, "" for none: `quota_filled` or `day_full`."""
        if self.room is not None and self.room <= 0:
            return QUOTA_FILLED
        if self.per_day is not None and self.by_day.get(at.astimezone(self.zone).date(), 0) >= self.per_day:
            return DAY_FULL
        return ""

    def take(self, at: datetime) -> None:
        """Count one that is asked at this time."""
        if self.room is not None:
            self.room -= 1
        if self.per_day is not None:
            day = at.astimezone(self.zone).date()
            self.by_day[day] = self.by_day.get(day, 0) + 1


QUOTA_FILLED: Final = "quota_filled"
DAY_FULL: Final = "day_full"
TOO_OLD: Final = "too_old"
PLAN_RULES: Final = (TOO_OLD, QUOTA_FILLED, DAY_FULL)
"""Reasons of a plan why somebody who lived through its event is not asked, beside those of `fatigue.RULES`."""
