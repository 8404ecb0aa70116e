"""Finding customers by what somebody typed: in small organisations and, another way, in large ones."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from uuid import uuid4

import psycopg2
import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.customers import search
from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.queries import customers
from apps.customers.search import matching
from apps.organizations.models import Organization, Unit
from cxm.actor import Actor
from cxm.ids import uuid7
from cxm.scope import tenant
from cxm.web.palette import find
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer

SYSTEM = Actor.system("test")
CITIES = ("Berlin", "Łódź", "São Paulo", "New York")


def names_found(text: str) -> set[str]:
    return {row.name for row in matching(customers(SYSTEM), text)}


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def large(db: None) -> Organization:
    """More customers than are looked at one by one: most alike, some rare ones among the oldest."""
    organization = an_organization("Large")
    with tenant(organization):
        rows = [
            Customer(
                id=uuid7(),
                external_id=f"u-{number}",
                name=f"{'Anna' if number % 2 else 'Omar'} Smith {number}",
                email=f"person{number}@{'mail' if number % 3 else 'post'}.example",
                attributes={"city": CITIES[number % 4], "visits": number},
                created_at=now() - timedelta(minutes=number),
            )
            for number in range(search.SAMPLE + 300)
        ]
        rows[-1].name, rows[-1].attributes = "Zoë Quist", {"plan": "Platinum Élite", "note": "100% _sure_"}
        rows[-2].name, rows[-2].phone, rows[-2].account = "Xu Wei", "+493012345", "Tyrell Corp"
        Customer.objects.bulk_create(rows)
    return organization


TEXTS = [
    "smith", "anna", "anna smith 7", "omar 2299", "zoë", "ZOË quist", "platinum", "élite", "xu", "xu wei", "tyrell",
    "49301", "u-2150", "u-21", "person2150@", "post.example", "berlin anna", "berlin omar", "łódź", "paulo",
    "100%", "_sure_", "quist smith", "nobody", "z", "zq", "q", "w", "1", "77", "a", "an", "a smith", "zq smith",
    "qu platinum",
]  # fmt: skip


def holds(customer: Customer, word: str) -> bool:
    """The promise in plain Python: anywhere from three characters on, else at the beginning of a word."""
    text = customer.search_text
    if len(word) >= 3:
        return word in text
    return text.startswith(word) or any(before + word in text for before in search.WORD_STARTS)


def test_large_organisation_finds_exactly_who_holds_every_word(large: Organization) -> None:
    with tenant(large):
        everybody = list(Customer.objects.all())
        for text in TEXTS:
            newest = list(matching(customers(SYSTEM), text).order_by("-created_at", "-id"))
            words = text.lower().split()
            assert {row.pk for row in newest} == {
                row.pk for row in everybody if all(holds(row, word) for word in words)
            }, text
            times = [row.created_at for row in newest]
            assert times == sorted(times, reverse=True), text


def test_small_organisation_finds_every_word_in_any_column_and_case(acme: Organization) -> None:
    with tenant(acme):
        ada = a_customer(name="Ada King", email="ada@example.com", account="Engines Ltd", phone="+4930123456")
        a_customer(name="Bob")
        for text in ("ADA", "king ada", "engines", "ada@EXAMPLE", "30123", ada.external_id, "k a", "e"):
            assert "Ada King" in names_found(text), text
        for text in ("nobody", "%", "_", "\\", "ada bob", "in"):
            assert names_found(text) == set(), text


def test_common_and_rare_texts_take_different_ways_of_few_queries(large: Organization) -> None:
    with tenant(large):
        ways = {}
        for text in ("smith", "platinum", "zq smith"):
            with CaptureQueriesContext(connection) as captured:
                assert len(matching(customers(SYSTEM), text).order_by("-created_at", "-id")[:50]) <= 50
            ways[text] = ["STRPOS" in captured[-1]["sql"], len(captured) <= 5]
    assert ways == {"smith": [True, True], "platinum": [False, True], "zq smith": [False, True]}


def test_attributes_are_found_by_value_and_not_by_name(acme: Organization) -> None:
    with tenant(acme):
        a_customer(name="Ada", attributes={"favourite_colour": "Ultramarine", "codes": ["QX-77", "B2"], "age": 41})
        a_customer(name="Bo", attributes={"favourite_colour": "red"})
        assert names_found("ultramarine") == {"Ada"}
        assert names_found("qx-77") == {"Ada"}
        assert names_found("41") == {"Ada"}
        assert names_found("favourite_colour") == set()


def test_former_addresses_and_anonymous_ids_are_found_by_whole_or_beginning(acme: Organization) -> None:
    with tenant(acme):
        ada, bo = a_customer(name="Ada", email="ada@new.example"), a_customer(name="Bo")
        for kind, value, owner in (
            ("email", "ada@old.example", ada),
            ("phone", "+4930555777", ada),
            ("anonymous_id", "7f3c-cookie", bo),
            ("anonymous_id", "7f3c-nobody", None),
        ):
            CustomerIdentifier.objects.create(kind=kind, value=value, customer=owner)
        for text, found in (
            ("ada@old.example", {"Ada"}),
            ("ADA@OLD", {"Ada"}),
            ("+49 30 555-777", {"Ada"}),
            ("7f3c-cookie", {"Bo"}),
            ("7f3c", {"Bo"}),
            ("old.example", set()),
            ("7f", set()),
        ):
            assert names_found(text) == found, text


@pytest.mark.parametrize("text", ["\x00", "a\x00da", "\ud800", "%", "_", "\\", "'", '"', "x" * 5000, "a " * 500, " "])
def test_any_text_can_be_searched_for(acme: Organization, text: str) -> None:
    with tenant(acme):
        a_customer(name="Ada")
        assert names_found(text) <= {"Ada"}
        assert names_found("a\x00da") == {"Ada"}


def test_list_counts_no_further_than_it_says(large: Organization) -> None:
    manager = signed_in(a_member(large, "manager"))
    text = manager.get(f"/o/{large.slug}/customers/", {"q": "smith"}).content.decode()
    assert "more than 100" in text
    assert "2\u202f300 customers" in manager.get(f"/o/{large.slug}/customers/").content.decode()
    assert "1 customer<" in manager.get(f"/o/{large.slug}/customers/", {"q": "platinum"}).content.decode()


def walk(client: Client, start: str, rel: str) -> list[str]:
    """The external ids on every page from an address on, page by page through its links."""
    seen: list[str] = []
    address = start
    while address:
        html = client.get(address).content.decode()
        ids = [cell.split("<")[0] for cell in html.split("</a></td>\n     <td>")[1:]]
        seen = [*ids, *seen] if rel == "prev" else [*seen, *ids]
        parts = html.split(f'rel="{rel}" href="')
        address = start.split("?")[0] + parts[1].split('"')[0].replace("&amp;", "&") if len(parts) > 1 else ""
    return seen


@pytest.mark.parametrize("sort", ["", "created", "external_id", "-external_id", "-name"])
def test_pages_of_the_list_hold_everybody_once_there_and_back(acme: Organization, sort: str) -> None:
    with tenant(acme):
        Customer.objects.bulk_create(
            Customer(id=uuid7(), external_id=f"u-{n}", name=f"N {n % 7}", created_at=now() - timedelta(days=n // 10))
            for n in range(130)
        )
    manager = signed_in(a_member(acme, "manager"))
    start = f"/o/acme/customers/?sort={sort}"
    down = walk(manager, start, "next")
    assert sorted(down) == sorted(f"u-{n}" for n in range(130))
    last = start
    while 'rel="next" href="' in (html := manager.get(last).content.decode()):
        last = "/o/acme/customers/" + html.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert walk(manager, last, "prev") == down


def test_position_of_another_order_or_none_is_the_first_page(acme: Organization) -> None:
    with tenant(acme):
        a_customer(name="Ada")
    manager = signed_in(a_member(acme, "manager"))
    for odd in ("x", "W10:abc", "\x00", "é"):
        assert "Ada" in manager.get("/o/acme/customers/", {"cursor": odd}).content.decode()


def test_palette_and_api_find_the_same(large: Organization) -> None:
    api: APIClient = an_api_client(large)
    body = api.get("/api/v1/customers/", {"q": "platinum"}).json()
    assert [row["name"] for row in body["results"]] == ["Zoë Quist"]
    names, address = [], "/api/v1/customers/?q=anna+mail.example&limit=500"
    while address:
        body = api.get(address).json()
        names += [row["name"] for row in body["results"]]
        address = body["next"]
    with tenant(large):
        expected = [
            row.name
            for row in Customer.objects.order_by("-created_at")
            if holds(row, "anna") and holds(row, "mail.example")
        ]
        actor = an_actor(large, "manager")
        found = dict(find(actor, large, "platinum"))
    assert names == expected
    assert [item.label for item in found["Customers"]] == ["Zoë Quist"]


def test_search_stays_inside_the_organisation_and_the_branch(acme: Organization) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = a_customer(name="Zarathustra", email="z@other.example")
        CustomerIdentifier.objects.create(kind="anonymous_id", value="cookie-of-theirs", customer=theirs)
    with tenant(acme):
        assert names_found("zarathustra") == names_found("z@other.example") == names_found("cookie-of-theirs") == set()
        north, south = Unit.objects.create(name="North", code="n"), Unit.objects.create(name="South", code="s")
        a_customer(name="Nora North", unit=north)
        hidden = a_customer(name="Sven South", unit=south)
        CustomerIdentifier.objects.create(kind="anonymous_id", value="cookie-of-sven", customer=hidden)
        branch = an_actor(acme, "agent", unit=north)
        assert [row.name for row in matching(customers(branch), "nor")] == ["Nora North"]
        assert not matching(customers(branch), "sven").exists()
        assert not matching(customers(branch), "cookie-of-sven").exists()


def test_merged_records_are_not_found(acme: Organization) -> None:
    with tenant(acme):
        kept = a_customer(name="Kept")
        gone = a_customer(name="Gone")
        Customer.records.filter(pk=gone.pk).update(merged_into=kept)
        assert names_found("gone") == set()
        assert names_found("kept") == {"Kept"}
        assert not matching(customers(SYSTEM), str(uuid4())).exists()


def test_search_uses_the_trigram_index_behind_the_wall(transactional_db: None) -> None:
    organization = an_organization("Large")
    with tenant(organization):
        Customer.objects.bulk_create(Customer(name=f"Customer number {n}") for n in range(5000))
    tidy_as_owner("customers_customer")
    with tenant(organization), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # at this size reading the whole table is as cheap
        plan = Customer.objects.filter(search.holds(["number", "2718"])).explain()
    assert "Bitmap Index Scan on customer_search" in plan


def tidy_as_owner(table: str) -> None:
    """Statistics and a tidy index, which only the owner of a table can make."""
    owner = settings.DATABASES["owner"]
    parameters = connection.get_connection_params() | {"user": owner["USER"], "password": owner["PASSWORD"]}
    for ours in ("cursor_factory", "context"):
        parameters.pop(ours, None)
    with closing(psycopg2.connect(**parameters)) as session:
        session.autocommit = True
        session.cursor().execute(f"VACUUM ANALYZE {table}")
