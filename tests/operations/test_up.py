"""`manage.py up` as an operator meets it: starts, kills, a clean end. One story on one data directory."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cxm.embedded.paths import PROJECT

OWNER = ("--owner-email", "alice@example.org", "--owner-password", "correct horse battery")
OURS = ("DATABASE_", "REDIS_URL", "SECRET_KEY", "BASE_URL", "EMAIL_URL", "CXM_", "DJANGO_")


def eventually(condition: Callable[[], bool], seconds: float = 90) -> bool:
    """Whether the condition comes true within a generous limit; returns as soon as it does."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.05)
    return False


class Copy:
    """One installation: its data directory, its port, its commands."""

    def __init__(self, data_dir: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data_dir = data_dir
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.environment = {**inherited, "CXM_DATA_DIR": str(data_dir), "LOG_LEVEL": "WARNING"}

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--port", str(self.port), "--workers", "1"],
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert eventually(lambda: self.is_ready() or process.poll() is not None), "never ready"
            assert process.poll() is None, "ended instead of serving"
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.wait(60)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def is_ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def processes(self) -> dict[str, list[psutil.Process]]:
        """What runs for this copy, by part."""
        found: dict[str, list[psutil.Process]] = {}
        for process in psutil.process_iter():
            try:
                line = " ".join(process.cmdline())
                if process.status() == psutil.STATUS_ZOMBIE:
                    continue
                if process.environ().get("CXM_UP_OF") == str(self.data_dir):
                    parts = [("granian", "web"), (" worker ", "worker"), (" beat ", "beat")]
                    part = next((name for mark, name in parts if mark in line), "other")
                    found.setdefault(part, []).append(process)
                elif str(self.data_dir) in line and "manage.py" not in line:
                    found.setdefault("services", []).append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture(scope="module")
def copy() -> Iterator[Copy]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as parent:
        Path(parent).chmod(0o755)
        yield Copy(Path(parent) / "data")


def make_organization(copy: Copy, slug: str) -> dict[str, str]:
    made = copy.command("create_org", slug.title(), "--slug", slug, *OWNER, "--json")
    assert made.returncode == 0, made.stderr
    return json.loads(made.stdout.splitlines()[-1])


def test_first_start_serves_and_recovers_from_kills(copy: Copy, tmp_path: Path) -> None:
    with copy.up() as up:
        health = json.loads(copy.get("/readyz")[1])
        assert health["status"] == "ready"
        assert eventually(lambda: {"web", "worker", "beat", "services"} <= set(copy.processes()))

        assert make_organization(copy, "acme")["slug"] == "acme"  # a second shell, while it runs

        second = copy.command("up", "--port", str(copy.port + 1))
        assert second.returncode != 0
        assert "already runs" in second.stderr

        backup = copy.command("backup", str(tmp_path / "backup.tar"))
        assert backup.returncode == 0, backup.stderr
        assert "running" in copy.command("restore", str(tmp_path / "backup.tar"), "--yes").stderr

        web = {process.pid for process in copy.processes()["web"]}
        for pid in web:
            os.kill(pid, signal.SIGKILL)
        assert eventually(copy.is_ready)

        os.kill(up.pid, signal.SIGKILL)
        up.wait()
    assert eventually(lambda: not copy.processes())


def test_second_start_keeps_everything_and_ends_cleanly(copy: Copy) -> None:
    with copy.up() as up:
        answer = make_organization(copy, "bravo")
        assert answer["api_key"].startswith("cxm_api_")
        taken = copy.command("create_org", "Acme", "--slug", "acme", *OWNER)
        assert taken.returncode != 0  # the first start's organisation is still there
        up.terminate()
        output, _ = up.communicate(timeout=60)
        assert up.returncode == 0
        assert f"http://localhost:{copy.port}/" in output
    assert copy.processes() == {}
    assert not (copy.data_dir / "services.json").exists()


def test_command_alone_starts_the_services_for_its_own_time(copy: Copy) -> None:
    doctor = copy.command("doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "All is well" in doctor.stdout
    assert copy.processes() == {}


def test_port_in_use_is_said_and_nothing_stays_behind(copy: Copy) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = copy.command("up", "--port", str(taken.getsockname()[1]))
    assert result.returncode != 0
    assert "Choose another --port" in result.stderr
    assert copy.processes() == {}
