"""Keys that were proven a moment ago, for the ways in that are called thousands of times a second.

A revoked key ends within :data:`REMEMBERED` seconds in every process.
"""

from __future__ import annotations

import time
from typing import Final

from apps.organizations.models import ApiKey
from apps.organizations.services.keys import KeyHolder, authenticate_api_key

REMEMBERED: Final = 4.0
"""Seconds that a proven key is believed without asking again."""
MOST_KEPT: Final = 10_000
_kept: dict[tuple[str, str], tuple[float, KeyHolder]] = {}


def proven_key(token: str, *, kind: str = ApiKey.Kind.API) -> KeyHolder | None:
    """Whom a key speaks for; None when it is not a working key of this kind. No query for one proven lately."""
    kept = _kept.get((kind, token))
    if kept and kept[0] > time.monotonic():
        return kept[1]
    holder = authenticate_api_key(token.strip(), kind=kind) if token else None
    if holder is None:
        return None
    if len(_kept) >= MOST_KEPT:
        _kept.clear()
    _kept[kind, token] = (time.monotonic() + REMEMBERED, holder)
    return holder
