"""Rows as customers."""

from __future__ import annotations

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from apps.customers.bulk import CustomerRow, upsert_customers
from apps.customers.models import Customer
from apps.imports.journal import Change
from apps.imports.mapping import ColumnMapping
from apps.imports.models import ImportChange, ImportJob
from apps.imports.staging import StagedRow
from apps.imports.writers.base import Refusal, Taken, Writer, free_values, sentences

ATTRIBUTE = "attributes."


class CustomerWriter(Writer):
    """One that exists (same number) is changed. Numbers among the attributes are stored as numbers."""

    def __init__(self, job: ImportJob, mapping: ColumnMapping, zone: ZoneInfo) -> None:
        self._kind = ImportChange.Kind.CUSTOMER.value

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        taken = Taken()
        wanted: list[CustomerRow] = []
        places: list[int] = []
        for index, row in rows:
            if "external_id" not in row.values:
                taken.refusals.append(Refusal(index, _("There is no customer number.")))
                continue
            values: dict[str, Any] = {k: text for k, text in row.values.items() if not k.startswith(ATTRIBUTE)}
            values["attributes"] = free_values(row.values, ATTRIBUTE, are_typed=True)
            wanted.append(CustomerRow(values))
            places.append(index)
        former: dict[UUID, dict[str, Any]] = {}
        for place, outcome in zip(places, upsert_customers(actor=self.actor, rows=wanted), strict=True):
            if outcome.state == "refused" or outcome.customer_id is None:
                taken.refusals.append(Refusal(place, sentences(outcome.errors)))
            elif outcome.state == "made":
                taken.created += 1
                taken.changes.append(Change(self._kind, outcome.customer_id))
            elif outcome.state == "changed":
                taken.updated += 1
                known = former.setdefault(outcome.customer_id, {})
                former[outcome.customer_id] = {**outcome.former, **known}
        if former:
            now_there = {customer.pk: customer for customer in Customer.records.filter(pk__in=former)}
            for customer_id, fields in former.items():
                stated = {name: field_of(now_there[customer_id], name) for name in fields}
                taken.changes.append(Change(self._kind, customer_id, fields, stated))
        return taken


def field_of(customer: Customer, name: str) -> Any:
    """A field of a customer as JSON has it: "attributes.plan" is one attribute, None what is not there."""
    if name.startswith(ATTRIBUTE):
        return customer.attributes.get(name.removeprefix(ATTRIBUTE))
    if name == "unit":
        return str(customer.unit_id) if customer.unit_id else None
    return getattr(customer, name)
