"""The role matrix: who may do what. One table; pages, buttons, API keys and tests all read it.

A permission is ``noun.verb``. A role is granted to a person on the whole organisation or on one branch of its
tree; an API key carries permissions directly and calls them scopes. There is no other source of authority.

To add a permission: add one line to ``MATRIX``. The matrix test then asks every page and API operation that names it
for every role.
"""

from collections.abc import Iterable
from typing import Final

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

OWNER: Final = "owner"
ADMIN: Final = "admin"
MANAGER: Final = "manager"
ANALYST: Final = "analyst"
EMPLOYEE: Final = "employee"
AGENT: Final = "agent"

#: Every role, the widest first. The order is the order of columns below and on the roles page.
ROLES: Final[tuple[str, ...]] = (OWNER, ADMIN, MANAGER, ANALYST, EMPLOYEE, AGENT)

ROLE_LABELS: Final = {
    OWNER: pgettext_lazy("role", "Owner"),
    ADMIN: pgettext_lazy("role", "Admin"),
    MANAGER: pgettext_lazy("role", "CX manager"),
    ANALYST: pgettext_lazy("role", "Analyst"),
    EMPLOYEE: pgettext_lazy("role", "Employee"),
    AGENT: pgettext_lazy("role", "Agent"),
}

ROLE_DESCRIPTIONS: Final = {
    OWNER: _("Everything, including other owners and deleting the organisation. At least one owner always stays."),
    ADMIN: _("Settings, members, units, keys and the audit log, and all of the daily work."),
    MANAGER: _("Builds personas, journey maps, touchpoints and surveys, sends surveys, imports data."),
    ANALYST: _("Reads everything that is measured and exports it; changes nothing."),
    EMPLOYEE: _("Reads maps and personas, submits and votes on ideas. Sees no customer data."),
    AGENT: _("Looks after customers: reads feedback and edits customer profiles."),
}

_YES, _NO = True, False

#: permission -> allowed for (owner, admin, manager, analyst, employee, agent)
MATRIX: Final[dict[str, tuple[bool, bool, bool, bool, bool, bool]]] = {
    #                         owner admin manager analyst employee agent
    "organization.view":     (_YES, _YES, _YES, _YES, _YES, _YES),
    "organization.settings": (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "organization.delete":   (_YES, _NO,  _NO,  _NO,  _NO,  _NO),
    "members.view":          (_YES, _YES, _YES, _YES, _NO,  _NO),
    "members.manage":        (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "units.view":            (_YES, _YES, _YES, _YES, _YES, _YES),
    "units.manage":          (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "keys.manage":           (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "audit.view":            (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "customers.view":        (_YES, _YES, _YES, _YES, _NO,  _YES),
    "customers.edit":        (_YES, _YES, _YES, _NO,  _NO,  _YES),
    "customers.export":      (_YES, _YES, _YES, _YES, _NO,  _NO),
    "interactions.view":     (_YES, _YES, _YES, _YES, _NO,  _YES),
    "interactions.create":   (_YES, _YES, _YES, _NO,  _NO,  _YES),
    "activities.edit":       (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "segments.view":         (_YES, _YES, _YES, _YES, _NO,  _NO),
    "segments.edit":         (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "privacy.manage":        (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "personas.view":         (_YES, _YES, _YES, _YES, _YES, _YES),
    "personas.edit":         (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "personas.publish":      (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "touchpoints.view":      (_YES, _YES, _YES, _YES, _YES, _YES),
    "touchpoints.edit":      (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "journeys.view":         (_YES, _YES, _YES, _YES, _YES, _YES),
    "journeys.edit":         (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "journeys.publish":      (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "maps.share":            (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "comments.write":        (_YES, _YES, _YES, _YES, _YES, _YES),
    "comments.moderate":     (_YES, _YES, _NO,  _NO,  _NO,  _NO),
    "insights.view":         (_YES, _YES, _YES, _YES, _NO,  _NO),
    "insights.edit":         (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "opportunities.view":    (_YES, _YES, _YES, _YES, _YES, _YES),
    "opportunities.edit":    (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "paths.view":            (_YES, _YES, _YES, _YES, _NO,  _NO),
    "workshops.host":        (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "surveys.view":          (_YES, _YES, _YES, _YES, _NO,  _NO),
    "surveys.edit":          (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "surveys.publish":       (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "surveys.send":          (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "feedback.view":         (_YES, _YES, _YES, _YES, _NO,  _YES),
    "feedback.unmasked":     (_YES, _YES, _YES, _NO,  _NO,  _YES),
    "feedback.create":       (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "metrics.view":          (_YES, _YES, _YES, _YES, _NO,  _YES),
    "ideas.view":            (_YES, _YES, _YES, _YES, _YES, _YES),
    "ideas.submit":          (_YES, _YES, _YES, _YES, _YES, _YES),
    "ideas.vote":            (_YES, _YES, _YES, _YES, _YES, _YES),
    "ideas.comment":         (_YES, _YES, _YES, _YES, _YES, _YES),
    "ideas.moderate":        (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "imports.run":           (_YES, _YES, _YES, _NO,  _NO,  _NO),
    "exports.run":           (_YES, _YES, _YES, _YES, _NO,  _NO),
}  # fmt: skip

#: Every permission there is.
PERMISSIONS: Final = frozenset(MATRIX)

#: These are about the organisation as a whole: a role on a branch does not include them.
WHOLE_ONLY: Final = frozenset(
    {"organization.settings", "organization.delete", "keys.manage", "audit.view", "privacy.manage"}
)

#: Nobody can hold these through a key: they end or hand over the organisation, so a signed-in person does them.
PERSON_ONLY: Final = frozenset({"organization.delete"})

#: What an API key may carry. A key "with all scopes" carries all of these.
SCOPES: Final[tuple[str, ...]] = tuple(permission for permission in MATRIX if permission not in PERSON_ONLY)

#: What a public write key stands for. It is not an API key: it only creates events and responses.
WRITE_KEY_SCOPES: Final = frozenset({"feedback.create", "interactions.create"})

_OF_ROLE: Final = {
    role: frozenset(permission for permission, allowed in MATRIX.items() if allowed[column])
    for column, role in enumerate(ROLES)
}


def permissions_of(role: str, *, on_branch: bool = False) -> frozenset[str]:
    """The permissions of one role, given on the whole organisation or on a branch; an unknown role has none."""
    held = _OF_ROLE.get(role, frozenset())
    return held - WHOLE_ONLY if on_branch else held


def roles_with(permission: str) -> tuple[str, ...]:
    """The roles that hold ``permission``, the widest first."""
    return tuple(role for role in ROLES if permission in _OF_ROLE[role])


def grantable_roles(held: Iterable[str]) -> tuple[str, ...]:
    """The roles a person holding the roles ``held`` may give to somebody, the widest first.

    Nobody grants more than they have: a role can be given only by someone who may manage members and whose own
    permissions include every permission of that role.
    """
    own = frozenset().union(*(permissions_of(role) for role in held))
    if "members.manage" not in own:
        return ()
    return tuple(role for role in ROLES if _OF_ROLE[role] <= own)


def grantable_scopes(held: frozenset[str]) -> tuple[str, ...]:
    """The scopes a holder of the permissions ``held`` may put on an API key: those the holder has, in table order."""
    return tuple(scope for scope in SCOPES if scope in held)
