"""How long a statement may take for a page."""

from __future__ import annotations

import psycopg2.errors

PAGE_STATEMENT_SECONDS = 30


def took_too_long(error: BaseException) -> bool:
    """Whether the database gave a statement up because its time was over."""
    return isinstance(error.__cause__, psycopg2.errors.QueryCanceled)
