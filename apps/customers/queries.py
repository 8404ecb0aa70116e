"""Reading customers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from apps.customers.models import Account, ConsentRecord, Customer, CustomerIdentifier
from cxm.actor import Actor
from cxm.errors import NotFound


def customers(actor: Actor) -> QuerySet[Customer]:
    """The customers the actor may see: all, or those of the actor's branch. Served by the keys of the table."""
    rows = Customer.objects.select_related("unit").defer("search_text")
    units = actor.visible_units("customers.view")
    return rows if units is None else rows.filter(unit_id__in=units)


def id_of_person(**named: Any) -> Subquery:
    """For a query: the id of the person whose record, merged or not, has this ``pk`` or ``external_id``."""
    return Subquery(Customer.records.filter(**named).values(person=Coalesce("merged_into_id", "id"))[:1])


def customer_for(actor: Actor, pk: UUID) -> Customer:
    """One customer the actor may see; the id of a merged record means the person it is part of.

    Raises NotFound, also for another branch or organisation.
    """
    customer = customers(actor).filter(pk=id_of_person(pk=pk)).first()
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


def account_of(customer: Customer) -> Account | None:
    """The account that a customer names by its key. One query, none for who names none."""
    return Account.objects.filter(key=customer.account).first() if customer.account else None


@dataclass(frozen=True, slots=True)
class AttributeRow:
    """One attribute as a page shows it: the value in words, cut when `rest` holds more of it, and what type it is."""

    name: str
    value: str
    type: str
    rest: str = ""


SHOWN = 160
"""Characters of an attribute's value that are shown before it has to be opened."""


def attribute_rows(customer: Customer, text: str = "") -> list[AttributeRow]:
    """The attributes by name, those only whose name or value holds `text`."""
    wanted = text.strip().casefold()
    found = []
    for name, value in sorted(customer.attributes.items(), key=lambda item: natural(item[0])):
        words = shown(value)
        if wanted in name.casefold() or wanted in words.casefold():
            found.append(AttributeRow(name, words[:SHOWN], type_of(value), words[SHOWN:]))
    return found


def natural(name: str) -> list[tuple[int, str]]:
    """A key that sorts field_2 before field_10, whatever the case."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name.lower()) if part]


def type_of(value: Any) -> str:
    """What kind of value it is, in a word."""
    if value is None:
        return _("empty")
    if isinstance(value, bool):
        return _("yes or no")
    if isinstance(value, int | float):
        return _("number")
    if isinstance(value, list):
        return _("list")
    return _("date") if DATE.match(value) else _("text")


DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:$|[T ]\d{2}:\d{2})", re.ASCII)


def shown(value: Any) -> str:
    """One attribute's value in words."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    return ", ".join(shown(inner) for inner in value) if isinstance(value, list) else str(value)


def identifier_rows(customer: Customer) -> list[CustomerIdentifier]:
    """Every e-mail, phone number and anonymous id of a person that the profile does not name already. One query."""
    rows = customer.identifiers.order_by("kind", "created_at", "id")[:MOST_IDENTIFIERS]
    return [row for row in rows if row.value not in (customer.email, customer.phone)]


MOST_IDENTIFIERS = 100
"""A person can have a thousand anonymous ids: the profile shows the first of them."""


def count_up_to(rows: QuerySet[Any], most: int) -> int:
    """How many rows there are, or `most` + 1 when there are more: no list is counted to its end. One query."""
    return rows.order_by().values("pk")[: most + 1].count()
