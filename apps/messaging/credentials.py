"""What a provider wants to know of us, encrypted at rest."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from apps.messaging.models import Provider
from cxm.secrets import decrypt_secret, encrypt_secret

PURPOSE: Final = "cxm provider credentials v1"


def sealed(values: Mapping[str, str]) -> str:
    """The credentials as the row holds them."""
    return encrypt_secret(PURPOSE, json.dumps(dict(values)))


def credentials_of(provider: Provider) -> dict[str, str]:
    """The credentials in the clear. Raises `SecretUnreadable` after a change of ``SECRET_KEY``."""
    return dict(json.loads(decrypt_secret(PURPOSE, provider.credentials))) if provider.credentials else {}
