"""Finding one person from the command line: by the id of a record, an external id, an address or a number."""

from __future__ import annotations

from django.db.models import Q

from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.rules import clean_phone
from apps.organizations.models import Organization
from cxm.errors import DomainError
from cxm.ids import parse_uuid


def organization_by(text: str) -> Organization:
    """The organisation with this slug or id. Raises DomainError."""
    pk = parse_uuid(text)
    found = Organization.objects.filter(Q(slug=text) | Q(pk=pk) if pk else Q(slug=text), deleted_at=None).first()
    if found is None:
        raise DomainError(f"There is no organisation “{text}”.", field="organization", code="unknown")
    return found


def person_by(text: str) -> Customer:
    """The one person that `text` names in the organisation in force. Raises DomainError for none or several."""
    wanted = text.strip()
    pk = parse_uuid(wanted)
    names = Q(external_id=wanted) | Q(email=wanted.lower())
    values = {wanted, wanted.lower()}
    try:
        phone = clean_phone(wanted)
    except ValueError:
        phone = None
    if phone:
        names |= Q(phone=phone)
        values.add(phone)
    if pk:
        names |= Q(pk=pk)
    records = set(Customer.records.filter(names).values_list("pk", "merged_into"))
    people = {merged_into or own for own, merged_into in records}
    owners = CustomerIdentifier.objects.filter(value__in=values).exclude(customer=None)
    people |= set(owners.values_list("customer", flat=True))
    if not people:
        raise DomainError(f"There is no customer “{wanted}”.", field="customer", code="unknown")
    if len(people) > 1:
        ids = ", ".join(sorted(map(str, people)))
        raise DomainError(f"“{wanted}” names several people. Give one of these ids: {ids}", field="customer")
    return Customer.objects.get(pk=people.pop())
