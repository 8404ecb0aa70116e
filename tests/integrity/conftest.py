"""Two organisations, one of them in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import an_organization


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    """The organisation in force."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def other(db: None) -> Organization:
    """Another organisation, whose rows must not show."""
    return an_organization("Other")
