"""Organisations, people, members with a role, and clients that are signed in or carry a key."""

from itertools import count
from typing import Any

from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.accounts.services import create_user
from apps.organizations import services
from apps.organizations.models import ApiKey, ColleagueInvitation, Membership, Organization, RoleGrant, Unit
from apps.organizations.queries import actor_for
from cxm.actor import Actor
from cxm.scope import current_tenant_id, tenant
from tests.factories.registry import factory

PASSWORD = "correct horse battery"
_numbers = count(1)


def a_person(name: str = "", *, email: str = "") -> User:
    """Somebody with an account and a proven address, in no organisation."""
    number = next(_numbers)
    return create_user(
        email=email or f"{name.lower().replace(' ', '.') or 'person'}.{number}@example.com",
        password=PASSWORD,
        name=name or f"Person {number}",
        email_proven=True,
    )


def an_organization(name: str = "Acme", *, owner: User | None = None, **settings: Any) -> Organization:
    """An organisation with an owner; ``settings`` as ``create_organization`` takes them."""
    owner = owner or a_person("Olga Owner")
    actor = Actor(kind="user", id=owner.pk, name=str(owner))
    return services.create_organization(actor=actor, owner=owner, name=name, **settings)


def a_member(organization: Organization, role: str = "manager", *, unit: Unit | None = None, name: str = "") -> User:
    """A person who belongs to the organisation with one role, on the whole of it or on a branch."""
    user = a_person(name or role.title())
    with tenant(organization):
        Membership.objects.create(user=user, organization=organization)
        RoleGrant.objects.create(user=user, role=role, unit=unit)
    return user


def an_actor(organization: Organization, role: str = "owner", *, unit: Unit | None = None) -> Actor:
    """A new member with this role, as an actor for services."""
    return actor_for(a_member(organization, role, unit=unit), organization, "203.0.113.7")


def signed_in(user: User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def an_api_client(organization: Organization, scopes: list[str] | None = None) -> APIClient:
    """An API client with a key of these scopes; all of them by default."""
    with tenant(organization):
        _key, token = services.create_api_key(actor=Actor.system("test"), name=f"Key {next(_numbers)}", scopes=scopes)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@factory(Unit)
def a_unit() -> Unit:
    return services.create_unit(actor=Actor.system("test"), name=f"Unit {next(_numbers)}")


@factory(RoleGrant)
def a_role_grant() -> RoleGrant:
    user = a_member(Organization.objects.get(pk=current_tenant_id()))
    return RoleGrant.objects.get(user=user)


@factory(ColleagueInvitation)
def a_colleague_invitation() -> ColleagueInvitation:
    email = f"invited.{next(_numbers)}@example.com"
    return services.invite_colleague(actor=Actor.system("test"), email=email, role="employee")


@factory(ApiKey)
def an_api_key() -> ApiKey:
    return services.create_api_key(actor=Actor.system("test"), name=f"Key {next(_numbers)}")[0]
