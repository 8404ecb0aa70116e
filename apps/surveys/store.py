"""Storing new answers: the answer and the event that tells of it, in one statement each.

One message to the server does it all: it announces the organisation (the database engine writes that in front), looks
up the customer, inserts the answer and, from what was really inserted, the outbox rows. So an acknowledged answer has
its event, and outside a transaction there is one round trip and one flush to disk for both (docs/adr/0050).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from typing import Any, Final
from uuid import UUID

from django.db import connection

from apps.customers.services import CustomerReference
from apps.outbox.statements import TELL, tell_values
from apps.surveys.entries import ResponseRow, as_json
from cxm.scope import current_tenant_id

RECORDED: Final = "surveys.response_recorded"
CHANGED: Final = "surveys.response_changed"
DELETED: Final = "surveys.response_deleted"

_COLUMNS: Final = (
    "id", "survey_id", "version", "customer_id", "invitation_id", "touchpoint_id", "channel", "unit_id", "language",
    "answers", "score", "score_question", "metric", "scale", "comment", "state", "contact_ok", "occurred_at", "day",
    "recorded_at", "updated_at", "source", "source_id", "import_id", "attributes", "flags",
)  # fmt: skip
_TYPES: Final = {
    "id": "uuid", "survey_id": "uuid", "version": "int", "customer_id": "uuid", "invitation_id": "uuid",
    "touchpoint_id": "uuid", "unit_id": "uuid", "answers": "jsonb", "score": "smallint", "scale": "smallint",
    "contact_ok": "boolean", "occurred_at": "timestamptz", "day": "date", "recorded_at": "timestamptz",
    "updated_at": "timestamptz", "import_id": "uuid", "attributes": "jsonb", "flags": "jsonb",
}  # fmt: skip
_INSERT: Final = f"INSERT INTO surveys_response (tenant_id, {', '.join(_COLUMNS)})"
_ONE: Final = (
    f"WITH new AS ({_INSERT} VALUES (%s, {', '.join('%s' for _ in _COLUMNS)}) ON CONFLICT DO NOTHING RETURNING id),"
    f" told AS ({TELL} WHERE EXISTS (SELECT 1 FROM new)) SELECT count(*) FROM new"
)
_PERSON: Final = "customers_customer AS p ON p.tenant_id = known.tenant_id AND p.id ="
_RECORD: Final = f"customers_customer AS known JOIN {_PERSON} COALESCE(known.merged_into_id, known.id)"
_FOUND: Final = {
    "id": f"{_RECORD} WHERE known.tenant_id = %s AND known.id = %s",
    "external_id": f"{_RECORD} WHERE known.tenant_id = %s AND known.external_id = %s",
    "email": (
        f"customers_customeridentifier AS known JOIN {_PERSON} known.customer_id"
        " WHERE known.tenant_id = %s AND known.kind = 'email' AND known.value = %s"
    ),
}
"""Whom a reference means: always the person, also when it names a record that was merged (docs/identity.md)."""
_FROM_WHO: Final = {"customer_id": "who.id", "unit_id": "who.unit_id"}
_GIVEN_OR_FOUND: Final = ", ".join(_FROM_WHO.get(column) or f"%s::{_TYPES.get(column, 'text')}" for column in _COLUMNS)
_ONE_OF: Final = {
    name: (
        f"WITH who AS (SELECT p.id, p.unit_id, p.external_id FROM {found}),"
        f" new AS ({_INSERT} SELECT %s, {_GIVEN_OR_FOUND}"
        f" FROM who ON CONFLICT DO NOTHING RETURNING id),"
        f" told AS ({TELL} WHERE EXISTS (SELECT 1 FROM new))"
        f" SELECT (SELECT count(*) FROM new), who.id, who.unit_id, who.external_id FROM who"
    )
    for name, found in _FOUND.items()
}


_OF_LINK: Final = {
    "customer_id": "link.customer_id",
    "unit_id": "link.unit_id",
    "touchpoint_id": "COALESCE(link.touchpoint_id, %s::uuid)",
    "channel": "link.channel",
    "attributes": "link.attributes || %s::jsonb",
    "occurred_at": "COALESCE(link.experienced_at, %s::timestamptz)",
    "day": "COALESCE((link.experienced_at AT TIME ZONE %s)::date, %s::date)",
}
_TELL_OF_LINK: Final = TELL.replace(
    "%s::jsonb", "%s::jsonb || (SELECT jsonb_build_object('days', jsonb_build_array(day)) FROM new)", 1
)
"""The day is known only once the link has said when the experience was."""


@dataclass(frozen=True, slots=True)
class FoundCustomer:
    """Whom a reference named."""

    id: UUID
    unit_id: UUID | None
    external_id: str | None


class UnknownCustomer(Exception):
    """The reference of an answer names nobody (yet): nothing was written."""


def event_payload(survey_id: UUID, rows: Iterable[Any], further_days: Iterable[Any] = ()) -> dict[str, Any]:
    """What an event about answers says: ids, and every day whose counts it touches. No answer, no person."""
    ids, days = [], set(further_days)
    for row in rows:
        ids.append(str(row.id))
        days.add(row.day)
    return {
        "response": ids[0] if ids else None,
        "responses": ids,
        "survey": str(survey_id),
        "days": sorted(day.isoformat() for day in days),
    }


def insert_one(row: ResponseRow, reference: CustomerReference | None = None) -> tuple[bool, FoundCustomer | None]:
    """Store one new answer and its event; (whether it is new, whom the reference named).

    It is not new when its source_id or its invitation has an answer already: then nothing is written. Raises
    UnknownCustomer when the reference names nobody. One statement; outside a transaction, one round trip.
    """
    tenant_id = str(current_tenant_id())
    told = tell_values(tenant_id, RECORDED, as_json(event_payload(row.survey_id, [row])), row.recorded_at)
    with connection.cursor() as cursor:
        if reference is None:
            cursor.execute(_ONE, [tenant_id, *_values(row), *told])
            return cursor.fetchone()[0] == 1, None
        name, value = _identifier(reference)
        values = [value for column, value in zip(_COLUMNS, _values(row), strict=True) if column not in _FROM_WHO]
        cursor.execute(_ONE_OF[name], [tenant_id, value, tenant_id, *values, *told])
        found = cursor.fetchone()
    if found is None:
        raise UnknownCustomer
    return found[0] == 1, FoundCustomer(*found[1:])


def insert_one_of_link(row: ResponseRow, open_link_sql: str, *, zone: str) -> bool | None:
    """Store a first answer to an invitation; None when the invitation is not open for this survey, False for a repeat.

    Customer, unit, touchpoint, channel and attributes come from the invitation, and so does the time when it asks
    about an earlier experience; its day is that of the ``zone``. Nothing is written unless this is True. One statement;
    outside a transaction, one round trip.
    """
    tenant_id = str(current_tenant_id())
    told = tell_values(tenant_id, RECORDED, as_json(event_payload(row.survey_id, [row])), row.recorded_at)
    taken = ("customer_id", "unit_id", "channel")
    values = []
    for name in _COLUMNS:
        if name == "day":
            values.append(zone)
        if name not in taken:
            values.append(_value(getattr(row, name)))
    link = [tenant_id, str(row.invitation_id), str(row.survey_id)]
    with connection.cursor() as cursor:
        cursor.execute(_one_of_link(open_link_sql), [*link, tenant_id, *values, *told])
        found = cursor.fetchone()
    return None if found is None else found[0] == 1


@cache
def _one_of_link(open_link_sql: str) -> str:
    columns = ", ".join(_OF_LINK.get(name) or f"%s::{_TYPES.get(name, 'text')}" for name in _COLUMNS)
    return (
        f"WITH link AS ({open_link_sql}), new AS ({_INSERT} SELECT %s, {columns} FROM link"
        f" ON CONFLICT DO NOTHING RETURNING id, day),"
        f" told AS ({_TELL_OF_LINK} WHERE EXISTS (SELECT 1 FROM new)) SELECT (SELECT count(*) FROM new) FROM link"
    )


def insert_many(rows: Sequence[ResponseRow]) -> set[UUID]:
    """Store new answers of one survey, and one event for all; the ids of those that are new. One statement."""
    if not rows:
        return set()
    tenant_id, first = str(current_tenant_id()), rows[0]
    told = tell_values(tenant_id, RECORDED, as_json(event_payload(first.survey_id, rows)), first.recorded_at)
    varying: list[str] = []
    same: list[Any] = []
    different: list[list[str | None]] = []
    for name in _COLUMNS:
        column = [getattr(row, name) for row in rows]
        if name == "id" or column.count(column[0]) < len(rows):
            varying.append(name)
            different.append([None if value is None else str(_value(value)) for value in column])
        else:
            same.append(_value(column[0]))
    with connection.cursor() as cursor:
        cursor.execute(_many(tuple(varying)), [tenant_id, *same, *different, *told])
        return {found for (found,) in cursor.fetchall()}


@lru_cache(maxsize=200)
def _many(varying: tuple[str, ...]) -> str:
    """The statement for a list: columns that differ come as arrays, one value a row, the others once for all."""
    chosen = ", ".join(f"{f'r.{name}' if name in varying else '%s'}::{_TYPES.get(name, 'text')}" for name in _COLUMNS)
    arrays = ", ".join("%s::text[]" for _name in varying)
    return (
        f"WITH new AS ({_INSERT} SELECT %s, {chosen} FROM unnest({arrays}) AS r({', '.join(varying)})"
        f" ON CONFLICT DO NOTHING RETURNING id),"
        f" told AS ({TELL} WHERE EXISTS (SELECT 1 FROM new)) SELECT id FROM new"
    )


def _identifier(reference: CustomerReference) -> tuple[str, str]:
    if reference.id:
        return "id", str(reference.id)
    if reference.external_id:
        return "external_id", reference.external_id
    return "email", reference.email or ""


def _values(row: ResponseRow) -> list[Any]:
    """The row's columns in the form the driver writes fastest."""
    return [_value(getattr(row, name)) for name in _COLUMNS]


def _value(value: Any) -> Any:
    """A column as text, number, boolean or None."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, dict | list):
        return as_json(value) if value else "{}" if isinstance(value, dict) else "[]"
    return value.isoformat() if isinstance(value, date) else str(value)
