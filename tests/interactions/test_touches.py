"""Calls, meetings, visits and notes that colleagues write down on a customer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.audit.models import AuditEntry
from apps.customers.models import Customer
from apps.interactions.models import Interaction
from apps.interactions.touches import add_touch
from apps.organizations.models import Organization, Unit
from apps.outbox.models import OutboxEvent
from cxm.actor import Actor
from cxm.errors import NotAllowed
from cxm.ids import timed_uuid7
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.interactions import an_activity, an_interaction

SYSTEM = Actor.system("test")


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def customer(acme: Organization) -> Customer:
    with tenant(acme):
        return a_customer(name="Ada King")


@pytest.fixture
def agent(acme: Organization) -> Client:
    return signed_in(a_member(acme, "agent", name="Gus Agent"))


def page(customer: Customer, rest: str = "touches/new/") -> str:
    return f"/o/acme/customers/{customer.pk}/{rest}"


def api_address(customer: Customer, touch: object = "") -> str:
    return f"/api/v1/customers/{customer.pk}/touches/" + (f"{touch}/" if touch else "")


def minute_ago() -> str:
    return (now() - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M")


def test_call_written_down_on_the_profile_stands_on_the_timeline(
    acme: Organization, customer: Customer, agent: Client
) -> None:
    assert page(customer) in agent.get(page(customer, "")).content.decode()
    form = agent.get(page(customer), {"kind": "call"}).content.decode()
    assert "Not reached" in form
    sent = {
        "occurred_at": minute_ago(),
        "channel": "phone",
        "outcome": "reached",
        "other_outcome": "",
        "text": "Asked for a <b>quote</b>",
    }
    response = agent.post(page(customer) + "?kind=call", sent)
    assert response["Location"] == page(customer, "")
    with tenant(acme):
        touch = Interaction.objects.get()
        assert (touch.kind, touch.event, touch.source, touch.channel) == ("call", "Call", "hand", "phone")
        assert (touch.customer_id, touch.identity_id) == (customer.pk, customer.pk)
        assert touch.properties == {"outcome": "reached", "text": "Asked for a <b>quote</b>"}
        assert AuditEntry.objects.filter(action="interactions.touch_added", target_id=touch.pk).exists()
    shown = agent.get(page(customer, "")).content.decode()
    assert "Reached" in shown
    assert "Asked for a &lt;b&gt;quote" in shown
    assert page(customer, f"touches/{touch.pk}/") in shown


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("meeting", "Meeting"),
        ("visit", "Visit"),
        ("attendance", "Event attended"),
        ("message", "Message"),
        ("note", "Note"),
    ],
)
def test_each_kind_is_an_event_of_its_own_name(acme: Organization, customer: Customer, kind: str, event: str) -> None:
    agent = signed_in(a_member(acme, "agent"))
    sent = {"occurred_at": minute_ago(), "channel": "other", "text": "Something", "other_outcome": "All went well"}
    assert agent.post(page(customer) + f"?kind={kind}", sent).status_code == 302
    with tenant(acme):
        touch = Interaction.objects.get()
    assert (touch.kind, touch.event) == (kind, event)
    expected = {"text": "Something"} if kind == "note" else {"text": "Something", "outcome": "All went well"}
    assert touch.properties == expected


def test_owner_is_whoever_writes_unless_another_colleague_is_named(acme: Organization, customer: Customer) -> None:
    with tenant(acme):
        actor = an_actor(acme, "agent")
        mine = add_touch(actor=actor, customer=customer, values={"kind": "note", "text": "x"})
        other = a_member(acme, "manager", name="Mara Manager")
        theirs = add_touch(actor=actor, customer=customer, values={"kind": "note", "text": "x", "owner": other.pk})
    assert mine.properties["owner"] == str(actor.id)
    assert theirs.properties["owner_name"] == "Mara Manager"


def test_changing_the_words_keeps_the_touch_and_tells_of_it(
    acme: Organization, customer: Customer, agent: Client
) -> None:
    with tenant(acme):
        touch = add_touch(
            actor=SYSTEM, customer=customer, values={"kind": "call", "outcome": "talked long", "text": "a"}
        )
        OutboxEvent.objects.all().delete()
    form = agent.get(page(customer, f"touches/{touch.pk}/")).content.decode()
    assert 'value="talked long"' in form
    sent = {
        "occurred_at": touch.occurred_at.strftime("%Y-%m-%dT%H:%M"),
        "channel": "sms",
        "outcome": "not_reached",
        "text": "b",
    }
    assert agent.post(page(customer, f"touches/{touch.pk}/"), sent).status_code == 302
    with tenant(acme):
        again = Interaction.objects.get(pk=touch.pk)
        assert again.properties == {"outcome": "not_reached", "text": "b"}
        assert (again.channel, again.occurred_at) == ("sms", touch.occurred_at)
        told = OutboxEvent.objects.filter(topic="interactions.recorded")
        assert all(event.payload["customers"] == [str(customer.pk)] for event in told)
        entry = AuditEntry.objects.get(action="interactions.touch_changed")
    assert entry.fields == ["channel", "properties"]


def test_changing_the_time_files_it_under_that_time(acme: Organization, customer: Customer) -> None:
    api = an_api_client(acme)
    made = api.post(api_address(customer), {"kind": "visit", "text": "There"}).json()
    moved = api.patch(api_address(customer, made["id"]), {"occurred_at": "2024-03-01T10:00:00.1234Z"}).json()
    assert moved["occurred_at"].startswith("2024-03-01T10:00:00.123")
    assert moved["text"] == "There"
    with tenant(acme):
        touch = Interaction.objects.get()
        assert str(touch.pk) == moved["id"] != made["id"]
        assert touch.pk.int >> 80 == timed_uuid7(touch.occurred_at).int >> 80
    assert api.get(api_address(customer, made["id"])).status_code == 404
    assert api.get(api_address(customer, moved["id"])).status_code == 200


def test_removing_a_touch_tells_of_it(acme: Organization, customer: Customer, agent: Client) -> None:
    with tenant(acme):
        touch = add_touch(actor=SYSTEM, customer=customer, values={"kind": "note", "text": "x"})
    assert agent.get(page(customer, f"touches/{touch.pk}/delete/")).status_code == 405
    assert agent.post(page(customer, f"touches/{touch.pk}/delete/")).status_code == 302
    with tenant(acme):
        assert not Interaction.objects.exists()
        assert AuditEntry.objects.filter(action="interactions.touch_deleted").exists()
    assert agent.post(page(customer, f"touches/{touch.pk}/delete/")).status_code == 404


def test_what_other_systems_sent_cannot_be_changed_here(acme: Organization, customer: Customer, agent: Client) -> None:
    with tenant(acme):
        sent = an_interaction(customer, kind="call", source="ingest")
    assert agent.get(page(customer, f"touches/{sent.pk}/")).status_code == 404
    assert agent.post(page(customer, f"touches/{sent.pk}/delete/")).status_code == 404
    api = an_api_client(acme)
    assert api.delete(api_address(customer, sent.pk)).status_code == 404
    assert api.get(api_address(customer)).json()["results"] == []
    with tenant(acme):
        assert Interaction.objects.filter(pk=sent.pk).exists()


def test_api_lists_touches_newest_first_page_by_page(acme: Organization, customer: Customer) -> None:
    api = an_api_client(acme)
    with tenant(acme):
        other = a_customer()
        add_touch(actor=SYSTEM, customer=other, values={"kind": "note", "text": "of somebody else"})
        for hours in range(5):
            at = now() - timedelta(hours=hours)
            add_touch(actor=SYSTEM, customer=customer, values={"kind": "note", "text": f"n{hours}", "occurred_at": at})
    texts: list[str] = []
    address = api_address(customer) + "?limit=2"
    while address:
        body = api.get(address).json()
        texts += [row["text"] for row in body["results"]]
        address = body["next"]
    assert texts == ["n0", "n1", "n2", "n3", "n4"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("kind", "dance"),
        ("kind", None),
        ("kind", ["call"]),
        ("occurred_at", "2999-01-01T00:00:00Z"),
        ("occurred_at", "1969-12-31T00:00:00Z"),
        ("occurred_at", "yesterday"),
        ("channel", "smoke"),
        ("outcome", "x" * 201),
        ("outcome", "a\x00b"),
        ("text", "x" * 10_001),
        ("owner", "01a20000-0000-7000-8000-000000000001"),
        ("owner", "x"),
        ("activity", "01a20000-0000-7000-8000-000000000002"),
    ],
)
def test_wrong_fields_are_refused_by_name(acme: Organization, customer: Customer, field: str, value: object) -> None:
    api = an_api_client(acme)
    response = api.post(api_address(customer), {"kind": "call", "text": "x", field: value})
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"].split(".")[-1] == field
    with tenant(acme):
        assert not Interaction.objects.exists()


def test_owner_and_activity_of_another_organisation_do_not_exist(acme: Organization, customer: Customer) -> None:
    other = an_organization("Other")
    with tenant(other):
        activity, stranger = an_activity(), a_member(other)
    api = an_api_client(acme)
    for field, pk in (("activity", activity.pk), ("owner", stranger.pk)):
        assert api.post(api_address(customer), {"kind": "call", field: str(pk)}).status_code == 400


def test_branch_writes_only_on_its_own_customers(acme: Organization) -> None:
    with tenant(acme):
        north, south = Unit.objects.create(name="North", code="n"), Unit.objects.create(name="South", code="s")
        ours, theirs = a_customer(unit=north), a_customer(unit=south)
    client = signed_in(a_member(acme, "agent", unit=north))
    assert client.get(page(ours)).status_code == 200
    assert client.get(page(theirs)).status_code == 404
    with tenant(acme):
        actor = an_actor(acme, "agent", unit=north)
        assert add_touch(actor=actor, customer=ours, values={"kind": "note"}).unit_id == north.pk
        with pytest.raises(NotAllowed):
            add_touch(actor=actor, customer=theirs, values={"kind": "note"})


def test_customers_of_another_organisation_are_not_there(acme: Organization, agent: Client) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = a_customer()
        touch = add_touch(actor=SYSTEM, customer=theirs, values={"kind": "note"})
    api: APIClient = an_api_client(acme)
    assert agent.post(page(theirs), {"text": "x"}).status_code == 404
    assert agent.get(page(theirs, f"touches/{touch.pk}/")).status_code == 404
    assert api.post(api_address(theirs), {"kind": "note"}).status_code == 404
    assert api.get(api_address(theirs, touch.pk)).status_code == 404
    with tenant(other):
        assert Interaction.objects.count() == 1
