"""The text form of an API key: `cxm_<kind>_<org>_<id>_<secret>_<crc>`.

The key names its organisation and its own row, because nothing of an organisation can be read before the organisation
is known. The checksum lets a mistyped or cut-off key be refused without asking the database, and lets secret scanners
tell our keys from noise. Pure functions, no database: the look-up is in apps.organizations.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Literal, get_args
from uuid import UUID

KeyKind = Literal["api", "write"]
KINDS: frozenset[str] = frozenset(get_args(KeyKind))

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGIT = {character: value for value, character in enumerate(ALPHABET)}
UUID_DIGITS = 22
"""62**22 > 2**128: every UUID fits, padded with zeros."""
SECRET_DIGITS = 32
"""190 bits of chance."""
CHECKSUM_DIGITS = 6
"""62**6 > 2**32: every CRC-32 fits."""

TOKEN = re.compile(
    rf"(?P<body>cxm_(?P<kind>api|write)_(?P<organization>[0-9A-Za-z]{{{UUID_DIGITS}}})_(?P<key>[0-9A-Za-z]{{{UUID_DIGITS}}})"
    rf"_(?P<secret>[0-9A-Za-z]{{{SECRET_DIGITS}}}))_(?P<checksum>[0-9A-Za-z]{{{CHECKSUM_DIGITS}}})"
)


@dataclass(frozen=True, slots=True)
class KeyToken:
    """What a well-formed key says of itself; nothing here is proven until the secret was compared."""

    kind: KeyKind
    organization_id: UUID
    key_id: UUID
    secret: str = field(repr=False)


def new_secret() -> str:
    """A fresh secret of 32 base-62 characters (190 bits)."""
    return "".join(secrets.choice(ALPHABET) for _ in range(SECRET_DIGITS))


def format_key(kind: KeyKind, organization_id: UUID, key_id: UUID, secret: str) -> str:
    """The text shown once to whoever makes the key. Raises ValueError for an unknown kind or a malformed secret."""
    body = f"cxm_{kind}_{to_base62(organization_id.int, UUID_DIGITS)}_{to_base62(key_id.int, UUID_DIGITS)}_{secret}"
    token = f"{body}_{checksum(body)}"
    if TOKEN.fullmatch(token) is None:
        raise ValueError("a key needs the kind api or write and a secret made by new_secret()")
    return token


def parse_key(token: str) -> KeyToken | None:
    """Read a key; None when it is not one of ours or was altered. Costs microseconds and no query."""
    match = TOKEN.fullmatch(token)
    if match is None or not hmac.compare_digest(checksum(match["body"]), match["checksum"]):
        return None
    organization, key = from_base62(match["organization"]), from_base62(match["key"])
    if organization >= 1 << 128 or key >= 1 << 128:
        return None
    kind: KeyKind = "api" if match["kind"] == "api" else "write"
    return KeyToken(kind, UUID(int=organization), UUID(int=key), match["secret"])


def secret_hash(secret: str) -> str:
    """SHA-256 as hex: what is stored. A plain hash is enough, as the secret is 190 bits of chance and no password."""
    return hashlib.sha256(secret.encode()).hexdigest()


def secret_matches(secret: str, stored_hash: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(secret_hash(secret), stored_hash)


def checksum(body: str) -> str:
    """CRC-32 of everything before the last underscore, base 62, six digits."""
    return to_base62(zlib.crc32(body.encode()), CHECKSUM_DIGITS)


def to_base62(number: int, digits: int) -> str:
    """`number` in base 62, padded with zeros to `digits`."""
    text = ""
    while number:
        number, remainder = divmod(number, 62)
        text = ALPHABET[remainder] + text
    return text.rjust(digits, ALPHABET[0])


def from_base62(text: str) -> int:
    """The number that `text` (digits of ALPHABET only) stands for."""
    number = 0
    for character in text:
        number = number * 62 + DIGIT[character]
    return number
