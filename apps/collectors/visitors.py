"""Who looks at a widget: nobody in particular, or a customer whom the site around it signed for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from apps.collectors.addresses import is_signed
from apps.collectors.models import Collector
from apps.customers.models import Customer
from apps.customers.services import CustomerReference, people_called, resolve_customer
from apps.dispatch.ledger import may_ask, record_shown
from apps.surveys.links import link_keeper, read_respondent_token
from apps.touchpoints.models import Channel
from cxm.actor import Actor
from cxm.errors import DomainError


@dataclass(frozen=True, slots=True)
class Visitor:
    """A customer named by a site with a good signature. ``id`` is None for one we have not met yet."""

    external_id: str
    signature: str
    id: UUID | None = None
    unit_id: UUID | None = None


def visitor_of(collector: Collector, given: Mapping[str, str]) -> Visitor | None:
    """Who the site says this is; None without a name, with a wrong signature, or for a blocked name ("anonymous")."""
    said, signature = given.get("u", ""), given.get("h", "")
    if not is_signed(collector, said, signature):
        return None
    try:
        reference = CustomerReference.of({"external_id": said})
    except DomainError:
        return None
    if reference is None or reference.external_id is None:
        return None
    person = people_called([reference.external_id]).get(reference.external_id)
    row = Customer.objects.filter(pk=person).values_list("pk", "unit_id").first() if person else None
    return Visitor(said, signature, *(row or (None, None)))


def is_due(collector: Collector, visitor: Visitor) -> bool:
    """Whether the rules of contact frequency let this customer be asked now.

    Somebody we have never heard of may be: the wait for new customers runs from when we know them, and whoever is only
    ever named by a widget's site would never be known otherwise.
    """
    if visitor.id is None:
        return True
    return may_ask(survey=collector.survey, customer_id=visitor.id, channel=Channel.WIDGET).eligible


@transaction.atomic
def known_visitor(visitor: Visitor) -> Visitor:
    """The visitor with a record: somebody new becomes a customer, as by the API."""
    if visitor.id is not None:
        return visitor
    reference = CustomerReference(external_id=visitor.external_id)
    person = resolve_customer(actor=Actor.system("named by a widget's site"), reference=reference)
    return Visitor(visitor.external_id, visitor.signature, person)


@transaction.atomic
def note_shown(collector: Collector, visitor: Visitor, attributes: Mapping[str, str]) -> UUID | None:
    """Count in the ledger that the widget was shown; the row that counts it, or None when it may not be (any more).

    The customer's row is locked first, so that of two windows opened at once only one asks.
    """
    person = known_visitor(visitor)
    assert person.id is not None
    Customer.objects.select_for_update(no_key=True, of=("self",)).get(pk=person.id)
    if visitor.id is not None and not is_due(collector, person):
        return None
    return record_shown(survey=collector.survey, customer_id=person.id, channel=Channel.WIDGET, attributes=attributes)


def shown_invitation(collector: Collector, visitor: Visitor, token: str) -> UUID | None:
    """The row of the ledger that a form brought back, when it is this survey's and this customer's."""
    subject, keeper = read_respondent_token(token), link_keeper()
    if subject is None or keeper is None or subject.organization_id != collector.tenant_id:
        return None
    link = keeper.resolve(subject.row_id)
    is_theirs = link is not None and link.survey_id == collector.survey_id and link.customer_id == visitor.id
    return link.row_id if link is not None and is_theirs and not link.answered else None
