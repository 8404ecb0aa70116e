"""Reading customers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.customers.models import ConsentRecord, Customer
from cxm.actor import Actor
from cxm.errors import NotFound


def customers(actor: Actor) -> QuerySet[Customer]:
    """The customers the actor may see: all, or those of the actor's branch. Served by the keys of the table."""
    rows = Customer.objects.select_related("unit").defer("search_text")
    units = actor.visible_units("customers.view")
    return rows if units is None else rows.filter(unit_id__in=units)


def matching(rows: QuerySet[Customer], text: str) -> QuerySet[Customer]:
    """Customers whose name, external id, e-mail, phone or account holds every word of `text`, in any case.

    Each word is one LIKE on `search_text`, served by the trigram index from three characters on.
    """
    condition = Q()
    for word in text.lower().split()[:10]:
        condition &= Q(search_text__contains=word)
    return rows.filter(condition)


def customer_for(actor: Actor, pk: UUID) -> Customer:
    """One customer the actor may see. Raises NotFound, also for another branch or organisation."""
    customer = customers(actor).filter(pk=pk).first()
    if customer is None:
        raise NotFound
    return customer


def consents_in_force(customer: Customer) -> list[ConsentRecord]:
    """The newest statement of each purpose and channel. One query over the customer's own records."""
    newest: dict[tuple[str, str], ConsentRecord] = {}
    for consent in consent_history(customer):
        newest.setdefault((consent.purpose, consent.channel), consent)
    return sorted(newest.values(), key=lambda consent: (consent.purpose, consent.channel))


def consent_history(customer: Customer) -> QuerySet[ConsentRecord]:
    """Every statement of one customer, newest first."""
    return ConsentRecord.objects.filter(customer=customer).order_by("-at", "-id")


def attribute_rows(customer: Customer) -> list[tuple[str, str]]:
    """The attributes by name, as a page shows them."""
    rows = sorted(customer.attributes.items(), key=lambda item: item[0].lower())
    return [(name, shown(value)) for name, value in rows]


def shown(value: Any) -> str:
    """One attribute's value in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return ", ".join(shown(inner) for inner in value) if isinstance(value, list) else str(value)
