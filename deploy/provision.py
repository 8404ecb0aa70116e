"""Prepare the server for the URLs of the environment: ``manage.py provision``, with passwords chosen beforehand."""

from __future__ import annotations

import os
from urllib.parse import unquote, urlsplit

from cxm.db import roles
from cxm.db.provision import provision

VARIABLES = {
    roles.APP: "DATABASE_URL",
    roles.OWNER: "DATABASE_OWNER_URL",
    roles.PLATFORM: "DATABASE_PLATFORM_URL",
    roles.BACKUP: "DATABASE_BACKUP_URL",
}


def main() -> None:
    """Reads SUPERUSER_URL and the four database URLs. Can be repeated."""
    addresses = {role: urlsplit(os.environ[variable]) for role, variable in VARIABLES.items()}
    passwords = {role: unquote(address.password or "") for role, address in addresses.items()}
    database = unquote(addresses[roles.APP].path.strip("/"))
    provision(os.environ["SUPERUSER_URL"], database=database, passwords=passwords)


if __name__ == "__main__":
    main()
