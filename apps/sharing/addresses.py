"""Where share links lead."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse


def address_of(key: str) -> str:
    """The absolute address of a share link."""
    return f"{settings.BASE_URL}{reverse('share', args=[key])}"
