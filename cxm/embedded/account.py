"""The account that the servers run under.

PostgreSQL refuses to run as root, so a start by root runs the servers as an unprivileged system account, made on first
use. A start by anybody else runs them as that person.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxm.embedded.errors import EmbeddedError

ACCOUNT_NAME = "cxm"


@dataclass(frozen=True, slots=True)
class Account:
    """A system account other than our own."""

    name: str
    uid: int
    gid: int

    def popen_options(self) -> dict[str, Any]:
        """Options for ``subprocess`` that run a child under this account and no group besides its own."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(cluster: Path) -> Account | None:
    """The account to run the servers under; None means our own.

    For root it is the owner of an existing cluster (one that a person made before stays that person's), else the
    account ``cxm``, which is made when absent. Raises EmbeddedError when there is no way to get one.
    """
    owner = _owner(cluster)
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise EmbeddedError(
                f"The database files in {cluster} belong to another user (uid {owner}). "
                "Run this command as that user or as root, or choose another CXM_DATA_DIR."
            )
        return None
    if owner:
        try:
            entry = pwd.getpwuid(owner)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
        except KeyError:
            raise EmbeddedError(
                f"The database files in {cluster} belong to uid {owner}, which has no account on this machine. "
                f"Give them to one: chown -R {ACCOUNT_NAME}: '{cluster}'"
            ) from None
    return _find(ACCOUNT_NAME) or _make(ACCOUNT_NAME) or _find("nobody") or _give_up()


def _owner(cluster: Path) -> int | None:
    try:
        return cluster.stat().st_uid
    except OSError:
        return None


def _find(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid) if entry.pw_uid else None


def _make(name: str) -> Account | None:
    """Make the system account with what the machine has: useradd, or busybox' adduser."""
    if shutil.which("useradd"):
        command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
        command += ["--shell", "/usr/sbin/nologin", name]
    elif shutil.which("adduser"):
        command = ["adduser", "-S", "-D", "-H", "-h", "/nonexistent", name]
    else:
        return None
    for _attempt in range(20):  # useradd fails while another process holds the password file's lock
        subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
        if account := _find(name):
            return account
        time.sleep(0.1)
    return None


def _give_up() -> Account:
    raise EmbeddedError(
        "PostgreSQL does not run as root, and no unprivileged account could be made here. Run as another user, "
        f"make the account yourself (useradd --system {ACCOUNT_NAME}), or set DATABASE_URL and REDIS_URL."
    )


def can_run(account: Account | None, command: list[str]) -> bool:
    """Whether the command ends well under the account. Asking the kernel settles modes, ACLs and mounts at once."""
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            cwd="/",
            check=False,
            **(account.popen_options() if account else {}),
        )
    except OSError:
        return False
    return result.returncode == 0
