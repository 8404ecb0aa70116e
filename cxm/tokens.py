"""Self-describing links: the organisation, the row and a MAC over both, the purpose and the key version.

Nothing secret is stored, so a reminder carries the same link as the first mail. A token made for one purpose, row or
organisation is worth nothing for another (reliability.md 17).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import uuid
from typing import NamedTuple

from django.conf import settings

_MAC_BYTES = 16
_TOKEN_BYTES = 1 + 16 + 16 + _MAC_BYTES


class TokenSubject(NamedTuple):
    """What a valid token speaks of."""

    organization_id: uuid.UUID
    row_id: uuid.UUID


def _mac(purpose: str, body: bytes) -> bytes:
    key = hashlib.sha256(b"cxm.tokens\0" + settings.SECRET_KEY.encode()).digest()
    return hmac.new(key, purpose.encode() + b"\0" + body, hashlib.sha256).digest()[:_MAC_BYTES]


def make_token(purpose: str, organization_id: uuid.UUID, row_id: uuid.UUID, key_version: int = 1) -> str:
    """A URL-safe token of 66 characters for this purpose and row; ``key_version`` 1..255 ends older links."""
    body = bytes([key_version]) + organization_id.bytes + row_id.bytes
    return base64.urlsafe_b64encode(body + _mac(purpose, body)).rstrip(b"=").decode()


def read_token(purpose: str, token: str, key_version: int = 1) -> TokenSubject | None:
    """What the token speaks of, or None when it was altered, cut, made for another purpose or an older key."""
    if len(token) != 66 or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        return None  # the last character has bits to spare: only the one way of writing it is ours
    body, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(raw) != _TOKEN_BYTES or not hmac.compare_digest(mac, _mac(purpose, body)) or body[0] != key_version:
        return None
    return TokenSubject(uuid.UUID(bytes=body[1:17]), uuid.UUID(bytes=body[17:33]))
