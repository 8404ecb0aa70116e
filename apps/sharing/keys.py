"""The key in the address of a share link: the organisation and 256 bits of chance.

The organisation stands in it because nothing of an organisation can be read before it is known (docs/adr/0169).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from uuid import UUID

_SECRET_BYTES = 32
_KEY_LENGTH = 64


def new_key(organization_id: UUID) -> str:
    """A fresh key of 64 characters that stand in an address as they are."""
    return base64.urlsafe_b64encode(organization_id.bytes + secrets.token_bytes(_SECRET_BYTES)).decode()


def organization_of(key: str) -> UUID | None:
    """The organisation a key names; None when it is no key. Nothing is proven by it."""
    if len(key) != _KEY_LENGTH or not key.isascii():
        return None
    try:
        raw = base64.b64decode(key, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return UUID(bytes=raw[:16])


def hash_of(key: str) -> str:
    """What is stored of a key. A plain hash is enough: 256 bits of chance cannot be guessed from it."""
    return hashlib.sha256(key.encode()).hexdigest()
