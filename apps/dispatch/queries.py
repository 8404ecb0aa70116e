"""What is read of invitations: lists, counts, the response rate, suspected scanners, due organisations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.digests import digest_of
from apps.customers.timeline import TimelineItem, Wanted
from apps.dispatch.explaining import state_name
from apps.dispatch.models import Invitation, InvitationBatch, LinkEvent, Suppression
from apps.dispatch.scanners import HEADLESS, PROGRAM, TOO_MANY_SCORES, TOO_SOON
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.db.platform import platform_rows
from cxm.statistics import wilson_bounds

DELIVERED_STATES = (Invitation.State.SENT, Invitation.State.COMPLETED)


@dataclass(frozen=True, slots=True)
class ResponseCounts:
    """`completed` of `delivered` invitations; the rate and its interval are the metric service's business."""

    sent: int
    bounced: int
    completed: int

    @property
    def delivered(self) -> int:
        """Sent less bounced (docs/metrics.md): what was blocked by a rule is in neither."""
        return self.sent - self.bounced


def response_counts(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    survey_ids: Sequence[UUID] | None = None,
    touchpoint_ids: Sequence[UUID] | None = None,
) -> ResponseCounts:
    """Sent, bounced and completed invitations whose mail went in [start, end). One query on the invitations."""
    rows = Invitation.objects.filter(state__in=(*DELIVERED_STATES, Invitation.State.BOUNCED))
    if start is not None:
        rows = rows.filter(send_at__gte=start)
    if end is not None:
        rows = rows.filter(send_at__lt=end)
    if survey_ids is not None:
        rows = rows.filter(survey_id__in=survey_ids)
    if touchpoint_ids is not None:
        rows = rows.filter(touchpoint_id__in=touchpoint_ids)
    counts = rows.aggregate(
        sent=Count("pk"),
        bounced=Count("pk", filter=Q(state=Invitation.State.BOUNCED)),
        completed=Count("pk", filter=Q(state=Invitation.State.COMPLETED)),
    )
    return ResponseCounts(**counts)


def visible_invitations(actor: Actor, survey: Survey) -> QuerySet[Invitation]:
    """The survey's invitations to customers that the actor may see, with `shown_state`.

    Of an anonymous survey `shown_state` does not tell who answered: answered ones are shown as sent, also to filters,
    so that nobody can watch the list while answers arrive.
    """
    rows = Invitation.objects.filter(survey=survey).select_related("customer", "member")
    units = actor.visible_units("surveys.view")
    if units is not None:
        rows = rows.filter(Q(customer__unit_id__in=units) | Q(member__isnull=False, unit_id__in=units))
    return with_shown_state(rows)


def with_shown_state(rows: QuerySet[Invitation]) -> QuerySet[Any]:
    """Invitations with `shown_state`: what may be told of them. Of anonymous surveys not who answered: still sent."""
    return rows.annotate(
        shown_state=Case(
            When(state=Invitation.State.COMPLETED, survey__anonymous=True, then=Value(Invitation.State.SENT.value)),
            default="state",
            output_field=CharField(max_length=9),
        )
    )


def batches_of(survey: Survey) -> QuerySet[InvitationBatch]:
    """The sendings of a survey, newest first."""
    return InvitationBatch.objects.filter(survey=survey).select_related("created_by").order_by("-created_at")


def state_counts(rows: QuerySet[Invitation]) -> dict[str, int]:
    """How many invitations are in each state; absent states have none. One query."""
    return dict(rows.order_by().values_list("state").annotate(n=Count("pk")))


def reason_counts(rows: QuerySet[Invitation]) -> list[tuple[str, int]]:
    """Blocked invitations by rule, the most frequent first. One query."""
    blocked = rows.filter(state=Invitation.State.BLOCKED).order_by()
    return list(blocked.values_list("reason").annotate(n=Count("pk")).order_by("-n", "reason"))


