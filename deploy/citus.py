"""Make a Citus cluster of the coordinator and its workers: ``nodes`` before the roles are made, ``settings`` after."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import SplitResult, urlsplit

import psycopg2

from cxm.db import roles
from cxm.db.provision import leakproof_functions

DATABASE = "cxm"


@contextmanager
def cursor_on(server: SplitResult, database: str, *, host: str | None = None) -> Iterator[Any]:
    """A cursor in autocommit on a database of the coordinator, or of another host with the same credentials."""
    credentials, _, place = server.netloc.rpartition("@")
    address = server._replace(netloc=f"{credentials}@{host or place}", path=f"/{database}")
    with closing(psycopg2.connect(address.geturl(), connect_timeout=10)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            yield cursor


def join_nodes(server: SplitResult, workers: list[str]) -> None:
    """Make the database with the extension on every node, and tell the coordinator of the workers."""
    for host in (None, *workers):
        with cursor_on(server, "postgres", host=host) as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [DATABASE])
            if not cursor.fetchone()[0]:
                cursor.execute(f"CREATE DATABASE {DATABASE} TEMPLATE template0 ENCODING 'UTF8'")
        with cursor_on(server, DATABASE, host=host) as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS citus")
    with cursor_on(server, DATABASE) as cursor:
        cursor.execute("SELECT citus_set_coordinator_host(%s, 5432)", [server.hostname])
        cursor.execute("SELECT nodename FROM pg_dist_node")
        known = {row[0] for row in cursor.fetchall()}
        for worker in workers:
            if worker not in known:
                cursor.execute("SELECT citus_add_node(%s, 5432)", [worker])


def pass_on_settings(server: SplitResult) -> None:
    """Let the announced organisation reach the shards (docs/tenancy.md), and mark functions on every node."""
    with cursor_on(server, DATABASE) as cursor:
        cursor.execute(f"ALTER ROLE {roles.APP} SET citus.propagate_set_commands = 'local'")
        for function in leakproof_functions():
            cursor.execute("SELECT * FROM run_command_on_all_nodes(%s)", [f"ALTER FUNCTION {function} LEAKPROOF"])


def main() -> None:
    """Reads SUPERUSER_URL and CITUS_WORKERS (host names, separated by spaces). Can be repeated."""
    server = urlsplit(os.environ["SUPERUSER_URL"])
    if sys.argv[1:] == ["nodes"]:
        join_nodes(server, os.environ["CITUS_WORKERS"].split())
    elif sys.argv[1:] == ["settings"]:
        pass_on_settings(server)
    else:
        sys.exit("usage: python -m deploy.citus nodes|settings")


if __name__ == "__main__":
    main()
