"""Many customers at once, for imports: a handful of statements for a thousand rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from cxm.actor import Actor
from cxm.errors import FieldError


@dataclass(frozen=True, slots=True)
class CustomerRow:
    """One row to store: fields of ``services.FIELDS`` by name, as somebody typed them; those not given stay.

    Attributes are laid over those there are (None takes one away). The row is found by ``external_id``, else by
    ``email``, else by ``phone``; one of the three is needed.
    """

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upserted:
    """What became of one row, in the order of the rows.

    ``former`` holds the changed fields as they were ("unit" as an id's text, "attributes.plan" for one
    attribute, None for what was not there): what an undo has to write back. It is empty for a person that was made, and for ``unchanged``.
    A row of a person that an earlier row of the same call has made is ``changed``. ``refused`` rows carry errors that
    name the field, and nothing of them was stored.
    """

    state: Literal["made", "changed", "unchanged", "refused"]
    customer_id: UUID | None = None
    former: Mapping[str, Any] = field(default_factory=dict)
    errors: Sequence[FieldError] = ()


def upsert_customers(*, actor: Actor, rows: Sequence[CustomerRow]) -> list[Upserted]:
    """Make or change the customers of these rows (best 1,000 at a time), all in one transaction.

    Later rows of one person win. A row that cannot be taken is refused by itself, the others are stored. An e-mail
    address or phone number of somebody known by it alone makes the two one person (identity.py); one that belongs to
    somebody with another user id stays theirs and is shown by both. Emits ``customers.customer_created`` and
    ``customers.customer_updated`` once for all: {"customers": [ids]}.
    """
    raise NotImplementedError
