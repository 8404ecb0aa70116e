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
from typing import Any, Final
from uuid import UUID, uuid4

import msgspec
from django.db import connection, transaction
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext as _

from apps.customers.identity import Attached, Named, attach, with_identities
from apps.customers.models import Customer
from apps.interactions.models import Interaction, InteractionKey
from apps.outbox.registry import subscribers
from apps.outbox.services import emit
from apps.outbox.tasks import drain_organization
from cxm.actor import Actor
from cxm.errors import NotFound
from cxm.ids import timed_uuid7
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
    """How many rows were new, changed what was known, or were repeats.

    ``ids`` says where rows are stored, by position; of repeats that changed nothing it says nothing.
    """

    inserted: int = 0
    updated: int = 0
    repeated: int = 0
    ids: Mapping[int, UUID] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    """A row as it will stand in the table, with the digest of its key and its place among the caller's rows."""

    position: int
    key_id: UUID | None
    values: dict[str, Any]

    @property
    def id(self) -> UUID:
        return self.values["id"]


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
    for unit_id in {row.values["unit_id"] for row in made}:
        if unit_id:
            actor.require(PERMISSION, unit_id)
        else:
            actor.require_everywhere(PERMISSION)
    fresh: dict[UUID, _Row] = {}
    keyless: list[_Row] = []
    again: list[_Row] = []
    for row in made:
        if row.key_id is None:
            keyless.append(row)
        elif row.key_id in fresh:
            again.append(row)
            if update_known:
                fresh[row.key_id] = row
        else:
            fresh[row.key_id] = row
    # In the order of the keys, so that two who write the same ones wait for each other, and never in a circle.
    candidates = keyless + sorted(fresh.values(), key=lambda row: row.key_id or row.id)
    inserted = _insert(candidates)
    ids = {row.position: row.id for row in candidates if row.id in inserted}
    known = [row for row in candidates if row.id not in inserted]
    updated = _update(known) if update_known and known else {}
    restored = {position for position, was_missing in updated.items() if was_missing}
    ids |= {row.position: row.id for row in known if row.position in updated}
    return Recorded(
        inserted=len(inserted) + len(restored),
        updated=len(updated) - len(restored),
        repeated=len(made) - len(inserted) - len(updated),
        ids=ids,
    )


def key_of(source: str, key: str) -> UUID:
    """The id of a message's key: the first 16 bytes of a digest over where it comes from and its own id there."""
    return UUID(bytes=hashlib.sha256(f"{source}\0{key}".encode()).digest()[:16])


def _row(position: int, new: NewInteraction, who: Attached, received: datetime) -> _Row:
    occurred_at, is_time_received = placed_time(new.occurred_at, received)
    return _Row(
        position,
        None if new.key is None else key_of(new.source, new.key),
        {
            "id": new.id or timed_uuid7(occurred_at, new.order),
            "customer_id": who.customer_id,
            "identity_id": who.identity_id,
            "kind": new.kind,
            "event": new.event,
            "channel": new.channel,
            "unit_id": new.unit_id or who.unit_id,
            "activity_id": new.activity_id,
            "occurred_at": occurred_at,
            "recorded_at": received,
            "is_time_received": is_time_received,
            "properties": new.properties,
            "context": new.context,
            "source": new.source,
            "import_id": new.import_id,
        },
    )


def _insert(rows: Sequence[_Row]) -> set[UUID]:
    """Insert those rows whose key is new or that have none, and tell of them; their ids. One statement a page."""
    inserted: set[UUID] = set()
    for start in range(0, len(rows), PAGE):
        inserted |= _insert_page(rows[start : start + PAGE])
    return inserted


def _insert_page(rows: Sequence[_Row]) -> set[UUID]:
    tenant_id = str(current_tenant_id())
    keyed = [row for row in rows if row.key_id is not None]
    varying: list[str] = []
    same: list[Any] = []
    arrays: list[Any] = []
    for name in _COLUMNS:
        column = [row.values[name] for row in rows]
        if name != "id" and column.count(column[0]) == len(rows):
            same.append(_value(column[0]))
        else:
            varying.append(name)
            arrays.append(_array(name, column))
    keys = [_array("id", [row.key_id for row in keyed]), _array("id", [row.id for row in keyed])]
    unkeyed = [_array("id", [row.id for row in rows if row.key_id is None])]
    told = _told(tenant_id, _payload(row.values for row in rows))
    with connection.cursor() as cursor:
        cursor.execute(_statement(tuple(varying)), [tenant_id, *keys, tenant_id, *same, *arrays, *unkeyed, *told])
        inserted = {found for (found,) in cursor.fetchall()}
    if inserted:
        drain_organization.wake()
    return inserted


