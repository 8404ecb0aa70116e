"""Who does something: a signed-in person, an API key, a respondent, a guest, or the system itself.

Services take an actor first and ask it before they write. What an actor may do was decided when it was made, from
the one role matrix (``apps.organizations.roles``): it is a value, it reads nothing.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Literal

from cxm.errors import NotAllowed

Kind = Literal["user", "key", "respondent", "guest", "system"]


@dataclass(frozen=True, slots=True)
class Grant:
    """Permissions held on the whole organisation (``units`` None) or on a branch (its units, descendants included)."""

    permissions: frozenset[str]
    units: frozenset[uuid.UUID] | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody acting in the organisation in force. ``name`` is what the audit log shows.

    ``things`` are single things a guest may do something with, as (permission, id); a guest has no other right.
    """

    kind: Kind
    id: uuid.UUID | None = None
    name: str = ""
    ip: str | None = None
    grants: tuple[Grant, ...] = field(default=())
    things: frozenset[tuple[str, uuid.UUID]] = frozenset()

    @classmethod
    def system(cls, why: str) -> Actor:
        """The platform itself, doing ``why``; it may do everything."""
        return cls(kind="system", name=why)

    @classmethod
    def respondent(cls, ip: str | None = None) -> Actor:
        """A person answering a survey, known by the link alone; holds no permission."""
        return cls(kind="respondent", ip=ip)

    @classmethod
    def guest(
        cls, id: uuid.UUID, name: str, ip: str | None = None, *, things: frozenset[tuple[str, uuid.UUID]] = frozenset()
    ) -> Actor:
        """Somebody without an account, let in for a while to work on single ``things``; holds no permission."""
        return cls(kind="guest", id=id, name=name, ip=ip, things=things)

    @property
    def user_id(self) -> uuid.UUID | None:
        """The signed-in person's id, or None for keys, respondents, guests and the system."""
        return self.id if self.kind == "user" else None

    @property
    def permissions(self) -> frozenset[str]:
        """Everything this actor may do somewhere in the organisation (empty for the system, which may do all)."""
        return frozenset().union(*(grant.permissions for grant in self.grants))

    def can(self, permission: str, unit_id: uuid.UUID | None = None) -> bool:
        """Whether the actor may do this, on this unit's things when a unit is given, else anywhere at all."""
        if self.kind == "system":
            return True
        return any(
            permission in grant.permissions and (grant.units is None or unit_id is None or unit_id in grant.units)
            for grant in self.grants
        )

    def can_with(self, permission: str, thing_id: uuid.UUID) -> bool:
        """Whether the actor may do this with one thing: everywhere, or as a guest who was let in to it."""
        return self.can(permission) or (permission, thing_id) in self.things

    def require(self, permission: str, unit_id: uuid.UUID | None = None) -> None:
        """Raise :class:`cxm.errors.NotAllowed` unless :meth:`can`."""
        if not self.can(permission, unit_id):
            raise NotAllowed(f"Your role does not include “{permission}”. Ask an owner or admin of your organisation.")

    def can_everywhere(self, permission: str) -> bool:
        """Whether the actor may do this on the whole organisation, not only on a branch of it."""
        return self.kind == "system" or any(g.units is None and permission in g.permissions for g in self.grants)

    def require_everywhere(self, permission: str) -> None:
        """Raise :class:`cxm.errors.NotAllowed` unless :meth:`can_everywhere`: for settings, keys, the audit log."""
        if not self.can_everywhere(permission):
            raise NotAllowed(f"This needs “{permission}” on the whole organisation. Ask an owner or admin.")

    def visible_units(self, permission: str) -> frozenset[uuid.UUID] | None:
        """The units whose things the actor may see under this permission; None means all, and things of no unit."""
        if self.kind == "system":
            return None
        branches: set[uuid.UUID] = set()
        for grant in self.grants:
            if permission in grant.permissions:
                if grant.units is None:
                    return None
                branches |= grant.units
        return frozenset(branches)
