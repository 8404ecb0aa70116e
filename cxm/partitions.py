"""Monthly partitions of an append-only table whose key says when: RANGE (id), bounded by the first UUIDv7 of a month.

A row's id is made from the time at which the thing happened (:func:`cxm.ids.timed_uuid7`), so one primary key
(tenant_id, id) is enough, a row is found by its id in one partition, and a filter on time prunes when it is written as
a range of ids (:func:`during`). Partitions are made ahead, never a default one: see docs/tenancy.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg2
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as default_connection
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from cxm.db import roles
from cxm.ids import first_id, uuid7

AHEAD = 6
"""Months for which there are always partitions."""
BEFORE = 12
"""Months before the installation that get partitions of their own; everything earlier is in one history partition."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_AHEAD = 2
"""Months ahead below which somebody has to look why no more are made."""
LATEST_AHEAD = timedelta(days=1)
"""How far ahead of our clock a time may lie before it is taken for a broken clock."""


class PartitionedIdField(models.UUIDField):
    """Primary key of a TenantModel whose table is PARTITION BY RANGE (id). The mark survives in migrations."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", uuid7)
        super().__init__(**{"primary_key": True, "editable": False, **kwargs})


def month_starts(start: datetime, months: int) -> Iterator[datetime]:
    """The first instants of ``months`` months from the one that holds ``start``, and of the one after, in UTC."""
    year, month = start.year, start.month
    for _number in range(months + 1):
        yield datetime(year, month, 1, tzinfo=UTC)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


def months_before(when: datetime, months: int) -> datetime:
    """The first instant of the month that lies ``months`` before the one of ``when``."""
    number = when.year * 12 + when.month - 1 - months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def partition_statements(table: str, name: str, start: datetime, end: datetime) -> Iterator[str]:
    """DDL of one partition. It has no policy and no grant: the web's role reaches it only through its parent."""
    bounds = f"FROM ('{first_id(start)}') TO ('{first_id(end)}')"
    yield f'CREATE TABLE IF NOT EXISTS "{name}" PARTITION OF "{table}" FOR VALUES {bounds}'
    yield f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY'
    yield f'REVOKE ALL ON "{name}" FROM {roles.APP}'


def month_statements(table: str, start: datetime, months: int) -> Iterator[str]:
    """DDL of the partitions of ``months`` months from the one that holds ``start``."""
    edges = list(month_starts(start, months))
    for edge, following in pairwise(edges):
        yield from partition_statements(table, f"{table}_{edge:%Y_%m}", edge, following)


def first_statements(table: str, now: datetime) -> Iterator[str]:
    """DDL of a new table's partitions: history from 1970, the months before now, and those ahead."""
    first = months_before(now, BEFORE)
    yield from partition_statements(table, f"{table}_history", EPOCH, first)
    yield from month_statements(table, first, BEFORE + 1 + AHEAD)


def partitioned_tables() -> list[str]:
    """The tables of all models with a :class:`PartitionedIdField`, by name."""
    return sorted(model._meta.db_table for model in apps.get_models() if isinstance(model._meta.pk, PartitionedIdField))


def make_all_ahead(*, now: datetime) -> dict[str, int]:
    """Make what is missing ahead of every partitioned table, as the owner on a connection of its own; how many each.

    Each table has its own transaction. Raises ImproperlyConfigured without DATABASE_OWNER_URL, and
    OperationalError for a table whose lock is not to be had in 2 s: the next round tries again.
    """
    if not settings.OWNER_DATABASE_URL:
        raise ImproperlyConfigured("DATABASE_OWNER_URL is not set: nobody can make the partitions of coming months")
    name = default_connection.settings_dict["NAME"]  # that of the test database while testing
    made = {}
    with closing(psycopg2.connect(settings.OWNER_DATABASE_URL, dbname=name, connect_timeout=5)) as owner:
        for table in partitioned_tables():
            with owner:  # commits
                made[table] = make_ahead(owner, table, now=now)
    return made


def make_ahead(connection: Any, table: str, *, now: datetime, months: int = AHEAD) -> int:
    """Make what is missing of the partitions for this month and the ``months`` after it; how many were made.

    ``connection`` is the owner's (Django's or psycopg2's), in a transaction. Waits at most 2 s for the table's lock
    (then OperationalError), so that nothing that writes waits behind it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        made = 0
        edges = list(month_starts(now, months + 1))
        for edge, following in pairwise(edges):
            name = f"{table}_{edge:%Y_%m}"
            cursor.execute("SELECT to_regclass(%s) IS NULL", [f'"{name}"'])
            if cursor.fetchone()[0]:
                for statement in partition_statements(table, name, edge, following):
                    cursor.execute(statement)
                made += 1
    return made


def months_ahead(connection: BaseDatabaseWrapper, table: str, *, now: datetime) -> int:
    """For how many whole months after the present one there are partitions; -1 when there is none for this month."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = %s::regclass",
            [f'"{table}"'],
        )
        names = {name for (name,) in cursor.fetchall()}
    found = -1
    for edge in month_starts(now, 120):
        if f"{table}_{edge:%Y_%m}" not in names:
            break
        found += 1
    return found


def placed_time(occurred_at: datetime, received_at: datetime) -> tuple[datetime, bool]:
    """The time to file something under, to the millisecond, and whether its own time could not be believed.

    A time before 1970 or more than a day ahead of our clock is replaced by that of the receipt.
    """
    believed = EPOCH <= occurred_at <= received_at + LATEST_AHEAD
    chosen = occurred_at if believed else received_at
    return chosen.replace(microsecond=chosen.microsecond // 1000 * 1000), not believed


def during(start: datetime | None, end: datetime | None, column: str = "id") -> models.Q:
    """The condition that a row lies in [start, end), as a range of ids: it prunes partitions and uses their indexes."""
    condition = models.Q()
    if start is not None:
        condition &= models.Q(**{f"{column}__gte": lowest_id(start)})
    if end is not None:
        condition &= models.Q(**{f"{column}__lt": lowest_id(end)})
    return condition


def lowest_id(when: datetime) -> UUID:
    """The smallest id of anything at or after ``when``: rounded up to the millisecond, and not before 1970."""
    if when <= EPOCH:
        return first_id(EPOCH)
    return first_id(when + timedelta(microseconds=(-when.microsecond) % 1000))
