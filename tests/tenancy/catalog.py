"""Reading pg_catalog: what the database really holds, whatever the models say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    """The rows of a catalogue query."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall()


@dataclass(frozen=True)
class Table:
    """A table, view or partition of ours, as far as the walls are concerned."""

    oid: int
    name: str
    kind: str  # r table, p partitioned, v view, m materialised view, f foreign
    is_partition: bool
    security_enabled: bool
    security_forced: bool
    owner: str
    has_tenant: bool
    tenant_typed: bool
    app_may_truncate: bool
    app_may_select: bool
    app_may_make_ddl: bool


_TABLES = """
SELECT c.oid, c.relname, c.relkind::text, c.relispartition, c.relrowsecurity, c.relforcerowsecurity,
       c.relowner::regrole::text, t.attnum IS NOT NULL, coalesce(t.attnotnull AND t.atttypid = 'uuid'::regtype, false),
       has_table_privilege('cxm_app', c.oid, 'TRUNCATE'), has_table_privilege('cxm_app', c.oid, 'SELECT'),
       has_table_privilege('cxm_app', c.oid, 'TRIGGER') OR has_table_privilege('cxm_app', c.oid, 'REFERENCES')
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute t ON t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_toast'
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""


def tables() -> dict[str, Table]:
    """Every table, view and partition outside the system schemas, by name."""
    return {row[1]: Table(*row) for row in rows(_TABLES)}


_COLUMNS = """(SELECT array_agg(a.attname::text ORDER BY k.i) FROM unnest({key}) WITH ORDINALITY k(n, i)
               JOIN pg_attribute a ON a.attrelid = {table} AND a.attnum = k.n)"""


@dataclass(frozen=True)
class Constraint:
    """A constraint: p primary key, u unique, f foreign key, c check, x exclusion."""

    kind: str
    name: str
    columns: list[str] | None
    target: int
    target_columns: list[str] | None
    validated: bool
    has_delete_action: bool
    deferrable: bool


def constraints(oid: int) -> list[Constraint]:
    """The constraints of one table."""
    sql = f"""SELECT contype::text, conname, {_COLUMNS.format(key="conkey", table="conrelid")}, confrelid,
                     {_COLUMNS.format(key="confkey", table="confrelid")}, convalidated,
                     contype = 'f' AND confdeltype <> 'a', condeferrable
              FROM pg_constraint WHERE conrelid = %s"""
    return [Constraint(*row) for row in rows(sql, oid)]


@dataclass(frozen=True)
class Policy:
    """A row-level security policy: for which roles and commands, and its two conditions."""

    name: str
    permissive: bool
    command: str
    roles: str
    using: str | None
    check: str | None


def policies(oid: int) -> list[Policy]:
    """The policies of one table, by name."""
    sql = """SELECT polname, polpermissive, polcmd::text, polroles::regrole[]::text,
                    pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)
             FROM pg_policy WHERE polrelid = %s ORDER BY polname"""
    return [Policy(*row) for row in rows(sql, oid)]


def unique_indexes(oid: int) -> list[tuple[str, str]]:
    """(index name, first column) of the unique indexes of one table."""
    sql = """SELECT i.indexrelid::regclass::text,
                    (SELECT attname::text FROM pg_attribute WHERE attrelid = i.indrelid AND attnum = i.indkey[0])
             FROM pg_index i WHERE i.indrelid = %s AND i.indisunique"""
    return rows(sql, oid)


def has_trigger(oid: int) -> bool:
    """Whether somebody made a trigger on the table."""
    return bool(rows("SELECT 1 FROM pg_trigger WHERE tgrelid = %s AND NOT tgisinternal", oid))
