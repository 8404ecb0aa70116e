"""Looks at this installation and says what is wrong and how to mend it. Changes nothing."""

from __future__ import annotations

import shutil
import smtplib
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psycopg2
import redis
from django.conf import settings
from django.core import mail
from django.db import connection

from cxm.db import roles
from cxm.db.provision import missing_marks
from cxm.health import run_checks
from cxm.logging import describe_exception
from cxm.partitions import LEAST_AHEAD, months_ahead, partitioned_tables
from cxm.queues import queue_states
from cxm.startup import PLACEHOLDER_KEY

LEAST_FREE_BYTES = 2 * 1024**3
LARGEST_SKEW = 5.0  # seconds
LATE = 60.0  # seconds that due work may wait


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``mend`` says what to do; it is empty when all is well."""

    state: Literal["ok", "warning", "wrong"]
    subject: str
    found: str
    mend: str = ""


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which one would mend them. A check that cannot run is a finding too."""
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("Data directory", _data_directory),
        ("Secret key", _secret_key),
        ("Hosts", _hosts),
        ("Packages", _packages),
        ("Database", _database),
        ("Roles", _roles),
        ("Migrations", _migrations),
        ("Partitions", _partitions),
        ("Walls", _walls),
        ("Text search", _leakproof),
        ("Broker", _broker),
        ("Clock", _clock),
        ("Queues", _queues),
        ("Mail", _mail),
    ]
    for subject, check in checks:
        try:
            yield from check()
        except Exception as error:  # a broken part must not hide the others
            yield Finding("wrong", subject, f"cannot be looked at ({describe_exception(error)})", _hint(error))


def _hint(error: Exception) -> str:
    if isinstance(error, psycopg2.Error) or "OperationalError" in type(error).__name__:
        return "Is PostgreSQL running, and is the URL right? Without DATABASE_URL, `manage.py up` brings its own."
    if isinstance(error, redis.RedisError):
        return "Is Valkey or Redis running, and is REDIS_URL right? Without it, `manage.py up` brings its own."
    return "See the log."


def _data_directory() -> Iterator[Finding]:
    directory = Path(settings.DATA_DIR)
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        yield Finding("wrong", "Disk", f"{free / 1e9:.1f} GB free in {directory}", "Make room, or move CXM_DATA_DIR.")
    else:
        yield Finding("ok", "Disk", f"{free / 1e9:.0f} GB free in {directory}")
    for name in ("secret_key", "credentials.json", "services.json"):
        path = directory / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o77:
            yield Finding("wrong", "Secrets", f"others can read {path}", f"chmod 600 '{path}'")


def _secret_key() -> Iterator[Finding]:
    if settings.SECRET_KEY == PLACEHOLDER_KEY or len(settings.SECRET_KEY) < 32:
        yield Finding("wrong", "Secret key", "missing or short", "Set SECRET_KEY to 50 random characters.")
    else:
        yield Finding("ok", "Secret key", "set")


def _hosts() -> Iterator[Finding]:
    address = urlsplit(settings.BASE_URL)
    is_local = address.hostname in {"localhost", "127.0.0.1", "::1"}
    if address.scheme != "https" and not is_local:
        yield Finding(
            "wrong",
            "Hosts",
            f"BASE_URL is {settings.BASE_URL}: sign-in would travel in the clear",
            "Put a proxy with TLS in front (deploy/nginx.conf) and set BASE_URL to its https address.",
        )
    if "*" in settings.ALLOWED_HOSTS:
        yield Finding("wrong", "Hosts", "any host name is taken", "Name your hosts in ALLOWED_HOSTS.")
    if settings.DEBUG and not is_local:
        yield Finding("wrong", "Debug", "DEBUG is on: errors show code and settings", "Unset DEBUG.")
    if not is_local and not settings.TRUSTED_PROXIES:
        yield Finding(
            "warning",
            "Hosts",
            "no proxy is trusted: behind one, everybody shares its address and its limits",
            "Set TRUSTED_PROXIES to the number of proxies in front of the web server.",
        )
    yield Finding("ok", "Hosts", f"{settings.BASE_URL}; answers to {', '.join(settings.ALLOWED_HOSTS)}")


def _packages() -> Iterator[Finding]:
    if find_spec("psycopg") is not None:
        yield Finding("wrong", "Packages", "psycopg 3 is installed, and Django uses it", "pip uninstall psycopg")


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, version = cursor.fetchone()
    if number < 160000:
        yield Finding("wrong", "Database", f"PostgreSQL {version}", "Upgrade to PostgreSQL 16 or newer.")
    else:
        yield Finding("ok", "Database", f"PostgreSQL {version}")


