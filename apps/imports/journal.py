"""The journal of an import: what it made or changed, kept for as long as the import can be undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from apps.imports.models import ImportChange, ImportJob
from cxm.ids import uuid7
from cxm.scope import current_tenant_id

UNDO_FOR = timedelta(days=7)
TABLE = ImportChange._meta.db_table


@dataclass(frozen=True, slots=True)
class Change:
    """One thing an import made (``former`` is None) or changed, and what it put there."""

    kind: str
    subject: UUID
    former: Mapping[str, Any] | None = None
    stated: Mapping[str, Any] = field(default_factory=dict)


def write_changes(job: ImportJob, changes: Sequence[Change]) -> None:
    """Add to the journal. One statement.

    A thing that the import touches several times keeps what stood there before the first time, and what it put there
    last.
    """
    merged: dict[tuple[str, UUID], Change] = {}
    for change in changes:
        key = (change.kind, change.subject)
        before = merged.get(key)
        if before is not None:
            former = None if before.former is None else {**(change.former or {}), **before.former}
            change = Change(change.kind, change.subject, former, {**before.stated, **change.stated})
        merged[key] = change
    if not merged:
        return
    rows = sorted(merged.values(), key=lambda change: (change.kind, change.subject))
    encode = msgspec.json.Encoder().encode
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {TABLE} AS c (tenant_id, id, job_id, kind, subject, former, stated)"
            " SELECT %s, r.id::uuid, %s, r.kind, r.subject::uuid, r.former::jsonb, r.stated::jsonb"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
            " AS r(id, kind, subject, former, stated)"
            " ON CONFLICT (tenant_id, job_id, kind, subject) DO UPDATE"
            " SET stated = c.stated || excluded.stated, former = coalesce(excluded.former, '{}') || c.former",
            [
                str(current_tenant_id()),
                str(job.pk),
                [str(uuid7()) for _row in rows],
                [row.kind for row in rows],
                [str(row.subject) for row in rows],
                [None if row.former is None else encode(row.former).decode() for row in rows],
                [encode(row.stated).decode() for row in rows],
            ],
        )
