"""Secrets that the first start makes and every later one reads: the key of the installation, passwords of the roles."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

from cxm.db import roles
from cxm.embedded.errors import EmbeddedError
from cxm.embedded.paths import Home, write_closed

SUPERUSER = "postgres"


def secret_key(data_dir: Path) -> str:
    """The SECRET_KEY of this data directory, made on first use (file ``secret_key``, mode 0600).

    Two first starts at once agree: the file is linked into place, and the loser reads the winner's.
    """
    path = data_dir / "secret_key"
    if not path.exists():
        mine = path.with_name(f"secret_key.{os.getpid()}.new")
        write_closed(mine, secrets.token_urlsafe(48))
        try:
            os.link(mine, path)
        except FileExistsError:
            pass
        finally:
            mine.unlink()
    try:
        return path.read_text().strip()
    except OSError as error:
        raise EmbeddedError(
            f"The secret key in {path} cannot be read: {error.strerror}. Run this command as the user who started "
            "the platform first, or choose another CXM_DATA_DIR."
        ) from error


def role_passwords(home: Home) -> dict[str, str]:
    """The password of every database role by its name, made on first use (``credentials.json``, mode 0600)."""
    names = [SUPERUSER, roles.OWNER, roles.APP, roles.PLATFORM, roles.BACKUP]
    try:
        known: dict[str, str] = json.loads(home.credentials.read_text())
    except FileNotFoundError:
        known = {}
        if (home.cluster / "PG_VERSION").exists():
            raise EmbeddedError(
                f"{home.credentials} is missing: without it the database in {home.cluster} cannot be opened. "
                "Put it back from your copy of the directory."
            ) from None
    if missing := [name for name in names if name not in known]:
        known.update((name, secrets.token_urlsafe(24)) for name in missing)
        write_closed(home.credentials, json.dumps(known, indent=1))
    return known