def _roles() -> Iterator[Finding]:
    again = "Run `manage.py provision SUPERUSER_URL` and connect by the URLs it prints."
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper OR rolcreaterole, rolbypassrls, "
            "(SELECT count(*) FROM pg_auth_members WHERE member = pg_roles.oid), "
            "(SELECT count(*) FROM pg_class WHERE relowner = pg_roles.oid) "
            "FROM pg_roles WHERE rolname = ANY(%s)",
            [[roles.OWNER, roles.APP, roles.PLATFORM, roles.BACKUP]],
        )
        found = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute("SELECT current_user, has_schema_privilege('public', 'CREATE')")
        me, may_create = cursor.fetchone()
    for role in (roles.OWNER, roles.APP, roles.PLATFORM, roles.BACKUP):
        if role not in found:
            yield Finding("wrong", "Roles", f"{role} is missing", again)
            continue
        rules, bypasses, memberships, owns = found[role]
        if rules or (bypasses and role != roles.BACKUP):
            yield Finding("wrong", "Roles", f"{role} may do more than its part", again)
        if role in {roles.APP, roles.PLATFORM} and (memberships or owns):
            yield Finding("wrong", "Roles", f"{role} is member of a role, or owns tables", again)
    if me != roles.APP or may_create:
        yield Finding("wrong", "Roles", f"the web connects as {me}", again)
    for variable, url in (
        ("DATABASE_OWNER_URL", settings.OWNER_DATABASE_URL),
        ("DATABASE_PLATFORM_URL", settings.PLATFORM_DATABASE_URL),
    ):
        if not url:
            yield Finding("wrong", "Roles", f"{variable} is not set", again)
            continue
        with closing(psycopg2.connect(url, connect_timeout=5)):
            yield Finding("ok", "Roles", f"{variable} connects")


def _migrations() -> Iterator[Finding]:
    check = run_checks()["migrations"]
    if not check["ok"]:
        missing = check.get("missing", "some")
        yield Finding("wrong", "Migrations", f"{missing} not applied", "Run `manage.py migrate`.")
    else:
        yield Finding("ok", "Migrations", "all applied")


def _partitions() -> Iterator[Finding]:
    fewest = min((months_ahead(connection, table, now=datetime.now(UTC)), table) for table in partitioned_tables())
    found = f"{fewest[1]} has {max(fewest[0], 0)} months ahead"
    if fewest[0] < LEAST_AHEAD:
        mend = (
            "Run `manage.py migrate`, and see that worker and beat run with DATABASE_OWNER_URL: they make them daily."
        )
        yield Finding("wrong" if fewest[0] < 0 else "warning", "Partitions", found, mend)
    else:
        yield Finding("ok", "Partitions", found)


def _walls() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid AND attname = 'tenant_id' "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
            # a partition is reached through its parent alone: nobody may name it
            "AND CASE WHEN relispartition THEN NOT relrowsecurity OR has_table_privilege(pg_class.oid, 'SELECT') "
            "ELSE NOT (relrowsecurity AND relforcerowsecurity) END ORDER BY 1"
        )
        open_tables = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT to_regprocedure('cxm_tenant()') IS NOT NULL")
        has_function = cursor.fetchone()[0]
    if open_tables or not has_function:
        names = ", ".join(open_tables) or "the function cxm_tenant()"
        yield Finding("wrong", "Walls", f"no row-level security: {names}", "Stop the platform and restore a backup.")
    else:
        yield Finding("ok", "Walls", "every organisation's table has forced row-level security")


def _leakproof() -> Iterator[Finding]:
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        missing = missing_marks(cursor)
    if missing:
        yield Finding(
            "warning",
            "Text search",
            f"{len(missing)} functions are not marked leakproof: searches read whole tables",
            "Run `manage.py provision SUPERUSER_URL --keep-passwords`; an upgrade or restore of the server loses them.",
        )
    else:
        yield Finding("ok", "Text search", "its functions are marked leakproof")


def _broker() -> Iterator[Finding]:
    broker = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2)
    persistence, memory = broker.info("persistence"), broker.info("memory")
    if not persistence.get("aof_enabled"):
        yield Finding(
            "warning",
            "Broker",
            "its append-only file is off: a restart forgets sessions' limits and waiting messages (no work is lost)",
            "Set `appendonly yes`.",
        )
    policy = memory.get("maxmemory_policy", "")
    if memory.get("maxmemory") and policy.startswith("allkeys"):
        yield Finding("wrong", "Broker", f"{policy} drops queued messages", "Set `maxmemory-policy volatile-lru`.")
    server = broker.info("server")
    version = server.get("valkey_version") or server.get("redis_version")
    yield Finding("ok", "Broker", f"{server.get('server_name', 'redis')} {version}")


def _clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = cursor.fetchone()[0]
        skew = there - (before + time.time()) / 2
    if abs(skew) > LARGEST_SKEW:
        found = f"the database's clock differs by {skew:.0f} s"
        yield Finding("wrong", "Clock", found, "Run a time service (NTP) on both machines.")
    else:
        yield Finding("ok", "Clock", "agrees with the database's")


def _queues() -> Iterator[Finding]:
    late = [state for state in queue_states() if state.oldest_due_seconds > LATE]
    for state in late:
        yield Finding(
            "wrong",
            "Queues",
            f"{state.name}: {state.depth} due, the oldest for {state.oldest_due_seconds:.0f} s",
            "Are worker and beat running? Their log says what fails.",
        )
    if not late:
        yield Finding("ok", "Queues", "nothing is late")


def _mail() -> Iterator[Finding]:
    if not settings.EMAIL_URL_IS_SET:
        yield Finding("ok", "Mail", "goes to the built-in mailbox; set EMAIL_URL to send it")
        return
    sender = mail.get_connection(timeout=5)
    try:
        sender.open()
        sender.close()
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("wrong", "Mail", f"the server does not take us ({type(error).__name__})", "Check EMAIL_URL.")
    else:
        yield Finding("ok", "Mail", f"{settings.EMAIL_HOST} takes us")
