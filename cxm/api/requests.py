"""What an API request carries after ``apps.api.middleware``, for type checkers and readers."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request

from cxm.actor import Actor


class ApiRequest(Request):
    """A request with a proven key: ``organization`` is an ``apps.organizations.models.Organization``."""

    actor: Actor
    organization: Any
