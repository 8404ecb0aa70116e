"""What this platform does, as a ratio to a limit of the machine measured in the same run. `make bench` prints them.

A benchmark is a module here with a function `measure(size) -> Iterable[Row]`. It runs against a database of its own,
as the web's role, behind the walls. Absolute figures drift by a third between machines and hours; ratios hold.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import Literal

import psycopg2
from django.conf import settings
from django.db import connection


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a limit of the machine, ours, and the ratio we promise."""

    what: str
    limit: str
    ours: str
    ratio: float
    target: float
    better: Literal["higher", "lower"] = "higher"

    @property
    def met(self) -> bool:
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target


def seconds(function: Callable[[], object], *, repeat: int = 1) -> float:
    """Median time of a call, in seconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return median(times)


def percentile(values: list[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def settle(*tables: str) -> None:
    """VACUUM ANALYZE as the owner, after tables were filled: autovacuum does it within minutes, the web cannot."""
    with closing(psycopg2.connect(settings.OWNER_DATABASE_URL, dbname=connection.settings_dict["NAME"])) as owner:
        owner.autocommit = True
        with owner.cursor() as cursor:
            for table in tables:
                cursor.execute(f'VACUUM (ANALYZE) "{table}"')
