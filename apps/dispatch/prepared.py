"""Statements that the server plans once a connection: planning what reads a message took eight times the reading.

Prepared with SQL, because psycopg2 does not do it by itself. Where a pooler hands every transaction to another server
connection (PgBouncer in transaction mode), a prepared statement is not where it is looked for: the first time that
happens the process goes back to plain statements.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg2.errors
from django.db import DatabaseError, connection

_NOT_THERE: Final = (psycopg2.errors.InvalidSqlStatementName, psycopg2.errors.DuplicatePreparedStatement)
_known: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
_plain: set[str] = set()
"""Databases, by alias, before which a pooler stands."""


def execute_prepared(cursor: Any, sql: str, types: Sequence[str], values: Sequence[Any]) -> None:
    """Run a statement with `%s` for its parameters, which are of these types; planned by the first call."""
    if connection.alias in _plain:
        cursor.execute(sql, values)
        return
    name, preparing, executing = _statements(sql, tuple(types))
    known = _known.setdefault(connection.connection, set())
    try:
        if name not in known:
            cursor.execute(preparing)
            known.add(name)
        cursor.execute(executing, values)
    except DatabaseError as error:
        if not isinstance(error.__cause__, _NOT_THERE) or connection.in_atomic_block:
            raise
        _plain.add(connection.alias)
        cursor.execute(sql, values)


@lru_cache(maxsize=100)
def _statements(sql: str, types: tuple[str, ...]) -> tuple[str, str, str]:
    """The name of a statement, what prepares it and what runs it."""
    pieces = sql.split("%s")
    if len(pieces) != len(types) + 1:
        raise ValueError(f"{len(pieces) - 1} parameters and {len(types)} types")
    numbered = pieces[0] + "".join(f"${place}{piece}" for place, piece in enumerate(pieces[1:], 1))
    name = f"cxm_{hashlib.blake2b(sql.encode(), digest_size=8).hexdigest()}"
    placeholders = ", ".join(["%s"] * len(types))
    return name, f"PREPARE {name} ({', '.join(types)}) AS {numbered}", f"EXECUTE {name} ({placeholders})"
