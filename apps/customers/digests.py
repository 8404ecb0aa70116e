"""Keyed digests of identifiers: enough to recognise one that comes again, worth nothing to whoever reads them.

They stay of a person who was erased: on the suppression list, and in the journal that cleans a restored backup.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache
from uuid import UUID

from django.conf import settings

from cxm.scope import current_tenant_id


def digest_of(kind: str, value: str) -> str:
    """64 hex digits for an identifier ("email", "ada@example.com") of the organisation in force.

    The same as long as the installation keeps its SECRET_KEY; another organisation's is another.
    """
    message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
    return hmac.new(_key(settings.SECRET_KEY, current_tenant_id()), message, hashlib.sha256).hexdigest()


@lru_cache(maxsize=256)
def _key(secret: str, organization: UUID) -> bytes:
    return hmac.new(b"cxm.identifiers\0" + secret.encode(), organization.bytes, hashlib.sha256).digest()
