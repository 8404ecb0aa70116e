"""Identifiers: UUID version 7 (RFC 9562), so that ids sort by the time they were made."""

from __future__ import annotations

import uuid

from uuid_utils.compat import uuid7 as _uuid7


def uuid7() -> uuid.UUID:
    """A new UUIDv7. Ids made one after another in one process sort in the order they were made."""
    return _uuid7()


def parse_uuid(value: object) -> uuid.UUID | None:
    """The UUID that ``value`` spells, or None: for ids that come from outside and may be anything."""
    if isinstance(value, uuid.UUID):
        return value
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        return uuid.UUID(value)
    except ValueError:
        return None
