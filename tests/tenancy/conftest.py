from __future__ import annotations

import pytest

from apps.organizations.models import Organization


@pytest.fixture
def alpha(db: None) -> Organization:
    """One organisation ..."""
    return Organization.objects.create(slug="alpha", name="Alpha")


@pytest.fixture
def beta(db: None) -> Organization:
    """... and another."""
    return Organization.objects.create(slug="beta", name="Beta")