_TELL: Final = (
    "INSERT INTO outbox_outboxevent"
    " (tenant_id, id, event_id, topic, handler, payload, created_at, available_at, attempts, state, error)"
    " SELECT %s, gen_random_uuid(), %s, %s, handler, %s::jsonb, %s, %s, 0, 'pending', ''"
    " FROM unnest(%s::text[]) AS handler"
)


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
        f" told AS ({_TELL} WHERE EXISTS (SELECT 1 FROM new)) SELECT id FROM new"
    )


_ARRAY_TYPES: Final = {"uuid": "uuid", "boolean": "boolean", "timestamptz": "timestamptz"}


def _array(name: str, values: Sequence[Any]) -> Any:
    """A column as PostgreSQL's text form of an array, or as a list where a value may need quoting."""
    kind = _TYPES.get(name)
    if kind == "timestamptz":
        return "{" + ",".join(f'"{value.isoformat()}"' for value in values) + "}"
    if kind in _ARRAY_TYPES:
        return "{" + ",".join("NULL" if value is None else str(value) for value in values) + "}"
    return [_value(value) for value in values]


def _value(value: Any) -> Any:
    """A column as text, boolean or None."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Mapping):
        return msgspec.json.encode(value).decode() if value else "{}"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _told(tenant_id: str, payload: Mapping[str, Any]) -> list[Any]:
    moment = now().isoformat()
    handlers = [handler.name for handler in subscribers(RECORDED)]
    return [tenant_id, str(uuid4()), RECORDED, _value(payload), moment, moment, handlers]


def _payload(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What an event about interactions says: whose they are, what they are called, and from when to when."""
    customers: set[UUID] = set()
    events: set[str] = set()
    times: list[datetime] = []
    for row in rows:
        if row["customer_id"]:
            customers.add(row["customer_id"])
        events.add(row["event"])
        times.append(row["occurred_at"])
    return {
        "customers": sorted(str(customer) for customer in customers),
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
    by_key = {row.key_id: row for row in rows}
    keys = InteractionKey.objects.filter(pk__in=by_key).order_by("pk").select_for_update()
    stored_ids = dict(keys.values_list("pk", "interaction_id"))
    found = Interaction.objects.filter(pk__in=[pk for pk in stored_ids.values() if pk]).values("id", *_COMPARED)
    stored = {before["id"]: before for before in found}
    changed: dict[int, bool] = {}
    former: list[dict[str, Any]] = []
    renewed: list[_Row] = []
    for key_id, stored_id in stored_ids.items():
        row, before = by_key[key_id], stored.get(stored_id)
        if before is not None:
            if all(before[name] == row.values[name] for name in _COMPARED):
                continue
            if before["occurred_at"] == row.values["occurred_at"]:
                row.values["id"] = before["id"]
            former.append(before)
        renewed.append(row)
        changed[row.position] = before is None
    if renewed:
        _replace(renewed, former)
    return changed


def _replace(rows: Sequence[_Row], former: Sequence[Mapping[str, Any]]) -> None:
    """Store rows in place of former ones, point their keys at them and tell of both."""
    Interaction.objects.filter(pk__in=[before["id"] for before in former]).delete()
    _insert([replace(row, key_id=None) for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE interactions_interactionkey AS k SET interaction_id = r.row"
            " FROM unnest(%s::uuid[], %s::uuid[]) AS r(key, row) WHERE k.tenant_id = %s AND k.id = r.key",
            [
                _array("id", [row.key_id for row in rows]),
                _array("id", [row.id for row in rows]),
                str(current_tenant_id()),
            ],
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
        rows = list(Interaction.objects.filter(which).values("id", "customer_id", "event", "occurred_at")[:limit])
        if rows:
            Interaction.objects.filter(pk__in=[row["id"] for row in rows]).delete()
            emit(DELETED, _payload(rows))
    return len(rows)
