"""How PostgreSQL should go about questions over sets of customers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

_PLAN = {
    # Sets are joined by hash. A loop over two of them looks cheap where the tables grew since they were last analysed
    # (after every import), and takes the product of both.
    "enable_nestloop": "off",
    "jit": "off",
    "work_mem": "64MB",
}


@contextmanager
def for_sets(seconds: float | None = None) -> Iterator[None]:
    """Plan the statements inside for sets, and give up one that takes longer than so many seconds (OperationalError).

    Inside a transaction. What was in force before is so again afterwards: here, or by the rollback of what failed.
    """
    wanted = dict(_PLAN)
    if seconds is not None:
        wanted["statement_timeout"] = str(max(1, int(seconds * 1000)))
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in wanted))
        before = dict(zip(wanted, cursor.fetchone(), strict=True))
        cursor.execute(_set(wanted))
    yield
    with connection.cursor() as cursor:
        cursor.execute(_set(before))


def _set(values: dict[str, str]) -> str:
    return "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in values.items())
