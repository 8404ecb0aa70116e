"""What providers report of messages, and what people write back: bounces, complaints, stops, deliveries.

Reports come late, twice and in any order, and lead to the same state: a bounce after an answer leaves the answer; a
delivery after a bounce changes nothing; a message nobody here sent is no error, and its address is still obeyed when it
complains. Of a reply only an opt-out word is acted on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from uuid import UUID

from django.db.models import Q
from django.utils.timezone import now

from apps.dispatch.models import Invitation, SendPlan, Suppression
from apps.dispatch.opt_out import is_opt_out
from apps.dispatch.quotas import COMPLAINED
from apps.dispatch.services import wake_planning
from apps.dispatch.suppression import suppress
from apps.messaging.models import DeliveryReport, Provider
from apps.messaging.services import finish_reports
from cxm.actor import Actor

_REPORT: Final = DeliveryReport.Kind
_REASONS: Final = {
    _REPORT.BOUNCED: Suppression.Reason.BOUNCE,
    _REPORT.COMPLAINED: Suppression.Reason.COMPLAINT,
    _REPORT.UNSUBSCRIBED: Suppression.Reason.UNSUBSCRIBED,
    _REPORT.REPLIED: Suppression.Reason.OPT_OUT_WORD,
}


def hear_reports(report_ids: Iterable[UUID]) -> None:
    """Act on reports, in the order in which things happened, and forget the addresses in them.

    Must be called inside a transaction. Acting on one again changes nothing.
    """
    reports = list(
        DeliveryReport.objects.filter(pk__in=list(report_ids), handled_at=None)
        .select_related("provider")
        .order_by("happened_at", "pk")
    )
    invitations = _invitations_of(reports)
    plans: set[UUID] = set()
    for report in reports:
        invitation = invitations.get(report.reference) if report.reference else None
        invitation = invitation or invitations.get(f"{report.provider_id}:{report.message_id}")
        _act(report, invitation)
        if invitation is not None and invitation.plan_id and report.kind in (_REPORT.BOUNCED, _REPORT.COMPLAINED):
            plans.add(invitation.plan_id)
    finish_reports(report.pk for report in reports)
    if plans:
        # The planner looks at the stop rules of these at once.
        SendPlan.objects.filter(pk__in=plans, state=SendPlan.State.ACTIVE).update(next_run_at=now())
        wake_planning()


def _invitations_of(reports: list[DeliveryReport]) -> dict[UUID | str, Invitation]:
    """The invitations that reports are about, by id and by "provider:message". One query."""
    references = {report.reference for report in reports if report.reference}
    messages = {report.message_id for report in reports if report.message_id}
    rows = Invitation.objects.filter(
        Q(pk__in=references) | Q(provider_message_id__in=messages) & ~Q(provider_message_id="")
    ).select_related("customer", "member")
    found: dict[UUID | str, Invitation] = {}
    for row in rows:
        found[row.pk] = row
        if row.provider_message_id:
            found[f"{row.provider_id}:{row.provider_message_id}"] = row
    return found


def _act(report: DeliveryReport, invitation: Invitation | None) -> None:
    rows = Invitation.objects.filter(pk=invitation.pk) if invitation else Invitation.objects.none()
    # Queued ones too: a quick provider reports before we have written that the message left.
    sent = rows.filter(state__in=(Invitation.State.SENT, Invitation.State.QUEUED))
    match report.kind:
        case _REPORT.DELIVERED:
            rows.filter(delivered_at=None).update(delivered_at=report.happened_at)
        case _REPORT.BOUNCED:
            sent.update(
                state=Invitation.State.BOUNCED,
                reason=f"reported_{report.code}"[:40] if report.code else "reported",
                remind_at=None,
            )
        case _REPORT.FAILED:
            sent.update(
                state=Invitation.State.FAILED,
                reason=f"reported_{report.code}"[:40] if report.code else "reported",
                remind_at=None,
            )
        case _REPORT.COMPLAINED:
            rows.exclude(state__in=(Invitation.State.BLOCKED, Invitation.State.CANCELLED)).update(
                reason=COMPLAINED, remind_at=None
            )
        case _REPORT.REPLIED if not is_opt_out(report.text, invitation.language if invitation else ""):
            return
    if report.kind in _REASONS:
        _silence(report, invitation)


def _silence(report: DeliveryReport, invitation: Invitation | None) -> None:
    """Put whom the report is about on the suppression list: a bounce its address, a stop the person."""
    actor = Actor.system(f"report of {report.provider.backend}"[:80])
    reason = _REASONS[DeliveryReport.Kind(report.kind)]
    is_mail = report.provider.kind == Provider.Kind.EMAIL
    address = report.address.strip()
    if invitation is not None and not address:
        person = invitation.customer or invitation.member
        address = (getattr(person, "email", "") if is_mail else getattr(person, "phone", "")) or ""
    if address:
        if is_mail:
            suppress(actor=actor, email=address, reason=reason)
        else:
            suppress(actor=actor, phone=address, reason=reason)
    if invitation is not None and invitation.customer is not None and reason != Suppression.Reason.BOUNCE:
        suppress(actor=actor, customer=invitation.customer, reason=reason)
