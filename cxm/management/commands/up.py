"""``manage.py up``: the whole platform from one command, in the foreground.

By the time this runs, ``manage.py`` has started the embedded services that the environment does not name (see
:mod:`cxm.embedded.launch`). This command migrates, starts web, worker and beat, restarts what dies, and on Ctrl-C or
SIGTERM stops them in the order web, worker, beat; Valkey and PostgreSQL follow when it returns.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from cxm.embedded.launch import add_address_arguments, embedded_in_use
from cxm.embedded.paths import PROJECT
from cxm.embedded.processes import Program, Supervisor, end_survivors
from cxm.embedded.services import open_lock, revive_services

#: In the environment of every process that an `up` starts: how the next one knows a survivor of the last.
MARK = "CXM_UP_OF"
READY_SECONDS = 120.0
THREADS_PER_PROCESS = 8  # durable writes wait for the disk: eight at a time share its flush
UNUSED_STATIC = ["rest_framework"]  # the browsable API, which we do not offer: most of the bytes


class Command(BaseCommand):
    help = "Start everything that is not configured, then web, worker and beat, under one supervisor."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        add_address_arguments(parser)
        parser.add_argument("--demo", action="store_true", help="make the demo organisation and print its logins")
        parser.add_argument(
            "--workers",
            type=int,
            default=min(os.cpu_count() or 2, 4),
            help="processes of the web server, and of the background worker (default %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port, workers = options["host"], options["port"], options["workers"]
        if not 0 < port < 65536:
            raise CommandError("--port must be between 1 and 65535.")
        if not 1 <= workers <= 64:
            raise CommandError("--workers must be between 1 and 64.")
        lock = self._lock_data_dir()
        with Supervisor([], self._say) as supervisor:
            end_survivors(_is_left_from_last_time, first=signal.SIGTERM, patience=20)
            _check_port(host, port)
            self._prepare()
            if not supervisor.stopping:
                self._serve(supervisor, host, port, workers, demo=options["demo"])
        os.close(lock)

    def _say(self, text: str) -> None:
        self.stderr.write(text)
        self.stderr.flush()

    def _print(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()

    def _lock_data_dir(self) -> int:
        lock = open_lock(settings.DATA_DIR, "up.lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"`manage.py up` already runs on {settings.DATA_DIR}. For a second copy choose another CXM_DATA_DIR "
                "and another --port."
            ) from None
        return lock

    def _prepare(self) -> None:
        """Bring the database and the static files to this version."""
        if "owner" in connections:
            call_command("migrate", interactive=False, verbosity=0)
        else:
            self._say("DATABASE_OWNER_URL is not set: this start does not migrate the database.")
        if not settings.DEBUG:
            _collect_static()
        connections.close_all()

    def _serve(self, supervisor: Supervisor, host: str, port: int, workers: int, *, demo: bool) -> None:
        environment = _environment_of_children()
        supervisor.start(_web(host, port, workers, environment))
        is_ready = self._wait_until_ready(supervisor, host, port)
        supervisor.start(_worker(workers, environment))
        supervisor.start(_beat(environment))
        if is_ready:
            self._print(f"\nCXM is ready at {settings.BASE_URL}/")
        elif not supervisor.stopping:
            self._say("The web server is not ready yet; /readyz says why.")
        seeding = self._begin_seeding(environment) if demo and is_ready else None
        services = set(embedded_in_use())

        def look_around() -> bool:
            nonlocal seeding
            if seeding is not None and seeding.poll() is not None:
                if seeding.returncode:
                    self._say("The demo organisation was not made: the messages above say why.")
                seeding = None
            if services and revive_services(settings.DATA_DIR, services):
                self._say("The embedded services had died and were started again.")
            return False

        try:
            supervisor.run(until=look_around, interval=1.0)
            self._say("Stopping")
        finally:
            if seeding is not None:
                seeding.terminate()
                seeding.wait()
            supervisor.stop_in_order("web", "worker", "beat")

    def _wait_until_ready(self, supervisor: Supervisor, host: str, port: int) -> bool:
        give_up = time.monotonic() + READY_SECONDS
        is_ready = False

        def is_settled() -> bool:
            nonlocal is_ready
            is_ready = _answers_ready(host, port)
            return is_ready or time.monotonic() > give_up

        supervisor.run(until=is_settled, interval=0.1)
        return is_ready

    def _begin_seeding(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """Make the demo organisation if need be, and print its logins: what `seed_demo` does, beside what serves."""
        command = [sys.executable, str(PROJECT / "manage.py"), "seed_demo"]
        return subprocess.Popen(command, env=environment, cwd=PROJECT, stdin=subprocess.DEVNULL)


# -- what is run -------------------------------------------------------------------------------------------------------


def _environment_of_children() -> dict[str, str]:
    figures = settings.DATA_DIR / "metrics"
    shutil.rmtree(figures, ignore_errors=True)
    figures.mkdir(mode=0o700)
    return {
        **os.environ,
        MARK: str(settings.DATA_DIR),
        "PROMETHEUS_MULTIPROC_DIR": str(figures),
        "PYTHONUNBUFFERED": "1",
    }


def _web(host: str, port: int, workers: int, environment: dict[str, str]) -> Program:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port)]
    command += ["--workers", str(workers), "--blocking-threads", str(THREADS_PER_PROCESS), "--no-ws"]
    command += ["--blocking-threads-idle-timeout", "600", "--respawn-failed-workers", "--workers-kill-timeout", "10"]
    command += ["--log-level", "error", "cxm.wsgi:application"]
    return Program("web", command, environment=environment, directory=PROJECT, output=sys.stderr, stop_seconds=20)


def _worker(workers: int, environment: dict[str, str]) -> Program:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "cxm.celery", "worker", "--concurrency", str(workers)]
    command += ["-O", "fair", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    return Program("worker", command, environment=environment, directory=PROJECT, output=sys.stderr, stop_seconds=20)


def _beat(environment: dict[str, str]) -> Program:
    directory = settings.DATA_DIR / "beat"
    directory.mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "cxm.celery", "beat", "--loglevel", "WARNING"]
    command += ["--schedule", str(directory / "schedule"), "--pidfile="]
    return Program("beat", command, environment=environment, directory=PROJECT, output=sys.stderr, stop_seconds=10)


# -- before and around -------------------------------------------------------------------------------------------------


def _is_left_from_last_time(process: psutil.Process) -> bool:
    return process.environ().get(MARK) == str(settings.DATA_DIR)


def _check_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"The web server cannot listen on {host} port {port}: {error.strerror}. Choose another --port."
            ) from error


def _answers_ready(host: str, port: int) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        connection = http.client.HTTPConnection(target, port, timeout=5)
        try:
            connection.request("GET", "/readyz", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False


def _collect_static() -> None:
    """Run collectstatic when a source file changed since the last time."""
    digest = hashlib.sha256(str(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for path, storage in finder.list([]):
            found = Path(storage.path(path)).stat()
            digest.update(f"{path}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    stamp = Path(settings.STATIC_ROOT) / ".collected"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNUSED_STATIC)
    stamp.write_text(digest.hexdigest())
