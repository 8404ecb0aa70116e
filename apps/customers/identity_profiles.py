"""What people's profiles show: everything said of them, read, folded (identity_statements.py) and written back."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.utils.timezone import now

from apps.customers.identity_rules import EMAIL, PHONE, RECORD, USER
from apps.customers.identity_statements import (
    COLUMNS,
    Said,
    columns_of,
    fold,
    from_json,
    lay_over,
    rank_of,
    said_of_columns,
    to_json,
)
from apps.customers.models import Account, Customer, CustomerIdentifier, CustomerMerge
from apps.organizations.models import Unit
from cxm.ids import uuid7
from cxm.scope import current_tenant_id

ALONE: Final = -(2**61)
"""The rank at which an address or number that nobody claimed fills its own column."""
VISIBLE: Final = (*COLUMNS, "attributes")
READ: Final = (
    "id", "external_id", "email", "phone", "name", "stage", "account", "unit_id", "language", "timezone", "attributes",
    "said_at", "base", "merged_into_id", "updated_at",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Changed:
    """A person whose profile was laid anew: the fields that changed, with their values before and after.

    Fields are named as in statements ("name", "attributes.plan"); ``unit`` is an id's text; None is no value.
    """

    customer_id: UUID
    unit_id: UUID | None
    fields: Mapping[str, tuple[Any, Any]]


def implied(kind: str, value: str, claimed_at: datetime | None) -> Said:
    """What an identifier says by belonging to somebody: it fills the empty column of its kind, the earliest first."""
    if kind not in (EMAIL, PHONE):
        return {}
    return {kind: (value, -rank_of(claimed_at) if claimed_at else ALONE)}


def lock_people(people: Iterable[UUID | None]) -> None:
    """Lock these customers' rows in the order of their ids, so that who lays statements over waits for each other."""
    ids = sorted(str(pk) for pk in set(people) if pk is not None)
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM customers_customer WHERE tenant_id = %s AND id = ANY(%s::uuid[])"
                " ORDER BY id FOR NO KEY UPDATE",
                [str(current_tenant_id()), ids],
            )


def refold(people: Iterable[UUID], said: Mapping[UUID, Said]) -> list[Changed]:
    """Lay statements over those of their records and identifiers (by row id), and the profiles of these people anew.

    Four queries and at most three updates for any number. Accounts that are named for the first time are made.
    """
    ids = sorted(set(people))
    if not ids and not said:
        return []
    lock_people(ids)
    rows = {row["id"]: row for row in Customer.records.filter(pk__in=ids).values(*READ)}
    merged = list(Customer.records.filter(merged_into__in=ids).values(*READ)) if ids else []
    for row in (*rows.values(), *merged):
        row["unit"] = str(row["unit_id"]) if row["unit_id"] else None
    sources = {row["id"]: own_statements(row) for row in (*rows.values(), *merged)}
    idents = _identifiers(ids, [pk for pk in said if pk not in sources])
    laid: set[UUID] = set()
    for pk, statements in said.items():
        if pk in sources:
            if lay_over(sources[pk], statements):
                laid.add(pk)
        elif pk in idents and lay_over(idents[pk]["said"], statements):
            laid.add(pk)
    _store_traits([idents[pk] for pk in laid if pk in idents])
    for row in merged:
        if row["id"] in laid:
            _store_merged(row, sources[row["id"]])
    joined_at = _joined_at([row["id"] for row in merged])
    of_person: dict[UUID, list[tuple[Said, int | None]]] = defaultdict(list)
    for row in merged:
        of_person[row["merged_into_id"]].append((sources[row["id"]], joined_at.get(row["id"])))
    side = _sides(idents.values(), {**rows, **{row["id"]: row for row in merged}})
    for ident in idents.values():
        if ident["customer_id"] in rows:
            since = joined_at.get(side.get(ident["id"]))  # type: ignore[arg-type]
            for each in (ident["said"], implied(ident["kind"], ident["value"], ident["claimed_at"])):
                if each:
                    of_person[ident["customer_id"]].append((each, since))
    changes = [_lay_anew(row, sources[pk], of_person[pk]) for pk, row in rows.items()]
    _store([(row, change) for row, change in changes if change is not None])
    keep_accounts(change.fields["account"][1] for _row, change in changes if change and "account" in change.fields)
    return [change for _row, change in changes if change is not None]


def own_statements(row: Mapping[str, Any]) -> Said:
    """What was said of a record itself."""
    return said_of_columns(row) if row["base"] is None else from_json(row["base"])


def keep_accounts(keys: Iterable[str | None]) -> None:
    """Make the accounts among these that are not there yet. One statement."""
    wanted = sorted({key for key in keys if key})
    if wanted:
        rows = [Account(id=uuid7(), key=key, name=key) for key in wanted]
        Account.objects.bulk_create(rows, ignore_conflicts=True)


def _identifiers(people: list[UUID], more: list[UUID]) -> dict[UUID, dict[str, Any]]:
    fields = ("id", "kind", "value", "customer_id", "claimed_by", "claimed_at", "home_id", "traits")
    rows: list[dict[str, Any]] = []
    if people:
        owned = CustomerIdentifier.objects.filter(customer__in=people)
        rows += owned.filter(kind__in=(EMAIL, PHONE)).values(*fields)
        rows += owned.exclude(kind__in=(EMAIL, PHONE)).exclude(traits={}).values(*fields)
    known = {row["id"] for row in rows}
    if missing := [pk for pk in more if pk not in known]:
        rows += CustomerIdentifier.objects.filter(pk__in=missing).select_for_update(no_key=True).values(*fields)
    for row in rows:
        row["said"] = from_json(row["traits"])
    return {row["id"]: row for row in rows}


