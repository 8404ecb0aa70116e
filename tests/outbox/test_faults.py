"""A real worker and a real broker, killed and wiped: every event has its effect exactly once.

The broker is one of our own, so that wiping it wipes nobody else's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction

from apps.audit.models import AuditEntry
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import MOST_ATTEMPTS
from cxm.embedded import ensure_services
from cxm.scope import tenant

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parent.parent.parent


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true within a generous limit; returns as soon as it does."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="cxm-test-") as directory:
        Path(directory).chmod(0o755)
        with ensure_services(Path(directory) / "data", postgres=False) as services:
            yield services.redis_url


def environment(broker: str) -> dict[str, str]:
    """For a process of its own on this test's database."""
    there = connection.settings_dict
    password = f":{quote(there['PASSWORD'], safe='')}" if there["PASSWORD"] else ""
    place = f"{there['NAME']}?host={quote(there['HOST'])}&port={there['PORT'] or 5432}"
    return {
        **os.environ,
        "DATABASE_URL": f"postgresql://{there['USER']}{password}@/{place}",
        "DATABASE_PLATFORM_URL": urlsplit(settings.PLATFORM_DATABASE_URL)._replace(path=f"/{there['NAME']}").geturl(),
        "REDIS_URL": broker,
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "WARNING",
    }


@pytest.fixture
def worker(broker: str, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker with one child process, and beat inside it."""
    command = [sys.executable, "-m", "celery", "-A", "tests.outbox.worker", "worker", "-B", "-c", "1", "-P", "prefork"]
    command += ["-s", str(tmp_path / "beat"), "--without-gossip", "--without-mingle", "-l", "WARNING"]
    process = subprocess.Popen(command, env=environment(broker), cwd=ROOT, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def acme() -> Iterator[Organization]:
    organization = Organization.objects.create(slug="acme", name="Acme")
    with tenant(organization):
        yield organization


def happen(n: int, **more: object) -> None:
    """Write the event's row as `emit` does, in a process where the worker's handler is not registered."""
    with transaction.atomic():
        OutboxEvent.objects.create(topic="tests.happened", handler="tests.note_down", payload={"n": n, **more})


def effects() -> list[str]:
    return sorted(AuditEntry.objects.values_list("action", flat=True))


def test_worker_killed_and_broker_wiped_while_events_arrive(
    worker: subprocess.Popen[bytes], broker: str, acme: Organization, tmp_path: Path
) -> None:
    happen(1)  # nobody sends a message: only the sweep can find it
    assert eventually(lambda: effects() == ["tests.1"])

    happen(2, kill_once=str(tmp_path / "killed"))  # the child dies after its writes, before they commit
    assert eventually(lambda: effects() == ["tests.1", "tests.2"])
    assert (tmp_path / "killed").exists()

    redis.from_url(broker).flushall()
    happen(3)
    assert eventually(lambda: effects() == ["tests.1", "tests.2", "tests.3"])
    assert not OutboxEvent.objects.exists()


def test_event_that_kills_every_worker_is_parked_and_its_neighbours_are_handled(
    worker: subprocess.Popen[bytes], acme: Organization
) -> None:
    happen(1, kill_always=True)
    OutboxEvent.objects.update(attempts=MOST_ATTEMPTS - 2)  # it has killed six before
    happen(2)
    assert eventually(lambda: OutboxEvent.objects.filter(state="parked").exists())
    assert eventually(lambda: effects() == ["tests.2"])
    parked = OutboxEvent.objects.get()
    assert (parked.payload["n"], parked.attempts) == (1, MOST_ATTEMPTS + 1)
