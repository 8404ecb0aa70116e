"""The keeper: the process that owns the embedded servers of one data directory.

``python -m cxm.embedded.keeper DATA_DIR`` is started by :func:`cxm.embedded.services.ensure_services`, in a session of
its own. It starts PostgreSQL and Valkey as its children, writes down how to reach them, restarts what dies, and stops
them (Valkey, then PostgreSQL) when nobody uses them any more, whether the last user left in order or was killed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from cxm.embedded import postgres, valkey
from cxm.embedded.credentials import role_passwords
from cxm.embedded.errors import EmbeddedError
from cxm.embedded.paths import find_home, write_closed
from cxm.embedded.processes import Program, Supervisor
from cxm.embedded.services import KEEPER_LOCK, START_LOCK, USERS_LOCK, connection_file, open_lock, service_urls

READY_SECONDS = 120.0  # recovery after a crash replays the log before connections are taken
LARGEST_LOG = 10 * 1024 * 1024


def main(data_dir: Path, needs: set[str]) -> int:
    """Keep the named servers until nobody uses them. Prints "ready", or why not, as one line to stdout."""
    keeper_lock = open_lock(data_dir, KEEPER_LOCK)
    fcntl.flock(keeper_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.truncate(keeper_lock, 0)
    os.write(keeper_lock, str(os.getpid()).encode())
    with _log(data_dir) as log:

        def say(text: str) -> None:
            print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}", file=log, flush=True)

        with Supervisor([], say) as supervisor:
            try:
                _start(supervisor, data_dir, needs, log)
            except (EmbeddedError, OSError) as error:
                say(f"cannot start: {error}")
                _answer(f"{error}".replace("\n", " "))
                return 1
            _answer("ready")
            say("ready")
            supervisor.run(until=lambda: _nobody_left(data_dir))
            say("stopping")
            connection_file(data_dir).unlink(missing_ok=True)
    return 0


def _start(supervisor: Supervisor, data_dir: Path, needs: set[str], log: IO[Any]) -> None:
    home = find_home(data_dir)
    passwords = role_passwords(home)
    urls = service_urls(home, passwords, needs)
    if "postgres" in needs:
        program = postgres.program(home, passwords, log)
        _start_one(supervisor, program, lambda: postgres.is_ready(home, passwords), log)
        postgres.make_roles_and_database(home, passwords)
    if "valkey" in needs:
        _start_one(supervisor, valkey.program(home, log), lambda: valkey.is_ready(home), log)
    write_closed(connection_file(data_dir), json.dumps(urls.as_dictionary(), indent=1))


def _start_one(supervisor: Supervisor, program: Program, is_ready: Any, log: IO[Any]) -> None:
    beginning = os.fstat(log.fileno()).st_size
    supervisor.start(program)
    give_up = time.monotonic() + READY_SECONDS
    while not is_ready():
        if not supervisor.is_running(program) or time.monotonic() > give_up:
            said = "; ".join(os.pread(log.fileno(), 65536, beginning).decode(errors="replace").splitlines()[-8:])
            raise EmbeddedError(f"{program.name} does not start. It said: {said or 'nothing'}")
        if supervisor.stopping:
            raise EmbeddedError("stopped while starting")
        supervisor.pause(0.02)


def _nobody_left(data_dir: Path) -> bool:
    """Whether no process uses the servers. If so, nobody can begin to until we have ended: we keep the locks."""
    start = open_lock(data_dir, START_LOCK)
    users = open_lock(data_dir, USERS_LOCK)
    try:
        fcntl.flock(start, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(start)
        os.close(users)
        return False
    return True


def _log(data_dir: Path) -> IO[Any]:
    """The servers' log, begun anew when it has grown large (one older is kept)."""
    directory = data_dir / "log"
    directory.mkdir(mode=0o700, exist_ok=True)
    path = directory / "services.log"
    with suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_LOG:
            path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "a")


def _answer(line: str) -> None:
    """Tell the starter, then let go of its pipe: it may be gone while we stay."""
    with suppress(BrokenPipeError):
        os.write(1, f"{line}\n".encode())
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), set(sys.argv[2:])))
