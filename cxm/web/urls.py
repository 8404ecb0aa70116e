"""Addresses of organisation pages: ``reverse`` with the organisation's slug filled in."""

from __future__ import annotations

from typing import Any, Protocol

from django.urls import reverse


class HasSlug(Protocol):
    """An organisation, as far as addresses are concerned."""

    @property
    def slug(self) -> str: ...


def org_url(organization: HasSlug, name: str, **kwargs: Any) -> str:
    """The path of a page of this organisation: ``org_url(organization, "surveys:detail", pk=survey.pk)``."""
    return reverse(name, kwargs={"org": organization.slug, **kwargs})
