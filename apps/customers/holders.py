"""Who holds what of a customer. Apps above register here, so that merging, exporting and erasing reach everything.

An app registers in its `wiring.py`; for a plain table with a foreign key `customer`:

    register_holder(TableHolder("invitations", Invitation, label=_("Invitations"), export=as_dict, on_erase=FORGET))

Anything else implements :class:`Holder` itself. Every function runs inside the caller's transaction and organisation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from django.db import models

FORGET = "forget"
"""On erasure the row stays and its customer is taken away."""
DELETE = "delete"
"""On erasure the row goes."""


class Holder(Protocol):
    """What one app keeps of customers."""

    @property
    def name(self) -> str:
        """By what exports and journals call it."""

    @property
    def label(self) -> Any:
        """What people read."""

    def move(self, merged: UUID, kept: UUID) -> list[str]:
        """Give everything of one record to another; the ids of what was moved, for the journal."""

    def move_back(self, ids: list[str], merged: UUID, kept: UUID) -> None:
        """Give what was moved (of it, what is still there) back to the record it came from."""

    def export(self, customer: UUID) -> Iterable[dict[str, Any]]:
        """Everything of the customer as JSON objects, oldest first, for the person to read."""

    def erase(self, customer: UUID) -> int:
        """Remove the person from everything, for good; how many rows that touched."""


HOLDERS: dict[str, Holder] = {}


def register_holder(holder: Holder) -> None:
    """Add what an app holds. Its name stands in exports and in journals of merges: never change it."""
    if holder.name in HOLDERS:
        raise ValueError(f"two holders are named {holder.name!r}")
    HOLDERS[holder.name] = holder


@dataclass(frozen=True, slots=True)
class TableHolder:
    """A table with a nullable or required foreign key to the customer.

    Args:
        represent: a row as JSON for the person's own copy.
        on_erase: FORGET, DELETE, or a function that is given the rows and returns how many it touched.
    """

    name: str
    model: type[models.Model]
    label: Any
    represent: Callable[[Any], dict[str, Any]]
    on_erase: str | Callable[[models.QuerySet[Any]], int] = DELETE
    order: tuple[str, ...] = ("pk",)
    column: str = "customer"

    def rows(self, customer: UUID) -> models.QuerySet[Any]:
        """The rows of one record."""
        return self.model._base_manager.filter(**{f"{self.column}_id": customer})

    def move(self, merged: UUID, kept: UUID) -> list[str]:
        """See Holder."""
        ids = list(self.rows(merged).values_list("pk", flat=True))
        self.rows(merged).update(**{f"{self.column}_id": kept})
        return [str(pk) for pk in ids]

    def move_back(self, ids: list[str], merged: UUID, kept: UUID) -> None:
        """See Holder."""
        self.rows(kept).filter(pk__in=ids).update(**{f"{self.column}_id": merged})

    def export(self, customer: UUID) -> Iterator[dict[str, Any]]:
        """See Holder."""
        for row in self.rows(customer).order_by(*self.order).iterator(chunk_size=1000):
            yield self.represent(row)

    def erase(self, customer: UUID) -> int:
        """See Holder."""
        rows = self.rows(customer)
        if callable(self.on_erase):
            return self.on_erase(rows)
        if self.on_erase == FORGET:
            return rows.update(**{f"{self.column}_id": None})
        return rows.delete()[0]
