"""What only a superuser can do, once: roles, the database, extensions, and the marks that keep text search fast.

The same statements serve the embedded server's start, ``manage.py provision SUPERUSER_URL``, and the script that
``manage.py provision`` prints for a database administrator. They can be repeated at any time.

Four roles (docs/tenancy.md says why each can do no more):

* ``cxm_owner`` owns the database and its tables, and runs migrations;
* ``cxm_app`` is the web and the workers: no table of its own, member of nothing, granted per table by the migrations;
* ``cxm_platform`` sees which rows are due, by column grants and narrow policies that the migrations make;
* ``cxm_backup`` reads everything, past the row policies, for ``manage.py backup``.

No default privileges are given: a table made by hand is out of the app's reach instead of open to it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql

from cxm.db import roles

#: The prepared database that the test suite copies.
TEST_TEMPLATE = "cxm_template"

EXTENSIONS = ("btree_gist", "pg_trgm")

# Under row-level security PostgreSQL uses an index only for functions marked leakproof: those that cannot tell of a
# row they saw, by an error or otherwise. These cannot, and unmarked they made searches 40 to 3,000 times slower. Casts
# and regular expressions do quote values in their errors, and stay unmarked.
LEAKPROOF = (
    "textlike(text, text)",
    "textnlike(text, text)",
    "texticlike(text, text)",
    "texticnlike(text, text)",
    "lower(text)",
    "upper(text)",
    "jsonb_contains(jsonb, jsonb)",
    "jsonb_exists(jsonb, text)",
    "jsonb_exists_any(jsonb, text[])",
    "jsonb_exists_all(jsonb, text[])",
    "jsonb_object_field(jsonb, text)",
    "jsonb_object_field_text(jsonb, text)",
    "numeric_eq(numeric, numeric)",
    "numeric_ne(numeric, numeric)",
    "numeric_lt(numeric, numeric)",
    "numeric_le(numeric, numeric)",
    "numeric_gt(numeric, numeric)",
    "numeric_ge(numeric, numeric)",
    "arraycontains(anyarray, anyarray)",
    "arrayoverlap(anyarray, anyarray)",
    "range_overlaps(anyrange, anyrange)",
    "range_contains_elem(anyrange, anyelement)",
    "ts_match_vq(tsvector, tsquery)",
    "to_tsvector(regconfig, text)",
)
LEAKPROOF_OF_EXTENSIONS = ("similarity_op(text, text)",)


def leakproof_functions() -> list[str]:
    """The functions to mark, with their schema and arguments."""
    return [*(f"pg_catalog.{name}" for name in LEAKPROOF), *(f"public.{name}" for name in LEAKPROOF_OF_EXTENSIONS)]


_ROLE_OPTIONS = {
    roles.OWNER: "LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS",
    roles.APP: "LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS",
    roles.PLATFORM: "LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS",
    roles.BACKUP: "LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION BYPASSRLS",
}


def _literal(value: str) -> str:
    """A text as an SQL literal that means the same whatever the server's settings."""
    if "\0" in value:
        raise ValueError("a password cannot contain a NUL character")
    quoted = "'" + value.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def role_statements(passwords: Mapping[str, str], *, for_tests: bool = False) -> list[str]:
    """Statements that make or correct the roles. A role without a password here keeps the one it has."""
    statements = []
    for role, options in _ROLE_OPTIONS.items():
        if role == roles.OWNER:
            options += " CREATEDB" if for_tests else " NOCREATEDB"
        password = f" PASSWORD {_literal(passwords[role])}" if role in passwords else ""
        statements += [
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"ALTER ROLE {role} {options}{password}",
        ]
    return [*statements, f"GRANT pg_read_all_data TO {roles.BACKUP}"]


def database_statements(database: str) -> list[str]:
    """Statements on the installation's own database, run while connected to it."""
    name = '"' + database.replace('"', '""') + '"'
    return [
        f"ALTER DATABASE {name} OWNER TO {roles.OWNER}",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {', '.join(_ROLE_OPTIONS)}",
        *content_statements(),
    ]


