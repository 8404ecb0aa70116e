"""The events of ten thousand traffic fines: imported whole, again, and taken back."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
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


def test_every_fine_is_there_once_in_the_files_order_and_goes_with_the_import(
    acme: Organization, fines: list[dict[str, str]]
) -> None:
    client = an_api_client(acme)

    def imported() -> ImportJob:
        sent = {
            "kind": "interactions",
            "mapping": json.dumps(MAPPING),
            "file": SimpleUploadedFile("fines.csv", FINES.read_bytes()),
        }
        answer = client.post("/api/v1/imports/", sent, format="multipart")
        assert answer.status_code == 202, answer.content
        run_import(answer.json()["id"], seconds=600)
        return ImportJob.objects.get(pk=answer.json()["id"])

    first = imported()
    assert (first.state, first.accepted, first.created, first.refused) == ("done", len(fines), len(fines), 0)
    by_event = dict(Interaction.objects.order_by().values_list("event").annotate(n=Count("id")))
    assert by_event == Counter(row["activity"] for row in fines)
    assert Customer.objects.count() == len({row["case_id"] for row in fines})

    cases: dict[str, list[tuple[str, str]]] = {}
    for row in fines:
        cases.setdefault(row["case_id"], []).append((row["timestamp"], row["activity"]))
    stored: dict[str, list[str]] = {}
    for number, event in Interaction.objects.order_by("id").values_list("customer__external_id", "event"):
        stored.setdefault(number, []).append(event)
    assert stored == {
        case: [event for _day, event in sorted(events, key=lambda e: e[0])] for case, events in cases.items()
    }

    paid = Interaction.objects.filter(event="Create Fine", properties__amount=35).count()
    assert paid == sum(1 for row in fines if row["activity"] == "Create Fine" and float(row["amount"]) == 35)

    again = imported()
    assert (again.accepted, again.created, again.updated) == (len(fines), 0, 0)
    assert Interaction.objects.count() == len(fines)

    assert client.post(f"/api/v1/imports/{first.pk}/undo/").status_code == 202
    run_import(first.pk, seconds=600)
    body = client.get(f"/api/v1/imports/{first.pk}/").json()
    assert (body["undo"]["state"], body["undo"]["kept"]) == ("done", [])
    assert not Interaction.objects.exists() and not Customer.objects.exists() and not ImportChange.objects.exists()
