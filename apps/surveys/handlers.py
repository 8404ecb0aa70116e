"""What this app does about its own events."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import default_storage

from apps.outbox.registry import handles
from apps.surveys.services.files import REMOVED
from cxm.scope import current_tenant_id


@handles(REMOVED, name="surveys.delete_stored_files")
def delete_stored_files(payload: dict[str, Any]) -> None:
    """Delete what is stored of files whose rows are gone. Deleting one that is not there is no error."""
    mine = f"{current_tenant_id()}/answers/"
    for path in payload["paths"]:
        if path.startswith(mine):
            default_storage.delete(path)
