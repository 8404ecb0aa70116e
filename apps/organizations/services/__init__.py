"""Every write of this app, by topic: the organisation, its members, its tree and its keys."""

from apps.organizations.services.background import redrive_work
from apps.organizations.services.keys import authenticate_api_key, create_api_key, revoke_api_key, rotate_api_key
from apps.organizations.services.members import (
    accept_invitation,
    change_role,
    deactivate_member,
    grant_role,
    import_colleagues,
    invite_colleague,
    leave_organization,
    resend_invitation,
    revoke_invitation,
    revoke_role,
)
from apps.organizations.services.organizations import (
    create_organization,
    delete_organization,
    remove_logo,
    set_logo,
    update_settings,
)
from apps.organizations.services.units import create_unit, delete_unit, import_units, update_unit

__all__ = [
    "accept_invitation",
    "authenticate_api_key",
    "change_role",
    "create_api_key",
    "create_organization",
    "create_unit",
    "deactivate_member",
    "delete_organization",
    "delete_unit",
    "grant_role",
    "import_colleagues",
    "import_units",
    "invite_colleague",
    "leave_organization",
    "redrive_work",
    "remove_logo",
    "resend_invitation",
    "revoke_api_key",
    "revoke_invitation",
    "revoke_role",
    "rotate_api_key",
    "set_logo",
    "update_settings",
    "update_unit",
]
