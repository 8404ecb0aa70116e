"""Invitations, what their links saw, suppressed addresses and kept mail."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from typing import Any

from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch import services
from apps.dispatch.models import Invitation, InvitationBatch, LinkEvent, MailboxMessage, SendPlan, Suppression
from apps.dispatch.plans import create_plan
from apps.dispatch.suppression import add_suppression
from apps.segments.services import create_segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.scope import current_tenant_id
from tests.factories.customers import a_customer
from tests.factories.registry import factory
from tests.factories.surveys import a_survey

_numbers = count(1)


def a_customer_to_ask(*, known_days: float = 400, **values: Any) -> Customer:
    """A customer with an e-mail address, known for longer than the wait of new customers."""
    customer = a_customer(email=f"customer.{next(_numbers)}@example.com", **values)
    customer.created_at = now() - timedelta(days=known_days)
    customer.save(update_fields=["created_at"])
    return customer


def an_invitation(survey: Survey | None = None, customer: Customer | None = None, **wishes: Any) -> Invitation:
    """A queued invitation."""
    survey = survey or a_survey(relationship=True)
    customer = customer or a_customer_to_ask()
    counts = services.invite_customers(actor=Actor.system("test"), survey=survey, customer_ids=[customer.pk], **wishes)
    return Invitation.objects.get(batch_id=counts.batch_id)


@factory(Invitation)
def _invitation() -> Invitation:
    return an_invitation()


@factory(InvitationBatch)
def _batch() -> InvitationBatch:
    return an_invitation().batch


@factory(SendPlan)
def a_send_plan() -> SendPlan:
    """A draft with a survey that is live and an empty list of customers."""
    number = next(_numbers)
    segment = create_segment(actor=Actor.system("test"), name=f"To be asked {number}", kind="static")
    return create_plan(
        actor=Actor.system("test"),
        survey=a_survey(relationship=True),
        segment_id=segment.pk,
        name=f"Every quarter {number}",
    )


@factory(LinkEvent)
def _link_event() -> LinkEvent:
    invitation = an_invitation()
    services.record_link_event(invitation_id=invitation.pk, kind="get", score=None, agent="browser")
    return LinkEvent.objects.get(invitation=invitation)


@factory(Suppression)
def a_suppression() -> Suppression:
    return add_suppression(actor=Actor.system("test"), email=f"silent.{next(_numbers)}@example.com")


@factory(MailboxMessage)
def a_kept_mail() -> MailboxMessage:
    return MailboxMessage.objects.create(
        organization_id=current_tenant_id(), to="lena@example.com", subject="One question", text="Hello"
    )
