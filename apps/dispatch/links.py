"""What stands behind a personal link `/r/<token>/`: the invitation of that row (see `apps.surveys.links`)."""

from __future__ import annotations

from uuid import UUID

from django.utils.timezone import now

from apps.dispatch.models import Invitation, LinkEvent, Suppression
from apps.dispatch.scanners import Hit, agent_class, suspected_hits
from apps.dispatch.services import complete_invitations, record_link_event
from apps.dispatch.suppression import suppress
from apps.surveys.links import LinkContext, VisitKind
from cxm.actor import Actor

_OPEN_STATES = frozenset(
    {Invitation.State.QUEUED, Invitation.State.SENT, Invitation.State.BOUNCED, Invitation.State.COMPLETED}
)


class InvitationLinks:
    """The keeper of personal links: every one belongs to an invitation."""

    def resolve(self, row_id: UUID) -> LinkContext | None:
        """The link of an invitation; a blocked one never had a link."""
        invitation = (
            Invitation.objects.select_related("customer")
            .filter(pk=row_id)
            .exclude(state=Invitation.State.BLOCKED, sent_at=None)
            .first()
        )
        if invitation is None:
            return None
        customer = invitation.customer
        return LinkContext(
            row_id=invitation.pk,
            survey_id=invitation.survey_id,
            customer_id=invitation.customer_id,
            unit_id=customer.unit_id if customer else None,
            touchpoint_id=invitation.touchpoint_id,
            channel=invitation.channel,
            language=invitation.language,
            address=masked(customer.email or "") if customer else "",
            closed=invitation.state not in _OPEN_STATES and invitation.sent_at is None,
            answered=invitation.state == Invitation.State.COMPLETED,
        )

    def record_visit(self, link: LinkContext, *, kind: VisitKind, score: int | None, user_agent: str) -> None:
        """Append what happened to the link's events."""
        record_link_event(
            invitation_id=link.row_id, kind=LinkEvent.Kind(kind), score=score, agent=agent_class(user_agent)
        )

    def claim_single_answer(self, link: LinkContext) -> bool:
        """Complete the invitation of an anonymous survey, without the time; False when it was complete."""
        return complete_invitations(invitation_ids=[link.row_id], keep_time=False) == 1

    def is_suspect(self, link: LinkContext, *, user_agent: str) -> bool:
        """Whether any hit of the link, or who asks now, bears a mark of a mail scanner. Two queries."""
        delivered_at = Invitation.objects.values_list("sent_at", flat=True).get(pk=link.row_id)
        hits = [
            Hit(kind=event.kind, at=event.at, score=event.score, agent=event.agent)
            for event in LinkEvent.objects.filter(invitation=link.row_id)
        ]
        now_asking = Hit(kind=LinkEvent.Kind.GET, at=now(), agent=agent_class(user_agent))
        return any(suspected_hits([*hits, now_asking], delivered_at))

    def stop(self, link: LinkContext, *, ip: str | None) -> None:
        """Suppress the invitation's customer, address and all."""
        invitation = Invitation.objects.select_related("customer").get(pk=link.row_id)
        if invitation.customer is not None:
            suppress(actor=Actor.respondent(ip), customer=invitation.customer, reason=Suppression.Reason.UNSUBSCRIBED)


def masked(address: str) -> str:
    """`l…@example.com` of `lena@example.com`: enough to recognise the own address, too little to learn another's."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}…@{host}" if at else ""
