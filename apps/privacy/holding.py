"""What the privacy desk itself holds of a person: their requests."""

from __future__ import annotations

from typing import Any

from apps.privacy.models import PrivacyRequest
from cxm.api.serializers import utc_text


def represent_request(row: PrivacyRequest) -> dict[str, Any]:
    """A request for the person to read."""
    return {
        "id": str(row.pk),
        "kind": row.kind,
        "state": row.state,
        "person": row.person,
        "reply_to": row.reply_to,
        "wish": row.wish,
        "notes": row.notes,
        "came_by": row.came_by,
        "received_at": utc_text(row.received_at),
        "due_at": utc_text(row.due_at),
        "closed_at": utc_text(row.closed_at) if row.closed_at else None,
        "refusal": row.refusal or None,
        "refusal_note": row.refusal_note,
    }
