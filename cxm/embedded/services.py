"""Use the embedded services: start them, or share those that another process started.

Three lock files in the data directory carry the whole protocol; the kernel frees a lock when its holder dies, so
nothing here can go stale:

* ``users.lock``: every user holds it shared. The keeper ends when it can take it alone.
* ``keeper.lock``: the keeper holds it while it runs.
* ``start.lock``: held for the moment of starting or leaving, so that these never cross.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cxm.db import roles
from cxm.embedded.credentials import SUPERUSER
from cxm.embedded.errors import EmbeddedError
from cxm.embedded.paths import PROJECT, Home, make_data_dir

START_LOCK = "start.lock"
USERS_LOCK = "users.lock"
KEEPER_LOCK = "keeper.lock"
STOP_SECONDS = 90.0

_children: set[int] = set()  # keepers that this process started, to be reaped when they end


@dataclass(frozen=True, slots=True)
class ServiceUrls:
    """How to reach the embedded services; an empty text means "not run by us".

    Databases are ``postgresql://role:password@/cxm?host=/path/of/socket/directory`` (percent-encoded), the broker is
    ``unix:///path/valkey.sock?db=0``. The addresses stay the same from start to start.
    """

    database_url: str = field(repr=False, default="")
    database_owner_url: str = field(repr=False, default="")
    database_platform_url: str = field(repr=False, default="")
    database_backup_url: str = field(repr=False, default="")
    database_superuser_url: str = field(repr=False, default="")
    redis_url: str = ""

    def as_dictionary(self) -> dict[str, str]:
        """For the connection file."""
        return asdict(self)

    def as_environment(self, needs: Collection[str] = ("postgres", "valkey")) -> dict[str, str]:
        """The variables that the settings read. Those of the backup's role and the superuser are never handed on."""
        variables = {}
        if "postgres" in needs:
            variables["DATABASE_URL"] = self.database_url
            variables["DATABASE_OWNER_URL"] = self.database_owner_url
            variables["DATABASE_PLATFORM_URL"] = self.database_platform_url
        if "valkey" in needs:
            variables["REDIS_URL"] = self.redis_url
        return variables


def service_urls(home: Home, passwords: dict[str, str], needs: Collection[str]) -> ServiceUrls:
    """The addresses of the services that a keeper with these needs runs."""
    from cxm.embedded import postgres, valkey

    databases = {
        "database_url": roles.APP,
        "database_owner_url": roles.OWNER,
        "database_platform_url": roles.PLATFORM,
        "database_backup_url": roles.BACKUP,
        "database_superuser_url": SUPERUSER,
    }
    urls = {name: postgres.url(home, role, passwords[role]) for name, role in databases.items()}
    return ServiceUrls(
        **(urls if "postgres" in needs else {}),
        redis_url=valkey.url(home) if "valkey" in needs else "",
    )


def connection_file(data_dir: Path) -> Path:
    """Where the running keeper says how to reach its services (mode 0600)."""
    return data_dir / "services.json"


def open_lock(data_dir: Path, name: str) -> int:
    """Open a lock file; closing the descriptor frees the lock. Not inherited by programs we start."""
    try:
        return os.open(data_dir / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EmbeddedError(
            f"{data_dir / name} cannot be opened: {error.strerror}. The data directory belongs to the user who started "
            "it first: run this command as that user, or choose another CXM_DATA_DIR."
        ) from error


@contextmanager
def ensure_services(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> Iterator[ServiceUrls]:
    """Have the embedded services of this data directory run for the time of the block.

    Any number of processes may do so at once: the first starts them (about 3 s on an empty directory, half a second
    later on), the others share them, and the last to leave, or to be killed, ends them. Raises EmbeddedError with what
    to do when they cannot run.
    """
    data_dir = data_dir.expanduser().resolve()
    make_data_dir(data_dir)
    needs = {name for name, needed in (("postgres", postgres), ("valkey", valkey)) if needed}
    with _locked(data_dir, START_LOCK):
        users = open_lock(data_dir, USERS_LOCK)
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            if not _keeper_runs(data_dir):
                _start_keeper(data_dir, needs)
            urls = _read_urls(data_dir, needs)
        except BaseException:
            os.close(users)
            raise
    try:
        yield urls
    finally:
        _leave(data_dir, users)


@contextmanager
def _locked(data_dir: Path, name: str) -> Iterator[None]:
    descriptor = open_lock(data_dir, name)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


def _keeper_runs(data_dir: Path) -> bool:
    descriptor = open_lock(data_dir, KEEPER_LOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _start_keeper(data_dir: Path, needs: set[str]) -> None:
    """Start the keeper and wait until it says "ready"."""
    connection_file(data_dir).unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE_", "PG"))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    reading, writing = os.pipe()  # neither is inherited, but for what the spawn duplicates
    nowhere = os.open(os.devnull, os.O_RDWR)
    try:
        # No Popen object: the keeper may outlive us, and is not to be waited for then.
        keeper = os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", "cxm.embedded.keeper", str(data_dir), *sorted(needs)],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nowhere, 0),
                (os.POSIX_SPAWN_DUP2, writing, 1),
                (os.POSIX_SPAWN_DUP2, nowhere, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(writing)
        os.close(nowhere)
    with os.fdopen(reading) as answer:
        said = answer.readline().strip()
    if said != "ready":
        os.waitpid(keeper, 0)
        raise EmbeddedError(said or f"The embedded services did not start: see {data_dir / 'log' / 'services.log'}.")
    _children.add(keeper)


def _read_urls(data_dir: Path, needs: set[str]) -> ServiceUrls:
    try:
        urls = ServiceUrls(**json.loads(connection_file(data_dir).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise EmbeddedError(f"{connection_file(data_dir)} cannot be read: {error}.") from error
    missing = [
        name for name, url in (("postgres", urls.database_url), ("valkey", urls.redis_url)) if name in needs and not url
    ]
    if missing:
        raise EmbeddedError(
            f"The services of {data_dir} were started without {' and '.join(missing)}, because DATABASE_URL or "
            "REDIS_URL was set then. Set the same variables for this command, or stop the running one first."
        )
    return urls


def revive_services(data_dir: Path, needs: set[str]) -> bool:
    """Start the keeper again if it was killed while we use its services. Returns whether that was necessary."""
    if _keeper_runs(data_dir):
        return False
    with _locked(data_dir, START_LOCK):
        if _keeper_runs(data_dir):
            return False
        _reap_keepers()
        _start_keeper(data_dir, needs)
    return True


def _leave(data_dir: Path, users: int) -> None:
    """Stop using the services. The last one out ends the keeper, and waits until the servers are down."""
    try:
        with _locked(data_dir, START_LOCK):
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return  # others stay
            _end_keeper(data_dir)
    finally:
        os.close(users)


def _end_keeper(data_dir: Path) -> None:
    give_up = time.monotonic() + STOP_SECONDS
    asked = False
    while _keeper_runs(data_dir) and time.monotonic() < give_up:
        if not asked:
            with suppress(ValueError, ProcessLookupError):
                os.kill(int((data_dir / KEEPER_LOCK).read_text()), signal.SIGTERM)
                asked = True
        time.sleep(0.02)
    _reap_keepers()


def _reap_keepers() -> None:
    for keeper in list(_children):
        try:
            has_ended = os.waitpid(keeper, os.WNOHANG)[0] != 0
        except ChildProcessError:
            has_ended = True
        if has_ended:
            _children.discard(keeper)
