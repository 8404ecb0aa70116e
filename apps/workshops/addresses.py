"""Where guests come in."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from apps.workshops import rules
from apps.workshops.models import Workshop


def code_for(workshop: Workshop) -> str:
    """The present code, as people say and type it."""
    return rules.in_groups(rules.code_of(workshop.pk, workshop.code_version))


def address_of(workshop: Workshop) -> str:
    """The guests' address, absolute."""
    return f"{settings.BASE_URL}{reverse('workshop', args=[code_for(workshop)])}"
