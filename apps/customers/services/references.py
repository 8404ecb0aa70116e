"""Finding, and where needed making, the customer that an answer or an event names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.audit.services import record
from apps.customers.identity import attach_entries, with_identities
from apps.customers.identity_graph import Entry
from apps.customers.identity_rules import EMAIL, USER
from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.rules import clean_email, clean_external_id
from cxm.actor import Actor
from cxm.errors import DomainError


@dataclass(frozen=True, slots=True)
class CustomerReference:
    """How an answer or an event names its customer: our id, their own id, or e-mail; the first given counts."""

    id: UUID | None = None
    external_id: str | None = None
    email: str | None = None

    @classmethod
    def of(cls, value: Any) -> CustomerReference | None:
        """Read `{"id"|"external_id"|"email": ...}` or null. Raises DomainErrors naming the field under `customer.`.

        Blocked values (`null`, `anonymous`, zeros) and empty ones mean no customer.
        """
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise DomainError(_("customer must be an object with id, external_id or email, or null."), field="customer")
        try:
            found = cls(
                id=UUID(str(value["id"])) if value.get("id") else None,
                external_id=reference_text(value.get("external_id"), "external_id", clean_external_id),
                email=reference_text(value.get("email"), "email", clean_email),
            )
        except ValueError:
            raise DomainError(_("There is no customer with this id."), field="customer.id", code="unknown") from None
        return found if found.id or found.external_id or found.email else None


def reference_text(value: Any, name: str, cleaner: Any) -> str | None:
    """One identifier of a reference, cleaned. Numbers are taken as their digits."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DomainError(_("Send text."), field=f"customer.{name}")
    try:
        cleaned: str | None = cleaner(str(value))
    except ValueError as error:
        raise DomainError(str(error), field=f"customer.{name}") from None
    return cleaned


@transaction.atomic
def resolve_customers(*, actor: Actor, references: Iterable[CustomerReference]) -> dict[CustomerReference, UUID]:
    """The person's id for each reference; an unknown external_id or e-mail makes one, an unknown id is left out.

    For services that record what customers do: the right to do that is theirs to check. What names a merged record
    means the person it is part of; an e-mail address means whom it belongs to (identity.py). Costs two queries, and a
    handful more when some are missing, for any number.
    """
    wanted = list(dict.fromkeys(references))
    found = look_up(wanted)
    missing = [reference for reference in wanted if reference not in found and not reference.id]
    if missing:
        made = with_identities(lambda: insert_missing(missing))
        found |= look_up(missing)
        if made:
            record(actor=actor, action="customers.created", fields=["external_id", "email"])
    return found


def resolve_customer(*, actor: Actor, reference: CustomerReference) -> UUID:
    """One reference; raises DomainError on `customer.id` when it names a customer that is not there."""
    found = resolve_customers(actor=actor, references=[reference])
    if reference not in found:
        raise DomainError(_("There is no customer with this id."), field="customer.id", code="unknown")
    return found[reference]


def look_up(references: Iterable[CustomerReference]) -> dict[CustomerReference, UUID]:
    """The references that exist, by whichever identifier counts for each."""
    references = list(references)
    ids = {r.id for r in references if r.id}
    external_ids = {r.external_id for r in references if not r.id and r.external_id}
    emails = {r.email for r in references if not r.id and not r.external_id and r.email}
    matches = Q(pk__in=ids) | Q(external_id__in=external_ids)
    by_id: dict[UUID, UUID] = {}
    by_external_id: dict[str, UUID] = {}
    if ids or external_ids:
        rows = Customer.records.filter(matches).values_list("pk", "external_id", "merged_into_id")
        for pk, external_id, merged_into in rows:
            by_id[pk] = merged_into or pk
            if external_id:
                by_external_id[external_id] = merged_into or pk
    by_email: dict[str, UUID] = {}
    if emails:
        owned = CustomerIdentifier.objects.filter(kind=EMAIL, value__in=emails, customer__isnull=False)
        by_email = dict(owned.values_list("value", "customer_id"))
    found: dict[CustomerReference, UUID] = {}
    for reference in references:
        if reference.id:
            match = by_id.get(reference.id)
        elif reference.external_id:
            match = by_external_id.get(reference.external_id)
        else:
            match = by_email.get(reference.email or "")
        if match:
            found[reference] = match
    return found


def people_of(ids: Iterable[UUID]) -> dict[UUID, UUID]:
    """Of each record the person it is, or is part of; ids of nobody are left out. One query."""
    rows = Customer.records.filter(pk__in=list(ids)).values_list("pk", "merged_into_id")
    return {pk: merged_into or pk for pk, merged_into in rows}


def people_called(names: Iterable[str]) -> dict[str, UUID]:
    """The person each name stands for: an external id (also of a merged record), else an e-mail address in any case.

    Names of nobody are missing. An address that several people show means the one it belongs to (docs/identity.md).
    Two queries at most, one of them for addresses.
    """
    wanted = list(dict.fromkeys(names))
    records = Customer.records.filter(external_id__in=wanted).values_list("external_id", "pk", "merged_into_id")
    found = {str(external_id): merged_into or pk for external_id, pk, merged_into in records}
    addresses = {name: name.lower() for name in wanted if name not in found and "@" in name}
    if addresses:
        owned = CustomerIdentifier.objects.filter(
            kind=CustomerIdentifier.Kind.EMAIL, value__in=addresses.values(), customer__isnull=False
        )
        owners = dict(owned.values_list("value", "customer_id"))
        found |= {name: owners[address] for name, address in addresses.items() if address in owners}
    return found


def insert_missing(references: Iterable[CustomerReference]) -> list[UUID]:
    """Make the customers that these name and that are not there; the ids of the new ones. Inside `with_identities`."""
    at = now()
    entries: list[Entry] = []
    for reference in references:
        pairs = ((USER, reference.external_id), (EMAIL, reference.email))
        entries.append(Entry(tuple((kind, value) for kind, value in pairs if value), at))
    graph, _changes = attach_entries(entries)
    return graph.created
