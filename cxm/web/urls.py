"""Addresses of organisation pages: ``reverse`` with the organisation's slug filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

if TYPE_CHECKING:
    from apps.organizations.models import Organization


def org_url(organization: Organization, name: str, **kwargs: Any) -> str:
    """The path of a page of this organisation, for example ``org_url(organization, "surveys:detail", pk=survey.pk)``."""
    return reverse(name, kwargs={"org": organization.slug, **kwargs})
