"""Where a person is named by value instead of by key: mail that was kept, stored answers of the API, refused rows.

A holder (holders.py) finds rows by the customer's id. What an app keeps beside that, under an address or inside a
text, it clears here. An app registers in its `wiring.py`:

    register_trace("mail", forget_mail)

    def forget_mail(traces: Traces) -> int:
        "Remove what names the person; how many rows or files that touched."

Every function runs inside the caller's transaction and organisation, before the customer's own rows go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from apps.customers.models import Customer, CustomerIdentifier

SHORTEST: Final = 5
"""An identifier shorter than this is looked for only as a whole value: as part of a text it would be found anywhere."""


@dataclass(frozen=True, slots=True)
class Traces:
    """By what a person can be named: the ids of all records, and their identifiers."""

    customer: UUID
    records: tuple[UUID, ...]
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    external_ids: tuple[str, ...] = ()
    anonymous_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Every identifier, as a whole value."""
        return (*self.emails, *self.phones, *self.external_ids, *self.anonymous_ids)

    @property
    def needles(self) -> tuple[str, ...]:
        """What can be looked for inside of texts: ids of records, and identifiers that are long enough."""
        return (*map(str, self.records), *(value for value in self.identifiers if len(value) >= SHORTEST))


def traces_of(customer: UUID) -> Traces:
    """What names this person, over all records that were merged into one. Two queries."""
    rows = list(Customer.records.filter(pk=customer).values_list("pk", "external_id", "email", "phone", "name")) + list(
        Customer.records.filter(merged_into=customer).values_list("pk", "external_id", "email", "phone", "name")
    )
    records = tuple(row[0] for row in rows)
    values: dict[str, dict[str, None]] = {kind: {} for kind in ("external_id", "email", "phone", "name")}
    for row in rows:
        for kind, value in zip(values, row[1:], strict=True):
            if value:
                values[kind][value] = None
    more: dict[str, dict[str, None]] = {kind: {} for kind in CustomerIdentifier.Kind.values}
    for kind, value in CustomerIdentifier.objects.filter(customer__in=records).values_list("kind", "value"):
        more[kind][value] = None
    return Traces(
        customer=customer,
        records=records,
        emails=_once(values["email"], more[CustomerIdentifier.Kind.EMAIL]),
        phones=_once(values["phone"], more[CustomerIdentifier.Kind.PHONE]),
        external_ids=_once(values["external_id"]),
        anonymous_ids=_once(more[CustomerIdentifier.Kind.ANONYMOUS]),
        names=_once(values["name"]),
    )


def _once(*groups: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for group in groups for value in group))


ForgetTraces = Callable[[Traces], int]
TRACES: dict[str, ForgetTraces] = {}


def register_trace(name: str, forget: ForgetTraces) -> None:
    """Add what an app keeps by value. Registering a name again replaces it."""
    TRACES[name] = forget
