"""Files of interactions and of customers, from the upload to the last commit, against COPY of the same interactions.

The limit is that of benchmarks/events.py: the rows and their keys by COPY, with neither wall nor look-up of people.
Ours reads a CSV, tells equal rows apart, attaches every row to a person and writes the journal that undoing needs; a
quarter of the rows of interactions name a customer for the first time.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings

from apps.imports.carrying import run_import
from apps.imports.models import ImportJob
from apps.imports.services import submit_import
from apps.organizations.models import Organization
from benchmarks import Row, settle
from benchmarks.events import TABLES, copied
from cxm.actor import Actor
from cxm.scope import tenant

SYSTEM = Actor.system("benchmark")
EVENTS = {
    "customer.external_id": "customer",
    "event": "event",
    "occurred_at": "at",
    "channel": "channel",
    "properties.amount": "amount",
}
PEOPLE = {"external_id": "no", "email": "mail", "name": "name", "attributes.plan": "plan", "attributes.age": "age"}
MOST_MEMORY = 500
"""Megabytes that a worker may take for a file of any size."""


def measure(size: str) -> Iterable[Row]:
    """Rows a second of both kinds, and the memory of the process after them."""
    number = 200_000 if size == "full" else 20_000
    organization = Organization.objects.create(slug="bench-imports", name="Imports")
    with tempfile.TemporaryDirectory() as folder, override_settings(MEDIA_ROOT=Path(folder)), tenant(organization):
        carried("interactions", events(2_000, "W"), EVENTS)  # connections, caches and rows to copy
        settle(*TABLES, "customers_customer")
        limit = copied(organization, min(number, 30_000))
        rate = carried("interactions", events(number, "E"), EVENTS)
        yield Row("import of interactions", f"{limit:,.0f}/s COPY", f"{rate:,.0f}/s", rate / limit, 0.20)
        yield Row("import of interactions", "5,000/s", f"{rate:,.0f}/s", rate / 5_000, 1.0)
        again = carried("interactions", events(number, "E"), EVENTS)
        yield Row("the same file again, which changes nothing", "5,000/s", f"{again:,.0f}/s", again / 5_000, 0.6)
        rate = carried("customers", people(number // 2), PEOPLE)
        yield Row("import of customers", "3,000/s", f"{rate:,.0f}/s", rate / 3_000, 1.0)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    yield Row("memory of the worker", f"{MOST_MEMORY} MB", f"{memory:,.0f} MB", memory / MOST_MEMORY, 1.0, "lower")


def events(number: int, prefix: str) -> bytes:
    """A file of interactions, four a customer, over a year."""
    lines = [
        f"{prefix}{n // 4},Event {n % 5},2025-{1 + n % 12:02d}-{1 + n % 28:02d}T{n % 24:02d}:00:00,web,{n % 900}.5"
        for n in range(number)
    ]
    return "\n".join(["customer,event,at,channel,amount", *lines]).encode()


def people(number: int) -> bytes:
    """A file of new customers."""
    lines = [f"K{n},k{n}@example.org,Person {n},gold,{20 + n % 60}" for n in range(number)]
    return "\n".join(["no,mail,name,plan,age", *lines]).encode()


def carried(kind: str, content: bytes, mapping: dict[str, str]) -> float:
    """Rows a second of one import, slice after slice as a worker takes them."""
    began = time.perf_counter()
    job = submit_import(actor=SYSTEM, kind=kind, upload=SimpleUploadedFile("file.csv", content), mapping=mapping)
    while job.state in (ImportJob.State.QUEUED, ImportJob.State.RUNNING):
        run_import(job.pk)
        job.refresh_from_db()
    if job.state != ImportJob.State.DONE or job.refused:
        raise RuntimeError(f"the import of {kind} ended as {job.state} with {job.refused} rows refused: {job.error}")
    return job.rows / (time.perf_counter() - began)
