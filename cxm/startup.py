"""What must hold before a process of ours serves anybody."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from cxm.db import roles

PLACEHOLDER_KEY = "not-served-with-this-key"


def refuse_unsafe_start() -> None:
    """Raise ImproperlyConfigured when the key is a placeholder or the database role could see past the walls.

    A database that is down is no reason to refuse: it may come back, and the role is looked at again by `doctor`.
    """
    if settings.SECRET_KEY == PLACEHOLDER_KEY or len(settings.SECRET_KEY) < 32:
        raise ImproperlyConfigured("Set SECRET_KEY to a random text of at least 32 characters.")
    role = connection.settings_dict["USER"]
    if role and role != roles.APP:
        raise ImproperlyConfigured(f"DATABASE_URL must be that of the role {roles.APP}, not {role}.")
