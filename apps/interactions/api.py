"""What this app has under `/api/v1/`."""

from __future__ import annotations

from apps.interactions import event_api, touch_api
from cxm.api.routers import ApiRouter


def register(router: ApiRouter) -> None:
    """Add this app's resources to `/api/v1/`."""
    event_api.register(router)
    touch_api.register(router)
