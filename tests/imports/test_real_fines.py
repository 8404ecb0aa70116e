"""The events of ten thousand traffic fines: imported whole, again, and taken back."""

from __future__ import annotations

import contextlib
import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models import Count

from apps.customers.models import Customer
from apps.imports.carrying import run_import
from apps.imports.models import ImportChange, ImportJob
from apps.interactions.models import Interaction
from apps.organizations.models import Organization
from tests.factories import an_api_client

FINES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traffic_fines_events.csv"
MAPPING = {
    "customer.external_id": "case_id",
    "event": "activity",
    "occurred_at": "timestamp",
    "properties.amount": "amount",
    "properties.paymentamount": "paymentamount",
    "properties.vehicleclass": "vehicleclass",
}


@pytest.fixture(scope="module")
def fines() -> list[dict[str, str]]:
    """The rows of the file, from outside the repository."""
    if not FINES.exists():
        pytest.skip("the traffic fines are not here: put the shared data folder beside the repository")
    with FINES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def imported(client: Any, content: bytes) -> ImportJob:
    """What an import by the API became."""
    sent = {"kind": "interactions", "mapping": json.dumps(MAPPING), "file": SimpleUploadedFile("fines.csv", content)}
    answer = client.post("/api/v1/imports/", sent, format="multipart")
    assert answer.status_code == 202, answer.content
    run_import(answer.json()["id"], seconds=600)
    return ImportJob.objects.get(pk=answer.json()["id"])


def first_rows(number: int) -> bytes:
    """The beginning of the file."""
    return b"".join(FINES.read_bytes().splitlines(keepends=True)[: number + 1])


def gather_statistics() -> None:
    """What the server does by itself within a minute of the first rows, and the web's role may not."""
    name = connection.settings_dict["NAME"]
    with contextlib.closing(psycopg2.connect(settings.OWNER_DATABASE_URL, dbname=name)) as owner:
        owner.autocommit = True
        with owner.cursor() as cursor:
            for table in ("customers_customer", "interactions_interaction", "interactions_interactionkey"):
                cursor.execute(f"ANALYZE {table}")


@pytest.mark.django_db(transaction=True)
def test_every_fine_is_there_once_in_the_order_of_the_file(acme: Organization, fines: list[dict[str, str]]) -> None:
    client = an_api_client(acme)
    first = imported(client, first_rows(2_000))
    gather_statistics()
    job = imported(client, FINES.read_bytes())
    assert (job.state, job.accepted, job.created, job.refused) == ("done", len(fines), len(fines) - first.created, 0)
    by_event = dict(Interaction.objects.order_by().values_list("event").annotate(n=Count("id")))
    assert by_event == Counter(row["activity"] for row in fines)
    assert Customer.objects.count() == len({row["case_id"] for row in fines})

    cases: dict[str, list[tuple[str, str]]] = {}
    for row in fines:
        cases.setdefault(row["case_id"], []).append((row["timestamp"], row["activity"]))
    expected = {case: [event for _day, event in sorted(seen, key=lambda e: e[0])] for case, seen in cases.items()}
    stored: dict[str, list[str]] = {}
    for number, event in Interaction.objects.order_by("id").values_list("customer__external_id", "event"):
        stored.setdefault(number or "", []).append(event)
    assert stored == expected

    paid = Interaction.objects.filter(event="Create Fine", properties__amount=35).count()
    assert paid == sum(1 for row in fines if row["activity"] == "Create Fine" and float(row["amount"]) == 35)


def test_fines_that_come_again_change_nothing_and_undoing_leaves_nothing(
    acme: Organization, fines: list[dict[str, str]]
) -> None:
    number = 5_000
    content = first_rows(number)
    client = an_api_client(acme)
    first = imported(client, content)
    before = set(Interaction.objects.values_list("id", flat=True))
    again = imported(client, content)
    assert (again.accepted, again.created, again.updated) == (number, 0, 0)
    assert set(Interaction.objects.values_list("id", flat=True)) == before
    assert client.post(f"/api/v1/imports/{first.pk}/undo/").status_code == 202
    run_import(first.pk, seconds=600)
    body = client.get(f"/api/v1/imports/{first.pk}/").json()
    assert (body["undo"]["state"], body["undo"]["kept"]) == ("done", [])
    assert not Interaction.objects.exists() and not Customer.objects.exists() and not ImportChange.objects.exists()
