"""Ten thousand traffic fines, as they happened: the segment “paid within 60 days” against a count of the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.customers.identity import Named
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization
from apps.segments.queries import count_matching
from apps.segments.rule import parse_rule
from cxm.actor import Actor
from tests.factories.segments import a_segment

FINES = Path(__file__).resolve().parents[3] / "shared" / "data" / "traffic_fines_events.csv"
PAGE = 5_000
STEPS = ("Create Fine", "Payment")
"""What the rules here look at; the rest of the file would only take its time."""


@pytest.fixture
def fines(acme: Organization) -> Iterator[list[dict[str, Any]]]:
    """The events of the file, recorded as interactions of one customer a case."""
    if not FINES.exists():
        pytest.skip("the traffic fines are not here: put the shared data folder beside the repository")
    with FINES.open(newline="") as file:
        events = [
            {**row, "at": datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)}
            for row in csv.DictReader(file)
            if row["activity"] in STEPS
        ]
    for first in range(0, len(events), PAGE):
        rows = [
            NewInteraction(
                event=event["activity"],
                occurred_at=event["at"],
                named=Named(user_id=event["case_id"], email=None, phone=None, anonymous_id=None, at=event["at"]),
                properties={name: float(event[name]) for name in ("amount", "paymentamount") if event[name]},
                order=number,
            )
            for number, event in enumerate(events[first : first + PAGE], start=first)
        ]
        record_interactions(actor=Actor.system("test"), rows=rows)
    yield events


def test_paid_within_sixty_days(fines: list[dict[str, Any]]) -> None:
    created: dict[str, list[datetime]] = {event["case_id"]: [] for event in fines}
    paid: dict[str, list[datetime]] = {case: [] for case in created}
    for event in fines:
        (created if event["activity"] == "Create Fine" else paid)[event["case_id"]].append(event["at"])
    quick = sum(
        any(timedelta(0) <= payment - fine <= timedelta(days=60) for fine in created[case] for payment in paid[case])
        for case in created
    )
    often = sum(len(payments) >= 2 for payments in paid.values())
    cheap = {event["case_id"] for event in fines if event["activity"] == "Create Fine" and float(event["amount"]) < 36}
    assert min(quick, often, len(cheap)) > 100
    rule = {"sequence": [{"event": "Create Fine"}, {"event": "Payment"}], "within_days": 60}
    assert a_segment(rule).size == quick
    for other, expected in (
        ({"event": "Payment", "count": {"op": ">=", "value": 2}}, often),
        ({"event": "Payment", "count": {"op": "=", "value": 0}}, sum(not payments for payments in paid.values())),
        ({"event": "Create Fine", "where": [{"property": "amount", "op": "<", "value": 36}]}, len(cheap)),
    ):
        assert count_matching(Actor.system("test"), parse_rule(other)).n == expected
