"""An organisation, accounts at providers, and a stand-in for the providers' interfaces on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client, override_settings

from apps.messaging.backends import BACKENDS
from apps.messaging.models import Provider
from apps.messaging.services import activate_provider, add_provider
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in

from .provider_double import ProviderDouble
from .signing import CREDENTIALS

SYSTEM = Actor.system("test")


@pytest.fixture
def organization(db: None) -> Organization:
    return an_organization("Nordwind")


@pytest.fixture
def inside(organization: Organization) -> Iterator[None]:
    with tenant(organization):
        yield


@pytest.fixture
def admin(organization: Organization) -> Client:
    return signed_in(a_member(organization, "admin"))


@pytest.fixture
def add(inside: None) -> Callable[..., Provider]:
    """Adds an account at a provider, switched on unless told otherwise."""

    def added(backend: str, *, on: bool = True, **credentials: Any) -> Provider:
        kind = BACKENDS[backend].kind
        provider = add_provider(
            actor=SYSTEM,
            backend=backend,
            name=f"Our {backend}",
            sender="survey@nordwind.example" if kind == "email" else "+4930123456",
            credentials=CREDENTIALS[backend] | credentials,
        )
        return activate_provider(actor=SYSTEM, provider=provider) if on else provider

    return added


@pytest.fixture
def double() -> Iterator[ProviderDouble]:
    """Stands in for every provider while the test runs."""
    with ProviderDouble() as server, override_settings(CXM_PROVIDER_URLS=dict.fromkeys(BACKENDS, server.url)):
        yield server
