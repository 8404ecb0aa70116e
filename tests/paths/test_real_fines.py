"""Traffic fines as they happened, brought in by the importer: every edge and every walk against a count of the file.

Days are the file's only times, so many events of a case are equal in time: the order of the file decides.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.imports.carrying import run_import
from apps.imports.services import submit_import
from cxm.scope import tenant
from tests.factories import an_api_client
from tests.paths.by_hand import Event, as_told, count_paths
from tests.paths.conftest import SYSTEM, a_map

FINES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traffic_fines_events.csv"
ROWS = 4_000
"""Lines of the file that are taken, up to the end of a case: all of it would take a minute."""
ROUTE = {
    "create": "Create Fine",
    "send": "Send Fine",
    "notify": "Insert Fine Notification",
    "penalty": "Add penalty",
    "payment": "Payment",
}
MAPPING = {
    "customer.external_id": "case_id",
    "event": "activity",
    "occurred_at": "timestamp",
    "properties.amount": "amount",
    "date_format": "%Y-%m-%d",
}


@pytest.fixture
def lines() -> list[str]:
    """The head of the file, cut where a case ends."""
    if not FINES.exists():
        pytest.skip("the traffic fines are not here: put the shared data folder beside the repository")
    found = FINES.read_text().splitlines()
    end = ROWS
    while found[end].split(",")[0] == found[end - 1].split(",")[0]:
        end += 1
    return found[:end]


@pytest.mark.django_db(transaction=True)
def test_imported_fines_walk_as_the_file_says(acme: Any, lines: list[str]) -> None:
    events = [
        Event(row["case_id"], row["activity"], datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC), number)
        for number, row in enumerate(csv.DictReader(lines))
    ]
    with tenant(acme):
        journey = a_map(tuple(ROUTE), matchers={key: {"event": event} for key, event in ROUTE.items()})
        upload = SimpleUploadedFile("fines.csv", "\n".join(lines).encode())
        job = submit_import(actor=SYSTEM, kind="interactions", upload=upload, mapping=MAPPING)
        run_import(job.pk, seconds=600)
        job.refresh_from_db()
        assert (job.state, job.accepted, job.refused) == ("done", len(events), 0)
    answer = an_api_client(acme).get(f"/api/v1/journeys/{journey.pk}/paths/")
    told, counted = as_told(answer.json()), count_paths(events, [(k, e, {}) for k, e in ROUTE.items()], tuple(ROUTE))
    assert answer.json()["variant_count"] == len(counted["variants"])
    variants = told.pop("variants")
    assert all(counted["variants"][walk] == n for walk, n in variants.items())
    assert sorted(variants.values()) == sorted(counted.pop("variants").values())[-len(variants) :]
    assert told == counted
    assert counted["customers"] > 500
    assert len(counted["edges"]) >= 10
