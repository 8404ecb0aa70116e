"""An organisation, a person with a name that stands nowhere else, and folders of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client, override_settings

from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in

SYSTEM = Actor.system("test")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path) -> Iterator[Path]:
    """Data and uploads of the test's own."""
    with override_settings(DATA_DIR=tmp_path, MEDIA_ROOT=str(tmp_path / "uploads")):
        yield tmp_path


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def inside(acme: Organization) -> Iterator[Organization]:
    with tenant(acme):
        yield acme


@pytest.fixture
def admin(acme: Organization) -> Client:
    return signed_in(a_member(acme, "admin"))


def page(organization: Organization, rest: str = "") -> str:
    return f"/o/{organization.slug}/{rest}"
