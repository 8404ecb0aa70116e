"""Secrets at rest: what must be readable again, but not by whoever sees the database or a backup of it.

The key comes from ``SECRET_KEY``, one for each purpose, so that a text encrypted for one is worth nothing for another;
former keys in ``SECRET_KEY_FALLBACKS`` still read.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SecretUnreadable(Exception):
    """``SECRET_KEY`` was changed and the former one is not in ``SECRET_KEY_FALLBACKS``."""


def encrypt_secret(purpose: str, text: str) -> str:
    """`text` as it may be stored."""
    return _cipher(purpose).encrypt(text.encode()).decode()


def decrypt_secret(purpose: str, stored: str) -> str:
    """The text again. Raises `SecretUnreadable`."""
    try:
        return _cipher(purpose).decrypt(stored.encode()).decode()
    except InvalidToken:
        raise SecretUnreadable(purpose) from None


def _cipher(purpose: str) -> MultiFernet:
    """Encrypts with the key in force, decrypts with the former ones too."""
    return MultiFernet(
        [_fernet(purpose, str(secret)) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)]
    )


@lru_cache(maxsize=64)
def _fernet(purpose: str, secret: str) -> Fernet:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=purpose.encode()).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(key))
