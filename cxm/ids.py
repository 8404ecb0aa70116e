"""Identifiers: UUID version 7 (RFC 9562), so that ids sort by the time they were made."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime, timedelta

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


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ORDER = 2**26 - 1


def milliseconds(when: datetime) -> int:
    """Whole milliseconds since 1970, exactly (a float of seconds is not)."""
    return (when - _EPOCH) // timedelta(milliseconds=1)


def timed_uuid7(when: datetime, order: int = 0) -> uuid.UUID:
    """A UUIDv7 of a given time: ids sort by ``when`` (to the millisecond), then by ``order`` (0..2**26-1).

    For rows that are filed under the time at which the thing happened; ``order`` keeps the order of a file or a batch
    among equal times. 48 bits of chance keep ids of equal time and order apart. Raises ValueError before 1970.
    """
    return uuid.UUID(int=timed_number(when, order))


def timed_number(when: datetime, order: int = 0) -> int:
    """The number of a :func:`timed_uuid7`, for whoever makes thousands of them."""
    time = milliseconds(when)
    if not 0 <= time < 1 << 48:
        raise ValueError("the time must not lie before 1970")
    order = min(order, MAX_ORDER)
    high = (time << 16) | (0x7 << 12) | (order >> 14)
    low = (0b10 << 62) | ((order & 0x3FFF) << 48) | secrets.randbits(48)
    return (high << 64) | low


def first_id(when: datetime) -> uuid.UUID:
    """The bound below every UUIDv7 of ``when`` or later, and above every earlier one (to the millisecond)."""
    return uuid.UUID(int=milliseconds(when) << 80)
