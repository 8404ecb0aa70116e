"""An organisation in force, with people in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_organization, signed_in


@pytest.fixture
def organization(db: None) -> Iterator[Organization]:
    organization = an_organization("Nordwind")
    with tenant(organization):
        yield organization


@pytest.fixture
def actor_as(organization: Organization) -> Callable[[str], Actor]:
    return lambda role: an_actor(organization, role)


@pytest.fixture
def browser_as(organization: Organization) -> Callable[[str], Client]:
    return lambda role: signed_in(a_member(organization, role))
