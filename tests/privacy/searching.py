"""Looking for a text everywhere: every column of every table, every file, every key and value of Valkey."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from django.conf import settings

_TABLES = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND has_table_privilege(c.oid, 'SELECT')
    ORDER BY 1
"""


def tables_with(cursor: Any, needle: str) -> list[str]:
    """Tables that hold the text in any column of any row this connection may read, whatever its case."""
    cursor.execute(_TABLES)
    tables = [row[0] for row in cursor.fetchall()]
    found = []
    for table in tables:
        cursor.execute(f"SELECT count(*) FROM {table} AS t WHERE t::text ILIKE %s", [f"%{needle}%"])
        if cursor.fetchone()[0]:
            found.append(table)
    return found


def files_with(folder: Path, needle: str) -> list[Path]:
    """Files below a folder whose name or content holds the text."""
    wanted = needle.lower().encode()
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and (wanted in path.name.lower().encode() or wanted in path.read_bytes().lower())
    ]


def keys_with(needle: str) -> list[str]:
    """Keys of Valkey whose name or value holds the text."""
    wanted = needle.lower().encode()
    client = redis.Redis.from_url(settings.REDIS_URL)
    found = []
    for key in client.scan_iter(count=1000):
        dumped = client.dump(key) or b""
        if wanted in key.lower() or wanted in dumped.lower():
            found.append(key.decode(errors="replace"))
    return found