def content_statements() -> list[str]:
    """What every database of ours needs inside: closed schema, extensions, leakproof marks."""
    return [
        "ALTER SCHEMA public OWNER TO pg_database_owner",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"GRANT USAGE ON SCHEMA public TO {roles.APP}, {roles.PLATFORM}, {roles.BACKUP}",
        *(f"CREATE EXTENSION IF NOT EXISTS {name}" for name in EXTENSIONS),
        *(f"ALTER FUNCTION {function} LEAKPROOF" for function in leakproof_functions()),
    ]


def provision(superuser_url: str, *, database: str, passwords: Mapping[str, str], for_tests: bool = False) -> None:
    """Prepare a PostgreSQL server (16 or newer) for this installation. Repeating it changes nothing.

    With ``for_tests`` the owner may also make databases, and finds a prepared one to copy (:data:`TEST_TEMPLATE`): the
    embedded server, where the test suite makes its own. Raises psycopg2.Error, and ValueError for a server too old or
    a role that is no superuser.
    """
    with _Session(superuser_url) as server:
        if server.value("SELECT current_setting('server_version_num')::int < 160000"):
            raise ValueError("PostgreSQL 16 or newer is needed")
        if not server.value("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
            raise ValueError("the URL must be that of a superuser: only one may mark functions leakproof")
        server.run(role_statements(passwords, for_tests=for_tests))
        for name in (database, TEST_TEMPLATE) if for_tests else (database,):
            if not server.value("SELECT count(*) FROM pg_database WHERE datname = %s", name):
                server.run([_create_database(name)])
    with _Session(_url_of(superuser_url, database)) as own:
        own.run(database_statements(database))
    if for_tests:
        with _Session(_url_of(superuser_url, TEST_TEMPLATE)) as template:
            template.run([*content_statements(), f"ALTER DATABASE {TEST_TEMPLATE} IS_TEMPLATE true"])


def _create_database(database: str) -> str:
    name = '"' + database.replace('"', '""') + '"'
    return f"CREATE DATABASE {name} OWNER {roles.OWNER} TEMPLATE template0 ENCODING 'UTF8'"


def script(*, database: str, passwords: Mapping[str, str]) -> str:
    """The same as a script for psql, to be run by a superuser: ``psql -f provision.sql postgres``."""
    create = _create_database(database)
    missing = f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {_literal(database)})"
    lines = [
        "\\set ON_ERROR_STOP on",
        *(f"{statement};" for statement in role_statements(passwords)),
        f"SELECT {_literal(create)} {missing} \\gexec",
        f'\\connect "{database}"',
        *(f"{statement};" for statement in database_statements(database)),
    ]
    return "\n".join(lines) + "\n"


def provisioning_digest(passwords: Mapping[str, str]) -> str:
    """Changes whenever the statements or the passwords do: the embedded server's reason to provision again."""
    statements = [*role_statements(passwords, for_tests=True), *database_statements("cxm"), TEST_TEMPLATE]
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()


def missing_marks(cursor: psycopg2.extensions.cursor) -> list[str]:
    """The functions of the list that are not marked leakproof in the cursor's database (lost by a dump and restore)."""
    cursor.execute(
        "SELECT name FROM unnest(%s) AS name LEFT JOIN pg_proc ON pg_proc.oid = to_regprocedure(name) "
        "WHERE proleakproof IS NOT TRUE",
        (leakproof_functions(),),
    )
    return sorted(row[0] for row in cursor.fetchall())


def _url_of(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path="/" + database))


class _Session:
    """A connection in autocommit; what it runs is plain SQL without parameters, as the printed script is."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg2.connect(url, connect_timeout=10)
        self._connection.autocommit = True

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def run(self, statements: Sequence[str]) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(sql.SQL(statement))

    def value(self, query: str, *parameters: object) -> object:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            row = cursor.fetchone()
            return row[0] if row else None


def redacted(text: str) -> str:
    """The text without the passwords that SQL of ours may carry; for messages."""
    return re.sub(r"PASSWORD\s+E?'(?:[^'\\]|''|\\.)*'", "PASSWORD '...'", text)
