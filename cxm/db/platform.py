"""Reads across organisations: which rows are due, and nothing else.

The role ``cxm_platform`` holds column grants and narrow policies on a reviewed list of queue tables
(:class:`cxm.db.migrations.LetPlatformSeeWhatIsDue`). It is used by sweeps and by the readiness check, never by a page.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import psycopg2
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection


def platform_rows(sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Run one query as the platform's role, on a connection of its own (about 3 ms), and return its rows.

    It sees committed rows only: it is never part of the caller's transaction. Gives up after 5 s. Raises
    psycopg2.Error, and ImproperlyConfigured without DATABASE_PLATFORM_URL.
    """
    if not settings.PLATFORM_DATABASE_URL:
        raise ImproperlyConfigured("DATABASE_PLATFORM_URL is not set: nothing can tell which rows are due")
    options = {"connect_timeout": 3, "options": "-c statement_timeout=5000"}
    name = connection.settings_dict["NAME"]  # that of the test database while testing
    with closing(psycopg2.connect(settings.PLATFORM_DATABASE_URL, dbname=name, **options)) as platform:
        platform.set_session(readonly=True, autocommit=True)
        with platform.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()
