"""Entity tags: a strong ETag on every representation, 304 for If-None-Match, 412 for If-Match.

The tag is a digest of the representation itself. It changes exactly when what the client sees changes, whichever table
the change was made in, and it needs no version column that somebody could forget to raise.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.utils.http import parse_etags
from django.utils.translation import gettext as _

from cxm.errors import PreconditionFailed


def etag_of(rendered: bytes) -> str:
    """The strong entity tag of a rendered representation, quotes included."""
    return f'"{hashlib.sha256(rendered).hexdigest()[:32]}"'


def is_fresh(if_none_match: str, etag: str) -> bool:
    """Whether the client already has this representation (weak comparison, RFC 9110 13.1.2)."""
    named = parse_etags(if_none_match)
    return named == ["*"] or etag in (tag.removeprefix("W/") for tag in named)


def require_match(request: Any, etag: str) -> None:
    """Raise PreconditionFailed (412) when If-Match is given and does not name `etag`. Call it with the row locked."""
    if_match = request.headers.get("If-Match")
    if not if_match:
        return
    named = parse_etags(if_match)
    if named != ["*"] and etag not in named:
        message = _("Somebody changed this since you read it. Read it again, then repeat your change.")
        raise PreconditionFailed(message, code="changed")
