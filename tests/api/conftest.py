"""An organisation, a client with a key of all scopes, and another organisation beside it."""

import pytest
from rest_framework.test import APIClient

from apps.organizations.models import Organization
from cxm.api.throttles import throttle
from tests.factories import an_api_client, an_organization


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def other(db: None) -> Organization:
    return an_organization("Other")


@pytest.fixture
def api(acme: Organization) -> APIClient:
    client = an_api_client(acme)
    client.raise_request_exception = False
    client.handler.raise_request_exception = False
    return client


@pytest.fixture
def no_limit(settings: object) -> None:
    """For tests that send more requests in a second than a key may."""
    settings.API_RATE_LIMIT = (1_000_000, 1_000_000)
    throttle.cache_clear()
