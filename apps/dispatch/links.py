"""What stands behind a personal link `/r/<token>/`: the invitation of that row (see `apps.surveys.links`)."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.dispatch.models import Invitation, LinkEvent, Suppression
from apps.dispatch.scanners import Hit, agent_class, suspected_hits
from apps.dispatch.services import complete_invitations, record_link_event
from apps.dispatch.suppression import suppress
from apps.surveys.links import LinkContext, VisitKind
from cxm.actor import Actor
from cxm.scope import current_tenant_id

_OPEN_STATES = frozenset(
    {Invitation.State.QUEUED, Invitation.State.SENT, Invitation.State.BOUNCED, Invitation.State.COMPLETED}
)
_LINK = """
    SELECT i.survey_id, i.customer_id, COALESCE(i.unit_id, c.unit_id), i.touchpoint_id, i.channel, i.language,
           COALESCE(c.email, u.email), c.name, i.state, i.sent_at, i.experienced_at, i.attributes,
           i.member_id IS NOT NULL
      FROM dispatch_invitation i
      LEFT JOIN customers_customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
      LEFT JOIN accounts_user u ON u.id = i.member_id
     WHERE i.tenant_id = %s AND i.id = %s AND NOT (i.state = 'blocked' AND i.sent_at IS NULL)
"""
# IS NOT DISTINCT FROM, because no index serves it: just after a large sending, before the table was analysed, the
# planner took the index on the survey and read all its invitations.
_OPEN_LINK = """
    SELECT i.customer_id, COALESCE(i.unit_id, c.unit_id) AS unit_id, i.touchpoint_id, i.channel, i.attributes,
           i.experienced_at
      FROM dispatch_invitation i
      LEFT JOIN customers_customer c ON c.tenant_id = i.tenant_id AND c.id = i.customer_id
     WHERE i.tenant_id = %s AND i.id = %s AND i.survey_id IS NOT DISTINCT FROM %s::uuid
       AND i.state IN ('queued', 'sent', 'bounced', 'completed')
"""


class InvitationLinks:
    """The keeper of personal links: every one belongs to an invitation."""

    open_link_sql = _OPEN_LINK

    def resolve(self, row_id: UUID) -> LinkContext | None:
        """The link of an invitation; a blocked one never had a link.

        Plain SQL, because every answer to a mail comes through here and the ORM would take longer than the database.
        """
        with connection.cursor() as cursor:
            cursor.execute(_LINK, [current_tenant_id(), row_id])
            found = cursor.fetchone()
        if found is None:
            return None
        survey_id, customer_id, unit_id, touchpoint_id, channel, language, email, name, state, *rest = found
        sent_at, experienced_at, attributes, member = rest
        return LinkContext(
            row_id=row_id,
            survey_id=survey_id,
            customer_id=customer_id,
            unit_id=unit_id,
            touchpoint_id=touchpoint_id,
            channel=channel,
            language=language,
            address=masked(email or ""),
            closed=state not in _OPEN_STATES and sent_at is None,
            answered=state == Invitation.State.COMPLETED,
            name=name or "",
            experienced_at=experienced_at,
            attributes=_as_texts(attributes),
            member=member,
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
        delivered, sent = Invitation.objects.values_list("delivered_at", "sent_at").get(pk=link.row_id)
        hits = [
            Hit(kind=event.kind, at=event.at, score=event.score, agent=event.agent)
            for event in LinkEvent.objects.filter(invitation=link.row_id)
        ]
        now_asking = Hit(kind=LinkEvent.Kind.GET, at=now(), agent=agent_class(user_agent))
        return any(suspected_hits([*hits, now_asking], delivered or sent))

    def stop(self, link: LinkContext, *, ip: str | None) -> None:
        """Suppress the invitation's customer, address and all; of an employee the address."""
        invitation = Invitation.objects.select_related("customer", "member").get(pk=link.row_id)
        actor, reason = Actor.respondent(ip), Suppression.Reason.UNSUBSCRIBED
        if invitation.customer is not None:
            suppress(actor=actor, customer=invitation.customer, reason=reason)
        elif invitation.member is not None:
            suppress(actor=actor, email=invitation.member.email, reason=reason)


def _as_texts(attributes: Any) -> dict[str, str]:
    """An invitation's attributes as text by name; psycopg2 hands JSON over undecoded where Django told it to."""
    read = json.loads(attributes) if isinstance(attributes, str) else attributes
    return {name: str(value) for name, value in read.items() if value is not None} if isinstance(read, dict) else {}


def masked(address: str) -> str:
    """`l…@example.com` of `lena@example.com`: enough to recognise the own address, too little to learn another's."""
    local, at, host = address.rpartition("@")
    return f"{local[:1]}…@{host}" if at else ""
