"""Marks on answers: what upper apps noticed about one. A mark changes neither the answer nor any score."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from cxm.scope import current_tenant_id

_ADD = """
    UPDATE surveys_response SET flags = flags || jsonb_build_array(%(code)s::text)
     WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[]) AND NOT flags ? %(code)s
"""
_REMOVE = """
    UPDATE surveys_response SET flags = flags - %(code)s
     WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s::uuid[]) AND flags ? %(code)s
"""


def add_flags(response_ids: Collection[UUID], code: str) -> int:
    """Mark these answers with a code; how many did not have it yet. One statement.

    Tells nobody: no score, no list of answers and no invitation depends on a mark, so that whoever marks what it hears
    of does not hear of it again. The answer's own time of change stays, which tells of the respondent.
    """
    return _write(_ADD, response_ids, code)


def remove_flags(response_ids: Collection[UUID], code: str) -> int:
    """Take a mark away; how many had it. One statement."""
    return _write(_REMOVE, response_ids, code)


@transaction.atomic
def _write(statement: str, response_ids: Collection[UUID], code: str) -> int:
    if not response_ids:
        return 0
    values: dict[str, Any] = {"tenant": str(current_tenant_id()), "ids": [str(pk) for pk in response_ids], "code": code}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.rowcount
