"""Which events there are, what came last and what was refused: page and API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.customers.identity import clean_named
from apps.customers.models import Customer
from apps.interactions.event_queries import event_names
from apps.interactions.models import Interaction
from apps.interactions.refused import Refusal, write_down_refusals
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization, Unit
from apps.organizations.services import create_api_key
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_organization, make, signed_in

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
URL = "/api/v1/interactions/"


@pytest.fixture
def acme() -> Iterator[Organization]:
    """An organisation, in force."""
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def api_of(organization: Organization) -> APIClient:
    with tenant(organization):
        token = create_api_key(actor=SYSTEM, name="API")[1]
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return api_of(acme)


def happened(event: str = "Paid", who: str = "u-1", at: datetime | None = None, **more: Any) -> None:
    at = at or now()
    named = clean_named(user_id=who, at=at)
    record_interactions(actor=SYSTEM, rows=[NewInteraction(event=event, occurred_at=at, named=named, **more)])


# -- names -------------------------------------------------------------------------------------------------------------


def test_names_of_events_come_with_their_volume_of_thirty_days(acme: Organization) -> None:
    today = now().replace(microsecond=0)
    for days in (0, 3, 29, 31, 300):
        happened("Paid", at=today - timedelta(days=days))
    happened("Äußerung")
    happened("Sent", at=today - timedelta(days=2_000))
    names = {name.event: name for name in event_names(SYSTEM)}
    assert sorted(names) == sorted(["Paid", "Sent", "Äußerung"])
    paid = names["Paid"]
    assert (paid.volume, paid.first_at, paid.last_at) == (3, today - timedelta(days=300), today)
    assert (names["Sent"].volume, names["Äußerung"].volume) == (0, 1)


def test_names_of_events_come_in_pages(api: APIClient) -> None:
    for event in ("A", "B", "C"):
        happened(event)
    first = api.get("/api/v1/event-names/?limit=2").json()
    assert [row["event"] for row in first["results"]] == ["A", "B"]
    second = api.get(first["next"]).json()
    assert [row["event"] for row in second["results"]] == ["C"]
    assert second["next"] is None
    assert api.get("/api/v1/event-names/?cursor=x").status_code == 400
    assert api.get("/api/v1/event-names/?ordering=volume").status_code == 400


def test_a_branch_counts_what_its_own_customers_did(acme: Organization) -> None:
    unit = make(Unit)
    mine = Customer.objects.create(name="Mine", unit=unit)
    record_interactions(actor=SYSTEM, rows=[NewInteraction(event="Paid", occurred_at=now(), customer_id=mine.pk)] * 2)
    happened("Paid", who="u-2")
    happened("Sent", who="u-2")
    agent = an_actor(acme, "agent", unit=unit)
    assert [(name.event, name.volume) for name in event_names(agent)] == [("Paid", 2)]


# -- API ---------------------------------------------------------------------------------------------------------------


def test_interactions_are_listed_newest_first_in_pages(api: APIClient) -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for number in range(5):
        happened(f"E{number}", at=at + timedelta(days=20 * number))
    first = api.get(f"{URL}?limit=3").json()
    assert [row["event"] for row in first["results"]] == ["E4", "E3", "E2"]
    second = api.get(first["next"]).json()
    assert ([row["event"] for row in second["results"]], second["next"]) == (["E1", "E0"], None)
    up = api.get(f"{URL}?ordering=occurred_at&limit=2").json()
    assert [row["event"] for row in up["results"]] == ["E0", "E1"]
    row = first["results"][0]
    assert api.get(f"{URL}{row['id']}/").json() == row
    assert row["customer"]["external_id"] == "u-1"
    assert row["occurred_at"] == "2026-05-20T00:00:00Z"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("event=Paid", ["Paid"]),
        ("channel=phone", ["Called"]),
        ("channel=phone&channel=web", ["Called", "Page viewed"]),
        ("kind=page", ["Page viewed"]),
        ("from=2026-03-02", ["Called", "Page viewed"]),
        ("to=2026-03-02", ["Paid", "Page viewed"]),
        ("from=2026-03-02&to=2026-03-02", ["Page viewed"]),
        ("from=2026-03-02T12:00:00Z&to=2026-03-03T00:30:00Z", ["Page viewed"]),
        ("to=0001-01-01", []),
        ("from=9999-12-31", []),
    ],
)
def test_filters_leave_what_fits(api: APIClient, query: str, expected: list[str]) -> None:
    happened("Paid", at=datetime(2026, 3, 1, 23, 59, tzinfo=UTC))
    happened("Page viewed", at=datetime(2026, 3, 2, 12, tzinfo=UTC), kind="page", channel="web")
    happened("Called", at=datetime(2026, 3, 3, 0, 30, tzinfo=UTC), channel="phone")
    found = [row["event"] for row in api.get(f"{URL}?{query}").json()["results"]]
    assert sorted(found) == sorted(expected)


def test_days_of_a_filter_are_the_organisations(acme: Organization, api: APIClient) -> None:
    Organization.objects.filter(pk=acme.pk).update(timezone="Pacific/Auckland")
    happened("Paid", at=datetime(2026, 3, 1, 23, 0, tzinfo=UTC))
    assert api.get(f"{URL}?from=2026-03-02&to=2026-03-02").json()["results"]
    assert not api.get(f"{URL}?to=2026-03-01").json()["results"]


@pytest.mark.parametrize("query", ["from=soon", "channel=pigeon", "kind=x", "customer=1", "cursor=x", "event=%00"])
def test_filters_that_cannot_be_read_are_refused(api: APIClient, query: str) -> None:
    assert api.get(f"{URL}?{query}").status_code == 400


def test_a_customers_interactions(api: APIClient) -> None:
    happened("Paid")
    happened("Sent", who="u-2")
    person = Customer.objects.get(external_id="u-2")
    found = api.get(f"{URL}?customer={person.pk}").json()["results"]
    assert [row["event"] for row in found] == ["Sent"]
    assert api.get(f"{URL}?customer={uuid4()}").json()["results"] == []


def test_one_interaction_is_recorded_and_shown(api: APIClient) -> None:
    body = {
        "customer": {"external_id": "C-1"},
        "event": "Paid",
        "occurred_at": "2026-02-03T04:05:06Z",
        "channel": "phone",
        "properties": {"amount": 3},
        "source_id": "s-1",
    }
    answer = api.post(URL, body)
    assert answer.status_code == 201
    shown = answer.json()
    assert api.get(answer.headers["Location"]).json() == shown
    assert (shown["event"], shown["channel"], shown["source"]) == ("Paid", "phone", "api")
    assert (shown["occurred_at"], shown["properties"]) == ("2026-02-03T04:05:06Z", {"amount": 3})
    assert shown["customer"]["external_id"] == "C-1"
    assert api.post(URL, body).json()["id"] == shown["id"]
    changed = api.post(URL, {**body, "properties": {"amount": 4}}).json()
    assert (changed["id"], changed["properties"]) == (shown["id"], {"amount": 4})
    assert Interaction.objects.count() == 1


def test_a_list_is_taken_or_refused_one_by_one(api: APIClient) -> None:
    person = Customer.objects.create(name="Ada")
    good = {"customer": {"id": str(person.pk)}, "event": "Paid"}
    entries: list[Any] = [
        good,
        {**good, "customer": {"id": str(uuid4())}},
        {"event": "Paid"},
        {**good, "event": ""},
        {**good, "event": 3},
        {**good, "event": "x" * 201},
        {**good, "channel": "pigeon"},
        {**good, "properties": [1]},
        {**good, "occurred_at": "soon"},
        {**good, "occurred_at": 3},
        {**good, "source_id": "x" * 201},
        {**good, "customer": {"email": "nonsense"}},
        "text",
        {"customer": {"email": "ada@example.com"}, "event": "Sent"},
    ]
    answer = api.post(URL, entries)
    assert answer.status_code == 200
    outcome = answer.json()
    assert outcome["accepted"] == 2
    refused = {row["index"]: row["errors"][0]["field"] for row in outcome["refused"]}
    assert refused == {
        1: "customer.id", 2: "customer", 3: "event", 4: "event", 5: "event", 6: "channel", 7: "properties",
        8: "occurred_at", 9: "occurred_at", 10: "source_id", 11: "customer.email", 12: "",
    }  # fmt: skip
    assert sorted(Interaction.objects.values_list("event", flat=True)) == ["Paid", "Sent"]
    assert api.post(URL, [good] * 1_001).status_code == 400


def test_another_organisations_interactions_are_not_there(acme: Organization, api: APIClient) -> None:
    beta = an_organization("Beta")
    with tenant(beta):
        happened("Secret")
        theirs = Interaction.objects.get()
        person = Customer.objects.get()
    assert api.get(f"{URL}{theirs.pk}/").status_code == 404
    assert api.get(URL).json()["results"] == []
    assert api.get(f"{URL}?customer={person.pk}").json()["results"] == []
    assert api.get("/api/v1/event-names/").json()["results"] == []
    answer = api.post(URL, {"customer": {"id": str(person.pk)}, "event": "Paid"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "customer.id")


def test_lists_cost_the_same_for_one_row_and_three(api: APIClient, django_assert_num_queries) -> None:
    happened("E0")
    api.get(URL)
    with CaptureQueriesContext(connection) as one:
        api.get(URL)
    happened("E1", who="u-2")
    happened("E2", who="u-3")
    with django_assert_num_queries(len(one)):
        api.get(URL)


# -- page --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def page(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def test_the_page_shows_how_to_connect_before_anything_came(page: Client, acme: Organization) -> None:
    text = page.get(f"/o/{acme.slug}/events/").content.decode()
    assert "No events yet" in text
    assert "http://testserver/v1/track" in text
    assert "An owner or admin can make a write key." in text


def test_the_page_shows_events_people_and_refusals(page: Client, acme: Organization) -> None:
    happened("Paid <b>", who="u-1", properties={"note": "<script>"})
    write_down_refusals([Refusal("No name", "event", "track", "x", "m-9", "analytics-python")])
    text = page.get(f"/o/{acme.slug}/events/").content.decode()
    person = Customer.objects.get()
    assert f'/customers/{person.pk}/">' in text
    for shown in ("Paid &lt;b&gt;", "&lt;script&gt;", "No name", "m-9", "analytics-python"):
        assert shown in text
    assert "<script>" not in text.replace("<script nonce", "")


def test_who_manages_keys_gets_there_from_the_page(acme: Organization) -> None:
    text = signed_in(a_member(acme, "owner")).get(f"/o/{acme.slug}/events/").content.decode()
    assert "An owner or admin can make a write key." not in text


def test_roles_without_the_right_do_not_get_the_page(acme: Organization) -> None:
    assert signed_in(a_member(acme, "employee")).get(f"/o/{acme.slug}/events/").status_code == 403
    assert signed_in(a_member(an_organization("Beta"), "owner")).get(f"/o/{acme.slug}/events/").status_code == 404


def test_the_page_costs_the_same_for_one_row_and_three(
    page: Client, acme: Organization, django_assert_num_queries
) -> None:
    happened("E0")
    write_down_refusals([Refusal("a")])
    address = f"/o/{acme.slug}/events/"
    page.get(address)
    with CaptureQueriesContext(connection) as one:
        page.get(address)
    happened("E1", who="u-2")
    happened("E2", who="u-3")
    write_down_refusals([Refusal("b"), Refusal("c")])
    with django_assert_num_queries(len(one)):
        page.get(address)
    assert page.get(f"{address}?after=E1").status_code == 200
    assert page.get(f"{address}?after=%00").status_code == 200
