"""Storing interactions: one multi-row statement for their keys, the rows and the event that tells of them.

Whoever records interactions (the event interface, imports, touches by hand) comes through here. Each row is attached
to a person first (apps/customers/identity.py). Then one message to the server announces the organisation (the database
engine writes that in front), writes the keys of messages that were never seen, inserts exactly the rows of those keys
and those without a key, and, when there were any, the outbox rows (docs/adr/0094).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.identity import Attached, Named, attach, with_identities
from apps.customers.models import Customer
from apps.interactions.models import Interaction, InteractionKey
from apps.outbox.services import emit
from apps.outbox.statements import TELL, tell_values
from apps.outbox.tasks import drain_organization
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import timed_number
from cxm.partitions import placed_time
from cxm.scope import current_tenant_id

RECORDED: Final = "interactions.recorded"
DELETED: Final = "interactions.deleted"
PERMISSION: Final = "interactions.create"
PAGE: Final = 1_000
"""Rows of one statement."""

_COLUMNS: Final = (
    "id", "customer_id", "identity_id", "kind", "event", "channel", "unit_id", "activity_id", "occurred_at",
    "recorded_at", "is_time_received", "properties", "context", "source", "import_id",
)  # fmt: skip
_TYPES: Final = {
    "id": "uuid", "customer_id": "uuid", "identity_id": "uuid", "unit_id": "uuid", "activity_id": "uuid",
    "occurred_at": "timestamptz", "recorded_at": "timestamptz", "is_time_received": "boolean", "properties": "jsonb",
    "context": "jsonb", "import_id": "uuid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewInteraction:
    """One interaction to store: who (``named``, or the person's id when that is known), what, how and when.

    ``key`` is the message's own id within its ``source``: a key that came before is not stored again; None counts
    always. ``order`` (0..2**26-1) keeps the order of a batch or a file among equal times. ``occurred_at`` is filed as
    it is, or at the time of receipt when it cannot be believed (cxm.partitions.placed_time). ``unit_id`` is that of
    the customer when absent. ``id`` is made of the time unless the caller needs to know it beforehand.
    """

    event: str
    occurred_at: datetime
    named: Named | None = None
    customer_id: UUID | None = None
    kind: str = Interaction.Kind.EVENT.value
    channel: str = "other"
    properties: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    source: str = Interaction.Source.INGEST.value
    key: str | None = None
    order: int = 0
    import_id: UUID | None = None
    unit_id: UUID | None = None
    activity_id: UUID | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many rows were new, changed what was known, or were repeats."""

    inserted: int = 0
    updated: int = 0
    repeated: int = 0
    places: Sequence[tuple[int, str]] = ()

    @property
    def ids(self) -> dict[int, UUID]:
        """Where rows are stored, by position; nothing for repeats that changed nothing."""
        return {position: UUID(pk) for position, pk in self.places}


@dataclass(slots=True)
class _Row:
    """A row as it will stand in the table, and its key. Ids that are made here are hexadecimal text: thousands are."""

    position: int
    key: str | None
    id: str
    customer_id: UUID | None
    identity_id: UUID | None
    kind: str
    event: str
    channel: str
    unit_id: UUID | None
    activity_id: UUID | None
    occurred_at: datetime
    recorded_at: datetime
    is_time_received: bool
    properties: Mapping[str, Any]
    context: Mapping[str, Any]
    source: str
    import_id: UUID | None


def record_interactions(*, actor: Actor, rows: Sequence[NewInteraction], update_known: bool = False) -> Recorded:
    """Store interactions and tell of them, attached to the people they name; repeats of a key count once.

    With ``update_known`` a known key changes its event, time, customer, channel and properties to what is given
    (imports that are run again); otherwise it is left as it is. The whole call is one transaction.

    Raises NotAllowed without interactions.create on the units of the rows, NotFound for a ``customer_id`` that is not
    one, whatever ``attach`` raises.
    """
    if not rows:
        return Recorded()

    def work() -> Recorded:
        return file_rows(actor=actor, rows=rows, attached=attach_rows(rows), update_known=update_known)

    return with_identities(work)


def attach_rows(rows: Sequence[NewInteraction]) -> list[Attached]:
    """Whom each row belongs to. Inside ``with_identities``. Raises NotFound for an unknown ``customer_id``."""
    found = attach([row.named for row in rows if row.named is not None])
    of_named = iter(found)
    given = _given_customers({row.customer_id for row in rows if row.named is None and row.customer_id})
    nobody = Attached(customer_id=None, identity_id=None, unit_id=None)
    return [
        next(of_named) if row.named is not None else given[row.customer_id] if row.customer_id else nobody
        for row in rows
    ]


def _given_customers(ids: set[UUID]) -> dict[UUID, Attached]:
    if not ids:
        return {}
    records = Customer.records.filter(pk__in=ids).values_list("pk", "merged_into", "unit_id")
    found = {pk: Attached(customer_id=merged or pk, identity_id=pk, unit_id=unit) for pk, merged, unit in records}
    if len(found) < len(ids):
        raise NotFound(_("There is no such customer."), field="customer")
    return found


def file_rows(
    *, actor: Actor, rows: Sequence[NewInteraction], attached: Sequence[Attached], update_known: bool = False
) -> Recorded:
    """Store rows whose people are known. Inside ``with_identities``, so that nobody is joined or parted meanwhile."""
    received = now()
    made = [_row(position, row, who, received) for position, (row, who) in enumerate(zip(rows, attached, strict=True))]
    for unit_id in {row.unit_id for row in made}:
        if unit_id:
            actor.require(PERMISSION, unit_id)
        else:
            actor.require_everywhere(PERMISSION)
    keyless = [row for row in made if row.key is None]
    # Of two rows with one key the first counts, and where known ones are changed the last.
    by_key = {row.key: row for row in (made if update_known else reversed(made)) if row.key is not None}
    # In the order of the keys, so that two who write the same ones wait for each other, and never in a circle.
    candidates = keyless + [by_key[key] for key in sorted(by_key)]
    known = _insert(candidates)
    inserted = len(candidates) - len(known)
    changed = _update([row for row in candidates if row.id in known]) if update_known and known else {}
    restored = sum(changed.values())
    return Recorded(
        inserted=inserted + restored,
        updated=len(changed) - restored,
        repeated=len(made) - inserted - len(changed),
        places=[(row.position, row.id) for row in candidates if row.id not in known or row.position in changed],
    )


def key_of(source: str, key: str) -> UUID:
    """The id of a message's key: the first 16 bytes of a digest over where it comes from and its own id there."""
    return UUID(_digest(source, key))


def _digest(source: str, key: str) -> str:
    return hashlib.sha256(f"{source}\0{key}".encode()).hexdigest()[:32]


def _row(position: int, new: NewInteraction, who: Attached, received: datetime) -> _Row:
    occurred_at, is_time_received = placed_time(new.occurred_at, received)
    return _Row(
        position,
        None if new.key is None else _digest(new.source, new.key),
        new.id.hex if new.id else f"{timed_number(occurred_at, new.order):032x}",
        who.customer_id,
        who.identity_id,
        new.kind,
        new.event,
        new.channel,
        new.unit_id or who.unit_id,
        new.activity_id,
        occurred_at,
        received,
        is_time_received,
        new.properties,
        new.context,
        new.source,
        new.import_id,
    )


def _insert(rows: Sequence[_Row]) -> set[str]:
    """Insert those rows whose key is new or that have none, and tell of them; the ids of the others. One statement for
    every thousand."""
    known: set[str] = set()
    for start in range(0, len(rows), PAGE):
        known |= _insert_page(rows[start : start + PAGE])
    return known


def _insert_page(rows: Sequence[_Row]) -> set[str]:
    tenant_id = str(current_tenant_id())
    keyed = [row for row in rows if row.key is not None]
    varying: list[str] = []
    same: list[Any] = []
    arrays: list[Any] = []
    for name, get in _GETTERS:
        column = list(map(get, rows))
        if name != "id" and column.count(column[0]) == len(rows):
            same.append(_value(column[0]))
        else:
            varying.append(name)
            arrays.append(_array(name, column))
    keys = [_texts(row.key for row in keyed), _texts(row.id for row in keyed)]
    unkeyed = _texts(row.id for row in rows if row.key is None)
    told = tell_values(tenant_id, RECORDED, _value(_payload(rows)), now())
    with connection.cursor() as cursor:
        cursor.execute(
            _statement(tuple(varying)), [tenant_id, *keys, tenant_id, *same, *arrays, unkeyed, *told, len(rows)]
        )
        count, stored = cursor.fetchone()
    if count:
        drain_organization.wake()
    return set() if count == len(rows) else {row.id for row in rows}.difference(stored or ())


_GETTERS: Final = tuple((name, attrgetter(name)) for name in _COLUMNS)


@lru_cache(maxsize=200)
def _statement(varying: tuple[str, ...]) -> str:
    """Keys, rows and event in one: columns that differ come as arrays, one value a row, the others once for all."""
    chosen = ", ".join(f"{f'r.{name}' if name in varying else '%s'}::{_TYPES.get(name, 'text')}" for name in _COLUMNS)
    arrays = ", ".join(f"%s::{_ARRAY_TYPES.get(_TYPES.get(name, 'text'), 'text')}[]" for name in varying)
    return (
        "WITH fresh AS (INSERT INTO interactions_interactionkey (tenant_id, id, interaction_id)"
        " SELECT %s, key, row FROM unnest(%s::uuid[], %s::uuid[]) AS k(key, row)"
        " ON CONFLICT DO NOTHING RETURNING interaction_id),"
        f" new AS (INSERT INTO interactions_interaction (tenant_id, {', '.join(_COLUMNS)})"
        f" SELECT %s, {chosen} FROM unnest({arrays}) AS r({', '.join(varying)})"
        " WHERE r.id IN (SELECT interaction_id FROM fresh UNION ALL SELECT unnest(%s::uuid[])) RETURNING id),"
        f" told AS ({TELL} WHERE EXISTS (SELECT 1 FROM new)), counted AS (SELECT count(*) AS n FROM new)"
        " SELECT n, CASE WHEN n < %s THEN (SELECT array_agg(replace(id::text, '-', '')) FROM new) END FROM counted"
    )


_ARRAY_TYPES: Final = {"uuid": "uuid", "boolean": "boolean", "timestamptz": "timestamptz"}


def _array(name: str, values: Sequence[Any]) -> Any:
    """A column as PostgreSQL's text form of an array, or as a list where a value may need quoting."""
    kind = _TYPES.get(name)
    if kind == "timestamptz":
        return "{" + ",".join([f'"{value.isoformat()}"' for value in values]) + "}"
    if name == "id":
        return _texts(values)
    if kind == "uuid":
        return _texts("NULL" if value is None else value.hex for value in values)
    if kind == "boolean":
        return _texts("true" if value else "false" for value in values)
    if kind == "jsonb":
        return [_encode(value) for value in values]
    return values


def _texts(values: Iterable[Any]) -> str:
    """An array of what needs no quoting."""
    return "{" + ",".join(values) + "}"


def _encode(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode() if value else "{}"


def _value(value: Any) -> Any:
    """A column as text, boolean or None."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return _encode(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _payload(rows: Iterable[Any]) -> dict[str, Any]:
    """What an event about interactions says: whose they are, what they are called, and from when to when."""
    customers: set[UUID] = set()
    events: set[str] = set()
    times: set[datetime] = set()
    for row in rows:
        if row.customer_id:
            customers.add(row.customer_id)
        events.add(row.event)
        times.add(row.occurred_at)
    return {
        "customers": sorted(map(str, customers)),
        "events": sorted(events),
        "from": min(times).isoformat(),
        "to": max(times).isoformat(),
    }


_COMPARED: Final = (
    "customer_id", "identity_id", "event", "kind", "channel", "occurred_at", "properties", "activity_id",
)  # fmt: skip


def _update(rows: Sequence[_Row]) -> dict[int, bool]:
    """Lay rows with known keys over what is stored; for each changed one, its position and whether it was missing.

    A row that happened at another time stands in another month: the former one goes, and the key points at the new.
    """
    by_key = {UUID(row.key): row for row in rows}
    keys = InteractionKey.objects.filter(pk__in=list(by_key)).order_by("pk").select_for_update()
    stored_ids = dict(keys.values_list("pk", "interaction_id"))
    found = Interaction.objects.filter(pk__in=[pk for pk in stored_ids.values() if pk])
    stored = {before.id: before for before in found.values_list("id", *_COMPARED, named=True)}
    changed: dict[int, bool] = {}
    former: list[Any] = []
    renewed: list[_Row] = []
    for key, stored_id in stored_ids.items():
        row, before = by_key[key], stored.get(stored_id)
        if before is not None:
            if all(getattr(before, name) == getattr(row, name) for name in _COMPARED):
                continue
            if before.occurred_at == row.occurred_at:
                row.id = before.id.hex
            former.append(before)
        renewed.append(row)
        changed[row.position] = before is None
    if renewed:
        _replace(renewed, former)
    return changed


def _replace(rows: Sequence[_Row], former: Sequence[Any]) -> None:
    """Store rows in place of former ones, point their keys at them and tell of both."""
    Interaction.objects.filter(pk__in=[before.id for before in former]).delete()
    _insert([replace(row, key=None) for row in rows])
    keys = (_texts(row.key or "" for row in rows), _texts(row.id for row in rows))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE interactions_interactionkey AS k SET interaction_id = r.row"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS r(key, row) WHERE k.tenant_id = %s AND k.id = r.key",
            [*keys, str(current_tenant_id())],
        )
    if former:
        emit(RECORDED, _payload(former))


def delete_interactions(*, which: Q, limit: int = 5_000) -> int:
    """Delete at most ``limit`` interactions that ``which`` selects and tell of them; how many there were.

    For undoing imports, retention and erasure, which ask again until nothing is left. Their keys stay, so that a
    message that comes once more is still a repeat; an import that is run again stores its rows anew. The caller has
    decided who may: this asks for no permission.
    """
    with transaction.atomic():
        found = Interaction.objects.filter(which)
        rows = list(found.values_list("id", "customer_id", "event", "occurred_at", named=True)[:limit])
        if rows:
            Interaction.objects.filter(pk__in=[row.id for row in rows]).delete()
            emit(DELETED, _payload(rows))
    return len(rows)
