"""The colleagues who may own a map, a step or a card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from apps.accounts.models import User
from apps.organizations.models import Membership
from cxm.errors import DomainError
from cxm.ids import parse_uuid
from cxm.scope import current_tenant_id


@dataclass(frozen=True)
class Person:
    """Somebody's name as it stands on a map."""

    id: str
    name: str
    initials: str

    def as_json(self) -> dict[str, str]:
        """For the board's script."""
        return {"name": self.name, "initials": self.initials}


def colleagues() -> list[Person]:
    """The members of the organisation in force, by name. One query."""
    rows = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True).select_related("user")
    return sorted((_person(row.user) for row in rows), key=lambda person: person.name.lower())


def named(ids: Iterable[object]) -> Mapping[str, Person]:
    """Those of `ids` who are or were members, by id. No query when there is no id, else one."""
    wanted = {found for identifier in ids if identifier and (found := parse_uuid(identifier))}
    if not wanted:
        return {}
    rows = Membership.objects.filter(organization_id=current_tenant_id(), user_id__in=wanted).select_related("user")
    return {str(row.user_id): _person(row.user) for row in rows}


def read_owner(value: object, field: str = "owner") -> UUID | None:
    """A colleague of this organisation by themselves or their id. Raises DomainError naming `field`. One query."""
    if value is None or value == "":
        return None
    identifier = value.pk if isinstance(value, User) else parse_uuid(value)
    members = Membership.objects.filter(organization_id=current_tenant_id(), is_active=True)
    if identifier is None or not members.filter(user_id=identifier).exists():
        raise DomainError(_("There is no colleague with this id."), field=field, code="not_found")
    return identifier


def owner_named(value: object, current: str | None) -> str | None:
    """The id of the owner somebody names; who owns it now may stay though they left. Raises DomainError as above."""
    if current is not None and str(getattr(value, "pk", value) or "") == current:
        return current
    found = read_owner(value)
    return str(found) if found else None


def owner_kept(value: str | None) -> UUID | None:
    """The owner a stored state names, None when they are no colleague of this organisation any more."""
    return owners_kept([value]).get(value or "") if value else None


def owners_kept(values: Iterable[str | None]) -> dict[str, UUID]:
    """Those of the stored owners who are or were members, by id. No query without any, else one."""
    return {key: UUID(key) for key in named(value for value in values if value)}


def _person(user: Any) -> Person:
    return Person(str(user.pk), str(user), user.initials)
