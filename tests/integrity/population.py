"""Customers, what they lived through, whom of them was asked, and what they said: built row by row for exact counts."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch.models import Invitation, InvitationBatch, SendPlan
from apps.interactions.models import Interaction
from apps.surveys.models import Survey
from apps.touchpoints.models import Touchpoint
from cxm.ids import timed_uuid7
from tests.factories.customers import a_customer
from tests.factories.maps import a_touchpoint
from tests.factories.surveys import a_survey


def days_ago(days: float) -> datetime:
    """A time before now."""
    return now() - timedelta(days=days)


def a_measured_touchpoint(event: str = "Call ended", *, where: dict[str, Any] | None = None, **survey: Any) -> Survey:
    """The survey of a new touchpoint whose experiences are this event."""
    touchpoint = a_touchpoint(event_match={"event": event, "where": where or {}})
    return a_survey(survey.pop("kind", "nps"), touchpoint=touchpoint, **survey)


def an_experience(
    customer: Customer | None = None,
    *,
    event: str = "Call ended",
    days: float = 10,
    agent: str = "",
    unit: Any = None,
    **properties: Any,
) -> Interaction:
    """Something that a customer (a new one unless given) lived through."""
    at = days_ago(days)
    said = {**properties, **({"agent": agent} if agent else {})}
    return Interaction.objects.create(
        id=timed_uuid7(at), customer=customer or a_customer(), event=event, occurred_at=at, unit=unit, properties=said
    )


def asked(
    survey: Survey,
    customer: Customer | None,
    *,
    state: str = "sent",
    days: float = 9,
    experience: Interaction | None = None,
    batch: InvitationBatch | None = None,
    probability: float = 1.0,
) -> Invitation:
    """An invitation as a plan makes it, or as part of a batch."""
    if batch is None:
        plan = SendPlan.objects.create(survey=survey, name="Plan")
        batch = InvitationBatch.objects.create(survey=survey, plan=plan)
    touchpoint: Touchpoint | None = survey.touchpoint
    return Invitation.objects.create(
        batch=batch,
        plan=batch.plan,
        survey=survey,
        customer=customer,
        touchpoint=touchpoint,
        kind="transactional",
        state=state,
        send_at=days_ago(days),
        interaction_id=experience.pk if experience else None,
        experienced_at=experience.occurred_at if experience else None,
        probability=probability,
    )
