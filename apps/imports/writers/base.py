"""What the writers of all kinds share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from django.utils.translation import gettext as _

from apps.customers.models import Customer, CustomerIdentifier
from apps.imports.journal import Change
from apps.imports.mapping import typed
from apps.imports.staging import StagedRow
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor
from cxm.errors import DomainError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be taken, by its place in the chunk, and why."""

    index: int
    reason: str


@dataclass(slots=True)
class Taken:
    """What became of a chunk. Rows that are neither created nor updated nor refused said nothing new."""

    created: int = 0
    updated: int = 0
    refusals: list[Refusal] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)


class RowWriter(Protocol):
    """Takes the rows of a chunk. It may be called again with the same rows: then nothing of the first call was kept."""

    def take(self, rows: list[tuple[int, StagedRow]]) -> Taken:
        """Write these rows of a chunk, each with its place in it."""

    def kept(self) -> None:
        """What the last call wrote has been committed."""

    def finish(self) -> Taken:
        """All rows are in: what is left to do, in the transaction that ends the import."""


class Writer:
    """A writer with nothing to remember between chunks."""

    actor = Actor.system("import")

    def kept(self) -> None:
        """See RowWriter."""

    def finish(self) -> Taken:
        """See RowWriter."""
        return Taken()


class TouchpointFinder:
    """Touchpoints by key or name, made when the mapping says so; those of a chunk that was let go are forgotten."""

    def __init__(self, actor: Actor, *, may_create: bool) -> None:
        self._actor, self._may_create = actor, may_create
        self._known: dict[str, tuple[UUID, str]] = {}
        self._made: list[str] = []
        for pk, key, name in Touchpoint.objects.filter(archived_at=None).values_list("pk", "key", "name"):
            self._known.setdefault(name.strip().lower(), (pk, key))
            self._known[key] = (pk, key)

    def begin(self) -> None:
        """A chunk begins: what the one before made, and did not keep, is not there."""
        for name in self._made:
            del self._known[name]
        self._made.clear()

    def keep(self) -> None:
        """What this chunk made stays."""
        self._made.clear()

    def find(self, text: str) -> tuple[UUID, str]:
        """Id and key of the touchpoint with this key or name. Raises ValueError with a sentence."""
        known = self._known.get(text) or self._known.get(text.lower())
        if known is None:
            if not self._may_create:
                message = _(
                    "There is no touchpoint “%(name)s”. Create it first, or have the import create touchpoints."
                )
                raise ValueError(message % {"name": text[:80]})
            made = create_touchpoint(actor=self._actor, name=text)
            known = (made.pk, made.key)
            self._known[text.lower()] = known
            self._made.append(text.lower())
        return known


def free_values(values: Mapping[str, str], prefix: str, *, are_typed: bool) -> dict[str, Any]:
    """What was mapped to ``<prefix>NAME``, by name."""
    return {
        key.removeprefix(prefix): typed(text) if are_typed else text
        for key, text in values.items()
        if key.startswith(prefix)
    }


def reason_of(error: Exception) -> str:
    """Why a row was refused, in a sentence or several."""
    return sentences(error.errors) or error.message if isinstance(error, DomainError) else str(error)


def sentences(errors: Iterable[Mapping[str, Any]]) -> str:
    """The messages of errors, one after another."""
    return " ".join(str(error["message"]) for error in errors)


class PeopleSeen:
    """Who of the people that a chunk names by number or e-mail was there before, and so whom the chunk has made."""

    def __init__(self, external_ids: Collection[str], emails: Collection[str]) -> None:
        self._external_ids, self._emails = set(external_ids), set(emails)
        self._before = self._find()

    def made(self) -> set[UUID]:
        """The people that there are now and were not."""
        named = len(self._external_ids) + len(self._emails)
        return set() if len(self._before) == named else set(self._find().values()) - set(self._before.values())

    def _find(self) -> dict[tuple[str, str], UUID]:
        found: dict[tuple[str, str], UUID] = {}
        if self._external_ids:
            rows = Customer.records.filter(external_id__in=self._external_ids).values_list("external_id", "pk")
            found |= {("external_id", value or ""): pk for value, pk in rows}
        if self._emails:
            identifiers = CustomerIdentifier.objects.filter(
                kind=CustomerIdentifier.Kind.EMAIL, value__in=self._emails, customer__isnull=False
            )
            found |= {("email", value): pk for value, pk in identifiers.values_list("value", "customer_id") if pk}
        return found
