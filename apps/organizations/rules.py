"""Who may do what to whom inside an organisation. Pure predicates over actors; the table itself is ``roles.py``."""

import uuid

from django.utils.translation import gettext as _

from apps.organizations import roles
from cxm.actor import Actor
from cxm.errors import DomainError, NotAllowed


def held_on(actor: Actor, unit_id: uuid.UUID | None) -> frozenset[str]:
    """Every permission the actor holds on this unit, or on the whole organisation when ``unit_id`` is None."""
    if actor.kind == "system":
        return roles.PERMISSIONS
    return frozenset().union(
        *(
            grant.permissions
            for grant in actor.grants
            if grant.units is None or (unit_id is not None and unit_id in grant.units)
        )
    )


def may_grant(actor: Actor, role: str, unit_id: uuid.UUID | None) -> bool:
    """Whether the actor may give this role on this unit (None: everywhere), or take it away.

    Nobody grants more than they have: the actor manages members there and holds all the role's permissions there.
    """
    held = held_on(actor, unit_id)
    needed = roles.permissions_of(role, on_branch=unit_id is not None)
    return bool(needed) and "members.manage" in held and needed <= held


def require_may_grant(actor: Actor, role: str, unit_id: uuid.UUID | None) -> None:
    """Raise unless :func:`may_grant`; an unknown role is a field error."""
    require_role(role)
    if not may_grant(actor, role, unit_id):
        raise NotAllowed(
            _("You cannot give or take the role “%(role)s” here: it can do more than you can.")
            % {"role": roles.ROLE_LABELS[role]}
        )


def require_role(role: object) -> None:
    """Raise a field error unless this is one of our roles."""
    if not isinstance(role, str) or role not in roles.ROLES:
        raise DomainError(
            _("There is no such role. Use one of: %(roles)s.") % {"roles": ", ".join(roles.ROLES)},
            field="role",
            code="unknown_role",
        )


def grantable_on(actor: Actor, unit_id: uuid.UUID | None) -> tuple[str, ...]:
    """The roles this actor may give on this unit, the widest first; what a form offers."""
    return tuple(role for role in roles.ROLES if may_grant(actor, role, unit_id))
