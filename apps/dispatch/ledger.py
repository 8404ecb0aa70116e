"""Surveys that are shown and not sent: a widget, a kiosk, to somebody who is known. One ledger counts them all."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.utils.timezone import now

from apps.customers.models import Customer
from apps.dispatch.eligibility import CUSTOMER_COLUMNS, Person, assess, kind_of
from apps.dispatch.fatigue import Decision
from apps.dispatch.models import Invitation, InvitationBatch
from apps.organizations.models import Organization
from apps.surveys.models import Survey
from cxm.errors import NotFound
from cxm.scope import current_tenant_id


def may_ask(*, survey: Survey, customer_id: UUID, channel: str) -> Decision:
    """Whether a survey may be shown to this customer now, by the rules of contact frequency and of permission.

    Five queries. Writes nothing: between this and `record_shown` another survey may be shown to the same customer.
    Raises NotFound for somebody who is no customer here.
    """
    organization = Organization.objects.get(pk=current_tenant_id())
    one = assess(
        organization=organization, survey=survey, people=[_person(customer_id)], send_at=now(), channel=channel
    )
    return one[0].decision


@transaction.atomic
def record_shown(
    *, survey: Survey, customer_id: UUID, channel: str, attributes: Mapping[str, str] | None = None
) -> UUID:
    """Note in the ledger that a survey was shown to a customer; the invitation, whose link may carry the answer.

    It counts like one that was sent. Holds the customer's lock until the caller's transaction ends, so that no other
    decision over this customer is made meanwhile. Raises NotFound for somebody who is no customer here.
    """
    person = _person(customer_id, lock=True)
    batches = InvitationBatch.objects.filter(survey=survey, channel=channel, plan=None, created_by=None)
    batch = batches.order_by("created_at").first() or InvitationBatch.objects.create(survey=survey, channel=channel)
    moment = now()
    invitation = Invitation.objects.create(
        batch=batch,
        survey=survey,
        customer_id=person.id,
        touchpoint_id=survey.touchpoint_id,
        channel=channel,
        kind=kind_of(survey),
        state=Invitation.State.SENT,
        send_at=moment,
        sent_at=moment,
        attributes=dict(attributes or {}),
    )
    return invitation.pk


def _person(customer_id: UUID, *, lock: bool = False) -> Person:
    """The person behind the id of a record, merged or not."""
    owner = Customer.records.filter(pk=customer_id).values_list("pk", "merged_into_id").first()
    if owner is None:
        raise NotFound
    rows = Customer.objects.filter(pk=owner[1] or owner[0])
    if lock:
        rows = rows.select_for_update(no_key=True, of=("self",))
    row = rows.values_list(*CUSTOMER_COLUMNS).first()
    if row is None:
        raise NotFound
    return Person.from_row(row)
