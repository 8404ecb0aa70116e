"""Customers, when an import is undone: those it made go, those it changed get their former values back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from apps.customers.bulk import CustomerRow, delete_customers, upsert_customers
from apps.customers.identity import require_alone
from apps.customers.models import Customer, CustomerIdentifier
from apps.imports.models import ImportChange
from apps.imports.writers.customers import ATTRIBUTE, field_of
from apps.segments.models import Segment, SegmentMember
from cxm.actor import Actor

DERIVED = ("CustomerIdentifier", "SegmentMember", "Customer")
"""What refers to a customer without anything having come to them: looked at in another way below."""


def restore_customers(
    *, actor: Actor, changes: Sequence[ImportChange], began: datetime, ended: datetime
) -> Counter[str]:
    """Undo these changes to customers; how many could not be, by reason (undoing.REASONS). Inside with_identities.

    Args:
        began, ended: when the import ran. A customer made by it stays when anything has come to them since.
    """
    require_alone()
    kept: Counter[str] = Counter()
    people = {row.pk: row for row in Customer.records.filter(pk__in=[change.subject for change in changes])}
    made = [change.subject for change in changes if change.former is None and change.subject in people]
    used = in_use(made, since=ended)
    unused: list[UUID] = []
    rows: list[CustomerRow] = []
    brought = Q()
    for change in changes:
        person = people.get(change.subject)
        if person is None:
            kept["gone"] += 1
        elif person.merged_into_id or person.pk in used.merged:
            kept["merged"] += 1
        elif change.former is not None:
            values, left = _former_values(person, change)
            kept["changed"] += left
            if values:
                rows.append(CustomerRow({"external_id": person.external_id, **values}))
            for name in ("email", "phone"):
                if name in values and change.stated.get(name):
                    brought |= Q(customer=person.pk, kind=name, value=change.stated[name])
        elif person.pk in used.ids or person.updated_at > ended:
            kept["used"] += 1
        else:
            unused.append(person.pk)
    if unused:
        delete_customers(actor=actor, customers=unused)
    if rows:
        for outcome in upsert_customers(actor=actor, rows=rows):
            kept["changed"] += outcome.state == "refused"
    if brought:
        CustomerIdentifier.objects.filter(brought, created_at__gte=began, created_at__lte=ended).delete()
    return kept


class Used:
    """Those of some customers that something else has come to, and those that are part of a merge."""

    def __init__(self) -> None:
        self.ids: set[UUID] = set()
        self.merged: set[UUID] = set()


def in_use(ids: Collection[UUID], *, since: datetime) -> Used:
    """Which of these customers anything refers to. One query for each table that refers to customers."""
    found = Used()
    if not ids:
        return found
    for relation in Customer._meta.get_fields(include_hidden=True):
        if not relation.one_to_many and not relation.one_to_one:
            continue
        model: Any = relation.related_model
        if model.__name__ in DERIVED:
            continue
        column = relation.field.attname  # type: ignore[union-attr]
        rows = model._base_manager.filter(**{f"{column}__in": ids}).values_list(column, flat=True).distinct()
        (found.merged if model.__name__ == "CustomerMerge" else found.ids).update(rows)
    joined = Customer.records.filter(merged_into__in=ids).values_list("merged_into_id", flat=True)
    found.merged.update(pk for pk in joined if pk)
    listed = SegmentMember.objects.filter(customer__in=ids, segment__kind=Segment.Kind.STATIC)
    found.ids.update(listed.values_list("customer_id", flat=True))
    came = Q(kind=CustomerIdentifier.Kind.ANONYMOUS) | Q(created_at__gt=since)
    found.ids.update(CustomerIdentifier.objects.filter(came, customer__in=ids).values_list("customer_id", flat=True))
    return found


def _former_values(person: Customer, change: ImportChange) -> tuple[dict[str, Any], int]:
    """The former values of what still is as the import put it, and how many fields somebody has changed since."""
    values: dict[str, Any] = {}
    attributes: dict[str, Any] = {}
    left = 0
    for name, former in (change.former or {}).items():
        if field_of(person, name) != change.stated.get(name):
            left += 1
        elif name.startswith(ATTRIBUTE):
            attributes[name.removeprefix(ATTRIBUTE)] = former
        else:
            values[name] = former
    if attributes:
        values["attributes"] = attributes
    return values, left