def suspected_scanner_hits(survey: Survey) -> int:
    """How many openings of the survey's links look like a mail scanner's (see `scanners`). One query."""
    hits = LinkEvent.objects.filter(invitation__survey=survey)
    another_score = (
        LinkEvent.objects.filter(
            invitation=OuterRef("invitation"),
            score__isnull=False,
            at__gte=OuterRef("at") - TOO_MANY_SCORES,
            at__lte=OuterRef("at") + TOO_MANY_SCORES,
        )
        .exclude(score=OuterRef("score"))
        .values("pk")
    )
    return hits.filter(
        Q(kind=LinkEvent.Kind.HEAD)
        | Q(agent__in=(HEADLESS, PROGRAM))
        | Q(at__lt=F("invitation__sent_at") + TOO_SOON)
        | Q(score__isnull=False) & Exists(another_score)
    ).count()


def survey_facts(*, actor: Actor, survey: Survey) -> list[tuple[str, str]]:
    """What a survey's page says of its mails: nothing before the first. Two queries."""
    counts = response_counts(survey_ids=[survey.pk])
    if not counts.sent:
        return []
    low, high = wilson_bounds(counts.completed, counts.delivered) if counts.delivered else (0.0, 1.0)
    answered = _("%(completed)d of %(delivered)d delivered") % {
        "completed": counts.completed,
        "delivered": counts.delivered,
    }
    rate = _("%(rate).0f %% (%(low).0f to %(high).0f)") % {
        "rate": 100 * counts.completed / counts.delivered if counts.delivered else 0,
        "low": 100 * low,
        "high": 100 * high,
    }
    facts = [(_("Response rate"), f"{rate}, {answered}" if counts.delivered else answered)]
    hits = suspected_scanner_hits(survey)
    if hits:
        facts.append((_("Suspected scanner hits"), str(hits)))
    return facts


def suppressions(text: str = "", reason: str = "") -> QuerySet[Suppression]:
    """The suppression list in force, newest first; with `text` the addresses and numbers that hold it, and by reason.

    A whole address or number also finds the entry of somebody who was erased, of whom only a digest is kept.
    """
    rows = Suppression.objects.in_force().select_related("customer").order_by("-at", "-id")
    wanted = text.strip().lower()
    if wanted:
        digests = [digest_of("email", wanted), digest_of("phone", wanted)]
        rows = rows.filter(Q(email__contains=wanted) | Q(phone__contains=wanted) | Q(digest__in=digests))
    return rows.filter(reason=reason) if reason else rows


def invitation_items(wanted: Wanted) -> list[TimelineItem]:
    """What a customer was asked, for the timeline: sent, planned, and not asked with the reason."""
    rows: QuerySet[Any] = (
        with_shown_state(Invitation.objects.filter(wanted.condition(time="created_at", channel="channel")))
        .select_related("survey")
        .order_by("-created_at", "-id")[: wanted.limit]
    )
    return [
        TimelineItem(
            id=row.pk,
            kind="invitation",
            at=row.created_at,
            channel=row.channel,
            title=f"{row.survey.name}: {state_name(row.shown_state)}",
            page="dispatch:invitations",
            page_kwargs={"pk": row.survey_id},
            icon="mail",
            data={"survey": str(row.survey_id), "state": row.shown_state, "reason": row.reason},
        )
        for row in rows
    ]


def organizations_with_due_invitations() -> list[UUID]:
    """Every organisation with something to send now. Reads as the platform's role, which sees due rows only."""
    rows: list[tuple[Any, ...]] = platform_rows(
        "SELECT tenant_id FROM dispatch_invitation"
        " WHERE state = 'queued' AND send_at <= %s AND (leased_until IS NULL OR leased_until < %s)"
        " UNION SELECT tenant_id FROM dispatch_invitation WHERE state = 'sent' AND remind_at IS NOT NULL"
        " AND remind_at <= %s AND (leased_until IS NULL OR leased_until < %s)",
        [now()] * 4,
    )
    return [row[0] for row in rows]


def organizations_with_due_plans() -> list[UUID]:
    """Every organisation with a plan to run now."""
    rows: list[tuple[Any, ...]] = platform_rows(
        "SELECT DISTINCT tenant_id FROM dispatch_sendplan WHERE state = 'active' AND next_run_at <= %s"
        " AND (leased_until IS NULL OR leased_until < %s)",
        [now()] * 2,
    )
    return [row[0] for row in rows]
