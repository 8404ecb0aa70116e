"""One timeline over interactions, answers, invitations and consent: pages, filters, and what stands on a profile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.customers.models import Account, Customer, CustomerIdentifier
from apps.customers.profile_page import (
    ACTIONS,
    SECTIONS,
    register_profile_action,
    register_profile_section,
)
from apps.customers.services import CustomerReference, record_consent
from apps.customers.timeline import SOURCES, timeline_of
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.interactions.timeline import id_before
from apps.interactions.touches import add_touch
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.ids import timed_uuid7, uuid7
from cxm.partitions import lowest_id
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.interactions import an_activity, an_interaction
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
NOON = datetime(2026, 10, 5, 12, tzinfo=UTC)


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def customer(acme: Organization) -> Customer:
    with tenant(acme):
        return a_customer(name="Ada King")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


def profile(customer: Customer) -> str:
    return f"/o/acme/customers/{customer.pk}/"


def timeline(customer: Customer) -> str:
    return f"/api/v1/customers/{customer.pk}/timeline/"


def everything(acme: Organization, customer: Customer) -> None:
    """Something of every source and several channels, several of them at the very same time."""
    with tenant(acme):
        survey = a_survey()
        rows = [
            NewInteraction(
                event=f"event {number}",
                customer_id=customer.pk,
                occurred_at=NOON - timedelta(minutes=number // 3),
                channel=("web", "app", "phone")[number % 3],
                kind=("event", "page", "screen")[number % 3],
                order=number,
            )
            for number in range(12)
        ]
        record_interactions(actor=SYSTEM, rows=rows)
        add_touch(actor=SYSTEM, customer=customer, values={"kind": "call", "occurred_at": NOON, "text": "hello"})
        for number in range(3):
            at = NOON - timedelta(minutes=number)
            record_consent(actor=SYSTEM, customer=customer, purpose="surveys", channel="email", at=at)
            an_answer(survey, customer=CustomerReference(id=customer.pk), occurred_at=at, channel="web")
        an_interaction(a_customer(), "of somebody else", NOON)


def read_all(api: APIClient, address: str, **query: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    body = api.get(address, query).json()
    while True:
        found += body["results"]
        if not body["next"]:
            return found
        body = api.get(body["next"]).json()


def test_every_page_size_gives_the_same_whole_in_order(acme: Organization, customer: Customer, api: APIClient) -> None:
    everything(acme, customer)
    whole = read_all(api, timeline(customer))
    assert len(whole) == 12 + 1 + 3 + 3
    keys = [(str(item["at"]), str(item["id"])) for item in whole]
    assert keys == sorted(keys, reverse=True)
    for size in (1, 2, 5, 7):
        assert read_all(api, timeline(customer), limit=size) == whole
    with tenant(acme):
        customers = {str(pk) for pk in Interaction.objects.filter(customer=customer).values_list("pk", flat=True)}
    assert customers <= {item["id"] for item in whole}


@pytest.mark.parametrize(
    ("query", "kinds", "count"),
    [
        ({"kind": "call"}, {"call"}, 1),
        ({"kind": ["page", "consent"]}, {"page", "consent"}, 7),
        ({"kind": "feedback"}, {"feedback"}, 3),
        ({"channel": "web"}, {"event", "feedback"}, 7),
        ({"channel": "email"}, {"consent"}, 3),
        ({"channel": "phone", "kind": "screen"}, {"screen"}, 4),
        ({"channel": "kiosk"}, set(), 0),
        ({"from": "2026-10-05T12:00:00Z"}, {"event", "page", "screen", "call", "consent", "feedback"}, 6),
        ({"to": "2026-10-05T11:58:00Z"}, {"event", "page", "screen"}, 3),
        ({"from": "2026-10-05", "to": "2026-10-05", "kind": "event"}, {"event"}, 4),
        ({"from": "2026-10-06"}, set(), 0),
        ({"to": "2026-10-04"}, set(), 0),
    ],
)
def test_filters_are_exact_at_any_page_size(
    acme: Organization, customer: Customer, api: APIClient, query: dict[str, object], kinds: set[str], count: int
) -> None:
    everything(acme, customer)
    found = read_all(api, timeline(customer), **query)
    assert ({item["kind"] for item in found}, len(found)) == (kinds, count)
    assert read_all(api, timeline(customer), limit=2, **query) == found


@pytest.mark.parametrize(
    "query", [{"kind": "nope"}, {"channel": "smoke"}, {"from": "soon"}, {"from": "2026-10-05", "to": "2026-10-01"}]
)
def test_unknown_filters_are_named(customer: Customer, api: APIClient, query: dict[str, str]) -> None:
    response = api.get(timeline(customer), query)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] in query


@pytest.mark.parametrize(
    "query",
    ["from=0001-01-01", "to=9999-12-31", "from=x", "kind=nope", "channel=nope", "before=x", "before=2026-01-01_x",
     "before=9999-12-31T23:59:59-14:00_01a20000-0000-7000-8000-000000000000", "kind=&channel=&from=&to=", "from=%00",
     "before=0001-01-01T00:00:00%2B14:00_01a20000-0000-7000-8000-000000000000", "attribute=%00", "kind=call&kind=page"],
)  # fmt: skip
def test_odd_queries_never_break_the_profile(customer: Customer, manager: Client, query: str) -> None:
    assert manager.get(f"{profile(customer)}?{query}").status_code == 200


def test_days_are_those_of_the_organisation(db: None) -> None:
    auckland = an_organization("Far", zone="Pacific/Auckland")
    api = an_api_client(auckland)
    with tenant(auckland):
        customer = a_customer()
        an_interaction(customer, "late", datetime(2026, 10, 4, 11, 30, tzinfo=UTC))
    assert len(read_all(api, timeline(customer), **{"from": "2026-10-05", "to": "2026-10-05"})) == 1
    assert read_all(api, timeline(customer), to="2026-10-04") == []


def test_bound_of_a_page_lies_between_what_is_older_and_what_is_not() -> None:
    rows = [timed_uuid7(NOON + timedelta(milliseconds=ms), order) for ms in range(4) for order in range(3)]
    for ms in (0, 1, 2):
        at = NOON + timedelta(milliseconds=ms)
        for pk in (*rows, uuid7(), uuid4(), UUID(int=0), UUID(int=2**128 - 1)):
            bound = id_before((at, pk))
            for row in rows:
                time = (row.int >> 80) - (lowest_id(NOON).int >> 80)
                assert (row < bound) == (time < ms or (time == ms and row < pk))
    between = NOON + timedelta(microseconds=1500)
    assert [row < id_before((between, UUID(int=0))) for row in rows] == [True] * 6 + [False] * 6


def test_page_costs_the_same_queries_with_few_and_many_items(
    acme: Organization, customer: Customer, manager: Client
) -> None:
    counts = []
    for more in (1, 200):
        with tenant(acme):
            activity = an_activity()
            rows = [
                NewInteraction(
                    event="e", customer_id=customer.pk, occurred_at=now() - timedelta(hours=n), activity_id=activity.pk
                )
                for n in range(more)
            ]
            record_interactions(actor=SYSTEM, rows=rows)
        manager.get(profile(customer))
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(profile(customer)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_kinds_of_one_source_do_not_ask_the_others(acme: Organization, customer: Customer) -> None:
    everything(acme, customer)
    with tenant(acme):
        with CaptureQueriesContext(connection) as captured:
            assert len(timeline_of(actor=SYSTEM, customer=customer, kinds=["page"], channel="app")) == 4
        assert len(captured) == 1
        with CaptureQueriesContext(connection) as captured:
            timeline_of(actor=SYSTEM, customer=customer, limit=5)
        assert len(captured) == len(SOURCES)


def test_page_reads_only_the_months_of_the_period(acme: Organization, customer: Customer) -> None:
    with tenant(acme):
        an_interaction(customer, "x", now())
        with CaptureQueriesContext(connection) as captured:
            timeline_of(actor=SYSTEM, customer=customer, kinds=["event"], start=now() - timedelta(days=1))
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + captured[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"interaction_{now() - timedelta(days=70):%Y_%m}" not in plan
    assert f"interaction_{now():%Y_%m}" in plan
    assert "history" not in plan


def test_profile_goes_back_page_by_page_under_the_days(acme: Organization, customer: Customer, manager: Client) -> None:
    with tenant(acme):
        rows = [
            NewInteraction(event=f"event-{n:03}.", customer_id=customer.pk, occurred_at=NOON - timedelta(hours=n))
            for n in range(120)
        ]
        record_interactions(actor=SYSTEM, rows=rows)
    first = manager.get(profile(customer), {"kind": "event"}).content.decode()
    assert "event-049." in first
    assert "event-050." not in first
    assert "5 October 2026" in first
    older = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert "kind=event" in older
    second = manager.get(profile(customer) + older).content.decode()
    assert "event-050." in second
    assert "event-099." in second
    assert "event-049." not in second
    assert "event-100." not in second
    fragment = manager.get(profile(customer) + older, headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert "event-050." in fragment.content.decode()
    assert "<html" not in fragment.content.decode()


def test_repeated_page_views_stand_in_one_line(acme: Organization, customer: Customer, manager: Client) -> None:
    with tenant(acme):
        for minutes, title in ((0, "Prices"), (1, "Prices"), (2, "Prices"), (3, "Home"), (4, "Prices")):
            said = {"title": title, "url": "https://shop.example/"}
            an_interaction(customer, "Page viewed", NOON - timedelta(minutes=minutes), kind="page", properties=said)
    text = manager.get(profile(customer)).content.decode()
    assert text.count("Viewed Prices</b>") == 2
    assert "3 times" in text
    assert "Viewed Home</b>" in text


def test_words_of_people_are_shown_as_they_are_and_never_as_markup(
    acme: Organization, customer: Customer, manager: Client
) -> None:
    said = {"<b>name</b>": "<script>alert(1)</script>", "nested": {"a": [1, None, True]}, "text": "not a note"}
    with tenant(acme):
        activity = an_activity(name="<i>Fair</i>")
        an_interaction(customer, "<u>odd</u>", NOON, properties=said, activity_id=activity.pk)
    text = manager.get(profile(customer)).content.decode()
    assert "&lt;u&gt;odd" in text
    assert "&lt;script&gt;alert(1)" in text
    assert "&lt;i&gt;Fair" in text
    assert "<script>alert" not in text


def test_who_may_not_read_names_gets_what_people_wrote_without_them(acme: Organization, customer: Customer) -> None:
    with tenant(acme):
        words = "Ada King, ada@example.com, +49 30 1234567"
        add_touch(actor=SYSTEM, customer=customer, values={"kind": "note", "text": words})
        an_interaction(customer, "signed_up", properties={"mail": "ada@example.com", "steps": 3})
    for role, unmasked in (("manager", True), ("analyst", False)):
        text = signed_in(a_member(acme, role)).get(profile(customer)).content.decode()
        assert (words in text) == unmasked
        assert ('<dd dir="auto">ada@example.com</dd>' in text) == unmasked
    narrow = an_api_client(acme, scopes=["customers.view", "interactions.view"])
    items = narrow.get(timeline(customer)).json()["results"]
    assert "ada@example.com" not in str(items)
    assert "1234567" not in str(items)
    assert [item["data"]["properties"].get("steps") for item in items if item["kind"] == "event"] == [3]


def test_without_the_right_to_interactions_they_are_not_there(acme: Organization, customer: Customer) -> None:
    everything(acme, customer)
    narrow = an_api_client(acme, scopes=["customers.view"])
    assert {item["kind"] for item in narrow.get(timeline(customer)).json()["results"]} == {"consent"}
    assert narrow.get(timeline(customer), {"kind": "call"}).json()["results"] == []


def test_profile_shows_identifiers_figures_and_the_ledger_of_consent(
    acme: Organization, customer: Customer, manager: Client
) -> None:
    with tenant(acme):
        for value in ("cookie-1", "cookie-2"):
            CustomerIdentifier.objects.create(kind="anonymous_id", value=value, customer=customer)
        for days in (1, 2, 200):
            an_interaction(customer, "visited", now() - timedelta(days=days))
        survey = a_survey()
        an_answer(survey, customer=CustomerReference(id=customer.pk))
    address = profile(customer) + "consent/"
    for state, at in (("given", "2026-01-05T10:00"), ("withdrawn", "2026-02-05T10:00")):
        sent = {"purpose": "marketing", "channel": "email", "state": state, "how": "by phone", "at": at}
        assert manager.post(address, {**sent, "text_version": "v7"}).status_code == 302
    text = manager.get(profile(customer)).content.decode()
    assert "cookie-2" in text
    assert "Interactions, 90 days</dt><dd>2" in text
    assert "Answers</dt><dd>1" in text
    assert "text v7" in text
    assert "Marketing, E-mail: Withdrawn" in text
    assert "Marketing, E-mail: Given" not in text
    assert (
        manager.post(address, {"purpose": "marketing", "channel": "any", "state": "given", "at": "x"}).status_code
        == 422
    )


def test_profile_leads_to_the_account(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        customer = a_customer(account="engines")
        Account.objects.update_or_create(key="engines", defaults={"name": "Engines Ltd"})
        account = Account.objects.get(key="engines")
    text = manager.get(profile(customer)).content.decode()
    assert f'<a href="/o/acme/accounts/{account.pk}/">Engines Ltd</a>' in text


def test_many_attributes_can_be_searched_and_long_ones_opened(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        attributes = {f"field_{n}": f"value {n}" for n in range(25)} | {"story": "long " * 100}
        customer = a_customer(attributes=attributes)
    text = manager.get(profile(customer)).content.decode()
    assert 'name="attribute"' in text
    assert "<details><summary>long" in text
    found = manager.get(profile(customer), {"attribute": "VALUE 24"}).content.decode()
    assert "field_24" in found
    assert "field_23" not in found
    assert "No attribute fits" in manager.get(profile(customer), {"attribute": "zzz"}).content.decode()


def test_cards_and_actions_of_other_apps_stand_on_the_profile_by_right(
    acme: Organization, customer: Customer, manager: Client
) -> None:
    def load(actor: Actor, person: Customer) -> dict[str, object] | None:
        return {"icon": "star", "title": f"Star of {person.name}"} if person.name != "Nobody" else None

    register_profile_section("test", 1, "members.view", load, "components/empty.html")
    register_profile_action(
        "test", 1, "members.view", label="Do it", icon="star", url_name="customers:edit", shown=lambda c: bool(c.name)
    )
    register_profile_action("gone", 2, "members.view", label="Dead", icon="star", url_name="nowhere:page")
    try:
        text = manager.get(profile(customer)).content.decode()
        assert "Star of Ada King" in text
        assert "Do it" in text
        assert "Dead" not in text
        agent = signed_in(a_member(acme, "agent")).get(profile(customer)).content.decode()
        assert "Star of Ada King" not in agent
        assert "Do it" not in agent
        with tenant(acme):
            nobody = a_customer(name="Nobody")
        assert "Star of" not in manager.get(profile(nobody)).content.decode()
    finally:
        del SECTIONS["test"], ACTIONS["test"], ACTIONS["gone"]
