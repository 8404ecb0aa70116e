"""How often touchpoints were met: interactions that their event matchers fit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.organizations.models import Organization
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.registry import figure
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.interactions import an_interaction

SYSTEM = Actor.system("test")
DAY = datetime(2026, 10, 5, tzinfo=UTC)


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


def a_touchpoint(name: str, event: str | None = None, **where: object) -> Touchpoint:
    match = {"event": event, "where": where} if event else None
    return create_touchpoint(actor=SYSTEM, name=name, event_match=match)


def test_counts_events_in_the_window_that_fit_every_condition(acme: Organization) -> None:
    with tenant(acme):
        paid = a_touchpoint("Paid", "paid")
        large = a_touchpoint("Large", "paid", amount=100, late=True)
        never = a_touchpoint("Never", "refunded")
        unmatched = a_touchpoint("Unmatched")
        customer = a_customer()
        for days, amount, late in ((0, 100, True), (0, 100, False), (1, 5, True), (2, 100.0, True), (3, 100, True)):
            said = {"amount": amount, "late": late, "note": "x"}
            an_interaction(customer, "paid", DAY + timedelta(days=days), properties=said)
        ids = [paid.pk, large.pk, never.pk, unmatched.pk]
        with CaptureQueriesContext(connection) as captured:
            found = figure("volume", ids, DAY, DAY + timedelta(days=3))
        assert found == {paid.pk: 4, large.pk: 2, never.pk: 0}
        assert len(captured) <= 2
        assert figure("volume", ids) == {paid.pk: 5, large.pk: 3, never.pk: 0}
        assert figure("volume", ids, DAY + timedelta(milliseconds=1), None)[paid.pk] == 3
        assert figure("volume", ids, None, DAY + timedelta(milliseconds=1))[paid.pk] == 2
        assert figure("volume", [unmatched.pk]) == {}


def test_events_of_another_organisation_do_not_count(acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        an_interaction(a_customer(), "paid", DAY)
    with tenant(acme):
        paid = a_touchpoint("Paid", "paid")
        assert figure("volume", [paid.pk]) == {paid.pk: 0}


def test_scores_of_a_map_say_the_volume_of_the_window(acme: Organization) -> None:
    with tenant(acme):
        paid = a_touchpoint("Paid", "paid")
        a_touchpoint("Quiet")
        for days in (0, 1, 40):
            an_interaction(a_customer(), "paid", DAY + timedelta(days=days))
    api = an_api_client(acme)
    stages = [{"name": "Buy", "steps": [{"name": "Pay", "touchpoints": ["paid", "quiet"]}]}]
    journey = api.post("/api/v1/journeys/", {"name": "Buying", "stages": stages}).json()
    api.post(f"/api/v1/journeys/{journey['id']}/publish/", {"purpose": "First"})
    window = {"from": "2026-10-01", "to": "2026-10-06"}
    body = api.get(f"/api/v1/journeys/{journey['id']}/scores/", window).json()
    assert {row["touchpoint"]: row["volume"] for row in body["touchpoints"]} == {paid.key: 2, "quiet": 0}


def test_page_of_a_touchpoint_says_its_volume(acme: Organization) -> None:
    with tenant(acme):
        paid, quiet = a_touchpoint("Paid", "paid"), a_touchpoint("Quiet")
        an_interaction(a_customer(), "paid", DAY)
    analyst, employee = signed_in(a_member(acme, "analyst")), signed_in(a_member(acme, "employee"))
    address = f"/o/acme/touchpoints/{paid.pk}/"
    text = analyst.get(address, {"from": "2026-10-05", "to": "2026-10-05"}).content.decode()
    assert "<b>1</b> interaction matched its event" in text
    assert "<b>0</b> interactions" in analyst.get(address, {"from": "2026-10-06", "to": "2026-10-06"}).content.decode()
    assert "matched its event" not in employee.get(address).content.decode()
    assert "matched its event" not in analyst.get(f"/o/acme/touchpoints/{quiet.pk}/").content.decode()