def _joined_at(merged: list[UUID]) -> dict[UUID, int]:
    """Of each merged record that is part of its person by hand, directly or not, the rank of that merge."""
    if not merged:
        return {}
    rows = CustomerMerge.objects.filter(merged__in=merged, undone_at=None)
    merges = {row.merged_id: row for row in rows.only("merged_id", "kept_id", "how", "merged_at")}
    found: dict[UUID, int] = {}
    for pk in merged:
        seen: set[UUID] = set()
        at = pk
        while at in merges and at not in seen:
            seen.add(at)
            if merges[at].how == CustomerMerge.How.HAND:
                found[pk] = rank_of(merges[at].merged_at)
                break
            at = merges[at].kept_id
    return found


def _sides(idents: Iterable[Mapping[str, Any]], records: Mapping[UUID, Mapping[str, Any]]) -> dict[UUID, UUID]:
    """Of each identifier the record that it belongs to most directly."""
    by_name = {f"{row['kind']}:{row['value']}": row for row in idents}
    by_user = {f"{USER}:{row['external_id']}": pk for pk, row in records.items() if row["external_id"]}
    by_user |= {f"{RECORD}:{pk}": pk for pk in records}
    found: dict[UUID, UUID] = {}
    for ident in by_name.values():
        at, seen = ident, set()
        while at["id"] not in seen:
            seen.add(at["id"])
            if at["claimed_by"] in by_user:
                found[ident["id"]] = by_user[at["claimed_by"]]
            elif at["claimed_by"] in by_name:
                at = by_name[at["claimed_by"]]
            elif at["home_id"]:
                found[ident["id"]] = at["home_id"]
    return found


def _lay_anew(
    row: dict[str, Any], own: Said, others: list[tuple[Said, int | None]]
) -> tuple[dict[str, Any], Changed | None]:
    """The row's new columns, and what changed; None when nothing is to be written."""
    whole = fold(
        [own, *(said for said, since in others if since is None)],
        [(said, since) for said, since in others if since is not None],
    )
    columns = columns_of(whole)
    if columns["unit"] not in (None, row["unit"]) and not Unit.objects.filter(pk=columns["unit"]).exists():
        columns["unit"] = None
    base = None if whole == own else to_json(own)
    fields: dict[str, tuple[Any, Any]] = {}
    for column in COLUMNS:
        if (row[column] or None) != (columns[column] or None):
            fields[column] = (row[column] or None, columns[column] or None)
    before, after = row["attributes"], columns["attributes"]
    for name in {*before, *after}:
        old, new = before.get(name), after.get(name)
        if json.dumps(old, sort_keys=True) != json.dumps(new, sort_keys=True) or (name in before) != (name in after):
            fields[f"attributes.{name}"] = (old, new)
    if not fields and base == row["base"] and (columns["said_at"] == row["said_at"] or own == said_of_columns(row)):
        return row, None
    new_row = {"id": str(row["id"]), **columns, "unit_id": columns["unit"], "base": base}
    unit = UUID(columns["unit"]) if columns["unit"] else None
    return new_row, Changed(row["id"], unit, fields)


def _store(changes: list[tuple[dict[str, Any], Changed]]) -> None:
    visible = [row for row, change in changes if change.fields]
    quiet = [{"id": row["id"], "said_at": row["said_at"], "base": row["base"]} for row, c in changes if not c.fields]
    with connection.cursor() as cursor:
        if visible:
            cursor.execute(UPDATE_PROFILES, [str(current_tenant_id()), now(), json.dumps(visible)])
        if quiet:
            cursor.execute(UPDATE_TIMES, [str(current_tenant_id()), json.dumps(quiet)])


def _store_merged(row: Mapping[str, Any], said: Said) -> None:
    """Keep what was said of a record while it is part of another person."""
    if row["base"] is not None:
        Customer.records.filter(pk=row["id"]).update(base=to_json(said))
        return
    columns = columns_of(said)
    columns["unit_id"] = columns.pop("unit")
    Customer.records.filter(pk=row["id"]).update(**columns)


def _store_traits(idents: list[dict[str, Any]]) -> None:
    rows = [{"id": str(ident["id"]), "traits": to_json(ident["said"])} for ident in idents]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(UPDATE_TRAITS, [str(current_tenant_id()), json.dumps(rows)])


UPDATE_PROFILES = """
UPDATE customers_customer AS c SET email = r.email, phone = r.phone, name = r.name, stage = r.stage,
    account = r.account, unit_id = r.unit_id, language = r.language, timezone = r.timezone,
    attributes = r.attributes, said_at = r.said_at, base = NULLIF(r.base, 'null'::jsonb), updated_at = m.at
FROM (SELECT %s::uuid AS tenant_id, %s::timestamptz AS at) AS m, jsonb_to_recordset(%s) AS r(id uuid, email text,
    phone text, name text, stage text, account text, unit_id uuid, language text, timezone text, attributes jsonb,
    said_at jsonb, base jsonb)
WHERE c.tenant_id = m.tenant_id AND c.id = r.id
"""
UPDATE_TIMES = """
UPDATE customers_customer AS c SET said_at = r.said_at, base = NULLIF(r.base, 'null'::jsonb)
FROM (SELECT %s::uuid AS tenant_id) AS m, jsonb_to_recordset(%s) AS r(id uuid, said_at jsonb, base jsonb)
WHERE c.tenant_id = m.tenant_id AND c.id = r.id
"""
UPDATE_TRAITS = """
UPDATE customers_customeridentifier AS i SET traits = r.traits
FROM (SELECT %s::uuid AS tenant_id) AS m, jsonb_to_recordset(%s) AS r(id uuid, traits jsonb)
WHERE i.tenant_id = m.tenant_id AND i.id = r.id
"""
