"""Events in batches of 100 over HTTP through our own server, against COPY of the same rows into the same tables.

The limit is one COPY of the rows and one of their keys, in one transaction: partitions, indexes and references as they
are, but neither wall nor look-up of people nor outbox nor JSON to read. Ours is granian as `manage.py up` starts it;
every batch is acknowledged when it is on disk. Events name customers that exist, and carry message ids that are new.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import random
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg2
from django.conf import settings
from django.db import connection

from apps.customers.models import Customer
from apps.interactions import ingest
from apps.interactions.models import Interaction, InteractionKey
from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from benchmarks import Row, settle
from benchmarks.response_path import load, parameters, request, server
from cxm.actor import Actor
from cxm.scope import tenant

SYSTEM = Actor.system("benchmark")
BATCH = 100
KEYS = 16
"""A key may send 100 requests a second: several, so that the limit is not what is measured."""
CONNECTIONS = 8
EVENTS = ("Product viewed", "Product added", "Checkout started", "Order completed", "Help opened")
TABLES = ("interactions_interaction", "interactions_interactionkey")


def measure(size: str) -> Iterable[Row]:
    """Events a second of identified customers."""
    length = 8.0 if size == "full" else 2.0
    organization = Organization.objects.create(slug="bench-events", name="Events")
    people = 10_000 if size == "full" else 2_000
    with tenant(organization):
        keys = [create_api_key(actor=SYSTEM, name=f"Key {n}", kind="write")[1] for n in range(KEYS)]
        Customer.objects.bulk_create((Customer(external_id=f"C-{n}") for n in range(people)), batch_size=1000)
    settle("customers_customer")
    chance = random.Random(7)
    with tenant(organization):
        for _round in range(20):  # rows to copy: as the interface itself stores them
            ingest.answer_call(ingest.Call("batch", basic(keys[0]), "", a_batch(chance, people)))
        limit = copied(organization, 4_000 if size == "small" else 30_000)
    bodies = [a_batch(chance, people) for _number in range(int(260 * (length + 1)))]
    with server() as port:
        following = sending(bodies, keys)
        load(port, following, 1.0, connections=CONNECTIONS)
        rate, _latencies = load(port, following, length, connections=CONNECTIONS)
    rate *= BATCH
    yield Row("events in batches of 100", f"{limit:,.0f}/s COPY", f"{rate:,.0f}/s", rate / limit, 0.45)
    yield Row("events in batches of 100", "10,000/s", f"{rate:,.0f}/s", rate / 10_000, 1.0)


def a_batch(chance: random.Random, people: int) -> bytes:
    """A hundred events of the last days, as an SDK sends them: about 400 bytes each."""
    now = datetime.now(UTC)
    messages = [
        {
            "type": "track",
            "userId": f"C-{chance.randrange(people)}",
            "anonymousId": None,
            "event": chance.choice(EVENTS),
            "properties": {"product": f"P-{chance.randrange(500)}", "price": chance.randrange(10_000) / 100, "n": 1},
            "context": {"library": {"name": "analytics-python", "version": "2.4.0"}},
            "integrations": {},
            "messageId": str(uuid4()),
            "timestamp": (now - timedelta(seconds=chance.randrange(200_000))).isoformat(timespec="milliseconds"),
        }
        for _number in range(BATCH)
    ]
    return json.dumps({"batch": messages, "sentAt": now.isoformat()}).encode()


def basic(key: str) -> str:
    """The header that carries a write key."""
    return "Basic " + base64.b64encode(f"{key}:".encode()).decode()


def sending(bodies: list[bytes], keys: list[str]) -> Callable[[], bytes]:
    """Each batch once, with one key after the other. Raises StopIteration when there are no more."""
    heads = [f"Authorization: {basic(key)}" for key in keys]
    waiting = iter(enumerate(bodies))

    def following() -> bytes:
        number, body = next(waiting)
        return request("/v1/batch", body, "application/json", heads[number % len(heads)])

    return following


def copied(organization: Organization, number: int) -> float:
    """Rows a second of a COPY of interactions and their keys into their tables, as their owner.

    COPY is refused behind a forced wall, so the walls of the two tables are open to their owner meanwhile.
    """
    columns = [field.column for field in Interaction._meta.concrete_fields]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'{name}::text' for name in columns)} FROM interactions_interaction"
            " WHERE tenant_id = %s ORDER BY random()",
            [str(organization.pk)],
        )
        rows = cursor.fetchall()
    place = columns.index("id")
    lines, keys = [], []
    for n in range(number):
        row = list(rows[n % len(rows)])
        row[place] = row[place][:-12] + uuid4().hex[:12]
        lines.append("\t".join("\\N" if value is None else value.replace("\\", "\\\\") for value in row))
        keys.append(f"{organization.pk}\t{uuid4()}\t{row[place]}")
    key_columns = ", ".join(("tenant_id", "id", InteractionKey._meta.get_field("interaction_id").column))
    owner = settings.DATABASES["owner"]
    with contextlib.closing(psycopg2.connect(**parameters(owner["USER"], owner["PASSWORD"]))) as own:
        with own, own.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        texts = [io.StringIO("\n".join(each) + "\n") for each in (lines, keys)]
        began = time.perf_counter()
        with own, own.cursor() as cursor:
            cursor.copy_expert(f"COPY {TABLES[0]} ({', '.join(columns)}) FROM STDIN", texts[0])
            cursor.copy_expert(f"COPY {TABLES[1]} ({key_columns}) FROM STDIN", texts[1])
        taken = time.perf_counter() - began
        with own, own.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    return number / taken
