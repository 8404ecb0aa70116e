"""Commercial activities: whom they touched, how that ended, and what it led to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.customers.models import CustomerIdentifier
from apps.interactions.conversion import figures_of
from apps.interactions.models import Activity, Interaction
from apps.interactions.touches import add_touch
from apps.organizations.models import Organization, Unit
from cxm.actor import Actor
from cxm.scope import tenant
from cxm.web.palette import find
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.interactions import an_activity, an_interaction

SYSTEM = Actor.system("test")
API = "/api/v1/activities/"


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def page(rest: str = "") -> str:
    return f"/o/acme/activities/{rest}"


FIELDS = {
    "name": "Spring calls",
    "kind": "calls",
    "channel": "phone",
    "starts_on": "2026-03-01",
    "ends_on": "2026-03-31",
    "success_event": "contract_signed",
    "success_where": "plan: pro\nseats: 3",
    "window_days": "14",
}


def test_make_change_and_remove(acme: Organization, manager: Client) -> None:
    assert "No activities yet" in manager.get(page()).content.decode()
    response = manager.post(page("new/"), FIELDS)
    with tenant(acme):
        activity = Activity.objects.get()
    assert response["Location"] == page(f"{activity.pk}/")
    assert activity.success_where == {"plan": "pro", "seats": 3}
    assert "seats: 3" in manager.get(page(f"{activity.pk}/edit/")).content.decode()
    manager.post(page(f"{activity.pk}/edit/"), {**FIELDS, "name": "Summer <calls>"})
    assert "Summer &lt;calls&gt;" in manager.get(page()).content.decode()
    with tenant(acme):
        touch = add_touch(actor=SYSTEM, customer=a_customer(), values={"kind": "call", "activity": activity})
    assert "Remove Summer &lt;calls&gt;?" in manager.get(page(f"{activity.pk}/delete/")).content.decode()
    assert manager.post(page(f"{activity.pk}/delete/")).status_code == 302
    with tenant(acme):
        assert Interaction.objects.get(pk=touch.pk).activity_id is None
        assert not Activity.objects.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 121),
        ("kind", "war"),
        ("window_days", "0"),
        ("window_days", "99999999999999999999"),
        ("ends_on", "2026-02-01"),
        ("success_where", "no colon"),
        ("starts_on", "soon"),
    ],
)
def test_wrong_fields_are_shown_beside_what_was_typed(manager: Client, field: str, value: str) -> None:
    response = manager.post(page("new/"), {**FIELDS, field: value})
    assert response.status_code == 422
    assert "contract_signed" in response.content.decode()


def test_conversion_counts_ended_windows_and_keeps_open_ones_apart(acme: Organization) -> None:
    start = now() - timedelta(days=60)
    with tenant(acme):
        activity = an_activity(success_event="bought", success_where={"plan": "pro"}, window_days=10)

        def touched(at_day: float, *, buys: float | None = None, plan: str = "pro") -> None:
            customer = a_customer()
            at = start + timedelta(days=at_day)
            values = {"kind": "call", "activity": activity, "occurred_at": at, "outcome": "reached"}
            add_touch(actor=SYSTEM, customer=customer, values=values)
            add_touch(actor=SYSTEM, customer=customer, values={**values, "occurred_at": at + timedelta(days=20)})
            if buys is not None:
                moment = at.replace(microsecond=at.microsecond // 1000 * 1000) + timedelta(days=buys)
                an_interaction(customer, "bought", moment, properties={"plan": plan, "seats": 2})

        touched(0, buys=0)
        touched(0, buys=10)
        touched(0, buys=10.001)
        touched(0, buys=-1)
        touched(0, buys=5, plan="basic")
        touched(0)
        for _ in range(2):
            customer = a_customer()
            at = now() - timedelta(days=3)
            add_touch(actor=SYSTEM, customer=customer, values={"kind": "call", "activity": activity, "occurred_at": at})
        an_interaction(customer, "bought", properties={"plan": "pro"})
        an_interaction(a_customer(), "bought", properties={"plan": "pro"})
        figures = figures_of(activity)
    found = figures.conversion
    assert found is not None
    assert (figures.touches, figures.customers) == (14, 8)
    assert (found.ended, found.converted, found.open, found.open_converted) == (6, 2, 2, 1)
    assert found.rate == pytest.approx(1 / 3)
    assert (round(found.low or 0, 3), round(found.high or 0, 3)) == (0.097, 0.7)
    assert [(row.kind, row.outcome, row.touches, row.customers) for row in figures.outcomes] == [
        ("call", "reached", 12, 6),
        ("call", "", 2, 2),
    ]
    body = an_api_client(acme).get(f"{API}{activity.pk}/figures/").json()
    assert body["conversion"].items() >= {"n": 6, "converted": 2, "open": 2, "open_converted": 1}.items()
    text = signed_in(a_member(acme, "analyst")).get(page(f"{activity.pk}/")).content.decode()
    assert "33.3 %" in text
    assert "9.7 to 70.0" in text
    assert "2 of 6" in text
    assert "associated" in text


def test_without_a_success_event_there_is_no_conversion(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        activity = an_activity()
        add_touch(actor=SYSTEM, customer=a_customer(), values={"kind": "call", "activity": activity})
        assert figures_of(activity).conversion is None
    assert "No event means success yet." in manager.get(page(f"{activity.pk}/")).content.decode()
    assert an_api_client(acme).get(f"{API}{activity.pk}/figures/").json()["conversion"] is None


def test_pasted_list_touches_each_customer_once_and_names_the_unknown(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        activity = an_activity(channel="email")
        first = a_customer(external_id="c-1", email="ada@example.com")
        second = a_customer(external_id="c-2", email="bo@example.com")
        third = a_customer(external_id="c-3")
        CustomerIdentifier.objects.create(kind="email", value="old@example.com", customer=third)
    sent = {
        "customers": "c-1\nADA@example.com, bo@example.com;old@example.com\n\nnobody@example.com",
        "kind": "message",
        "occurred_at": "2026-01-05T10:00",
        "outcome": "sent",
    }
    response = manager.post(page(f"{activity.pk}/customers/"), sent, follow=True)
    text = response.content.decode()
    assert "3 customers touched." in text
    assert "1 entry names nobody: nobody@example.com" in text
    with tenant(acme):
        touches = list(Interaction.objects.filter(activity=activity))
    assert {touch.customer_id for touch in touches} == {first.pk, second.pk, third.pk}
    assert {(touch.kind, touch.channel, touch.properties["outcome"]) for touch in touches} == {
        ("message", "email", "sent")
    }
    assert manager.post(page(f"{activity.pk}/customers/"), {"customers": " ,\n"}).status_code == 422
    api = an_api_client(acme)
    body = api.post(f"{API}{activity.pk}/customers/", {"customers": ["c-1", "x"], "kind": "call"}).json()
    assert body == {"touched": 1, "unknown": ["x"], "unknown_count": 1}
    many = ["c"] * 5_001
    assert api.post(f"{API}{activity.pk}/customers/", {"customers": many, "kind": "call"}).status_code == 400


def test_branch_adds_only_its_own_customers(acme: Organization) -> None:
    with tenant(acme):
        north = Unit.objects.create(name="North", code="n")
        activity = an_activity()
        a_customer(external_id="ours", unit=north, name="Our Nora")
        hidden = a_customer(external_id="theirs", name="Their Theo")
        add_touch(actor=SYSTEM, customer=hidden, values={"kind": "call", "activity": activity})
    client = signed_in(a_member(acme, "agent", unit=north))
    sent = {"customers": "ours\ntheirs", "kind": "call", "occurred_at": "2026-01-05T10:00"}
    text = client.post(page(f"{activity.pk}/customers/"), sent, follow=True).content.decode()
    assert "1 entry names nobody: theirs" in text
    assert "Our Nora" in text
    assert "Their Theo" not in text


def test_list_finds_filters_and_costs_the_same_for_one_and_three(acme: Organization, manager: Client) -> None:
    counts = []
    for names in (["Alpha"], ["Beta", "Gamma"]):
        with tenant(acme):
            for name in names:
                activity = an_activity(name=name, kind="event" if name == "Beta" else "calls")
                add_touch(actor=SYSTEM, customer=a_customer(), values={"kind": "call", "activity": activity})
        manager.get(page())
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(page()).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert "Beta" not in manager.get(page(), {"q": "alp"}).content.decode()
    shown = manager.get(page(), {"kind": "event"}).content.decode()
    assert "Beta" in shown
    assert "Alpha" not in shown
    with tenant(acme):
        found = dict(find(an_actor(acme, "analyst"), acme, "alph"))
    assert [item.label for item in found["Activities"]] == ["Alpha"]
    for odd in ("sort=nope", "kind=nope", "q=%00", "page=x"):
        assert manager.get(f"{page()}?{odd}").status_code == 200


def test_roles_and_other_organisations(acme: Organization, manager: Client) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = an_activity(name="Secret plan")
    assert "Secret plan" not in manager.get(page()).content.decode()
    for rest in ("", "edit/", "delete/"):
        assert manager.get(page(f"{theirs.pk}/{rest}")).status_code == 404
    assert an_api_client(acme).get(f"{API}{theirs.pk}/figures/").status_code == 404
    agent = signed_in(a_member(acme, "agent"))
    assert agent.get(page()).status_code == 200
    assert agent.post(page("new/"), FIELDS).status_code == 403
    assert signed_in(a_member(acme, "employee")).get(page()).status_code == 403
