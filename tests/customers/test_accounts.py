"""Accounts, and merging through the API."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.customers import accounts, services
from apps.customers.models import Account, Customer
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.customers import a_customer, an_account

SYSTEM = Actor.system("test")
START = datetime(2026, 3, 1, tzinfo=UTC)
CUSTOMERS = "/api/v1/customers/"
ACCOUNTS = "/api/v1/accounts/"


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


def test_naming_an_unknown_account_makes_it(acme: Organization) -> None:
    customer = a_customer(account="ACME")
    assert Account.objects.get().key == "ACME"
    services.update_customer(actor=SYSTEM, customer=customer, account="Other")
    assert set(Account.objects.values_list("key", flat=True)) == {"ACME", "Other"}
    assert {row.key: row.customer_count for row in accounts.accounts(SYSTEM)} == {"ACME": 0, "Other": 1}


def test_account_is_made_changed_and_removed(acme: Organization) -> None:
    account = an_account(key="acme", name="Acme", attributes={"seats": 3})
    with pytest.raises(Conflict):
        an_account(key="acme")
    accounts.update_account(actor=SYSTEM, account=account, merge=True, values={"attributes": {"tier": "a"}})
    accounts.update_account(actor=SYSTEM, account=account, values={"name": "Acme AG"})
    account.refresh_from_db()
    assert (account.name, account.attributes) == ("Acme AG", {"seats": 3, "tier": "a"})
    with pytest.raises(DomainError) as caught:
        accounts.update_account(actor=SYSTEM, account=account, values={"key": "else"})
    assert caught.value.errors[0]["field"] == "key"
    customer = a_customer(account="acme")
    with pytest.raises(Conflict):
        accounts.delete_account(actor=SYSTEM, account=account)
    services.delete_customer(actor=SYSTEM, customer=customer)
    accounts.delete_account(actor=SYSTEM, account=account)
    assert not Account.objects.exists()


@pytest.mark.parametrize("late_first", [True, False])
def test_what_group_calls_say_counts_by_its_time(acme: Organization, late_first: bool) -> None:
    calls = [
        (START + timedelta(hours=1), {"name": "Acme AG", "seats": 5}),
        (START, {"name": "Acme", "seats": 3, "city": "Ulm", "owner": {"id": 7}}),
    ]
    for at, traits in calls if late_first else reversed(calls):
        accounts.upsert_account(key="acme", traits=traits, at=at)
    account = Account.objects.get()
    assert account.name == "Acme AG"
    assert account.attributes == {"seats": 5, "city": "Ulm", "owner.id": 7}


def test_accounts_by_the_api(api: APIClient, acme: Organization) -> None:
    made = api.post(ACCOUNTS, {"key": "acme", "name": "Acme AG", "attributes": {"seats": 3}}, format="json")
    assert made.status_code == 201
    api.post(ACCOUNTS, {"key": "other"}, format="json")
    customer = a_customer(account="acme")
    found = api.get(ACCOUNTS, {"q": "acme ag"}).json()["results"]
    assert [(row["key"], row["customers"]) for row in found] == [("acme", 1)]
    address = f"{ACCOUNTS}{found[0]['id']}/"
    of_account = api.get(f"{address}customers/").json()["results"]
    assert [row["id"] for row in of_account] == [str(customer.pk)]
    assert api.patch(address, {"attributes": {"seats": None, "tier": 1}}, format="json").json()["attributes"] == {
        "tier": 1
    }
    refused = api.delete(address)
    assert refused.status_code == 409
    assert api.post(ACCOUNTS, {"name": "x"}, format="json").json()["errors"][0]["field"] == "key"


@pytest.mark.parametrize("path", [ACCOUNTS, CUSTOMERS])
def test_lists_cost_the_same_queries_for_one_and_three_rows(
    api: APIClient, acme: Organization, path: str, django_assert_num_queries: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert api.get(path).status_code == 200
        return len(queries)

    a_customer(account="a")
    cost()
    one = cost()
    a_customer(account="b", email="x@y.de")
    a_customer(account="c", phone="+49301")
    assert cost() == one


def test_merge_and_unmerge_by_the_api(api: APIClient, acme: Organization) -> None:
    kept, other = a_customer(external_id="k", name="Kay"), a_customer(external_id="m", email="m@b.de", name="")
    address = f"{CUSTOMERS}{kept.pk}/"
    person = api.post(f"{address}merge/", {"external_id": "m"}, format="json")
    assert person.status_code == 200
    assert (person.json()["email"], person.json()["merged"]) == ("m@b.de", [str(other.pk)])
    assert person.json()["identifiers"] == [
        {"kind": "user_id", "value": "k"},
        {"kind": "user_id", "value": "m"},
        {"kind": "email", "value": "m@b.de"},
    ]
    for same in (f"{CUSTOMERS}{other.pk}/", f"{CUSTOMERS}by-external-id/m/", address):
        assert api.get(same).json()["id"] == str(kept.pk)
    assert [row["id"] for row in api.get(CUSTOMERS).json()["results"]] == [str(kept.pk)]
    again = api.post(f"{address}merge/", {"customer": str(other.pk)}, format="json")
    assert again.status_code == 409
    merges = api.get(f"{address}merges/").json()["results"]
    assert [(row["merged"], row["how"], row["undone_at"]) for row in merges] == [(str(other.pk), "hand", None)]
    back = api.post(f"{address}unmerge/", {}, format="json")
    assert back.status_code == 200
    assert (back.json()["customer"]["merged"], back.json()["restored"]["id"]) == ([], str(other.pk))
    assert api.get(f"{CUSTOMERS}{other.pk}/").json()["id"] == str(other.pk)
    assert api.post(f"{address}unmerge/", {}, format="json").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 400, "customer"),
        ({"customer": "x"}, 400, "customer"),
        ({"customer": str(uuid4())}, 404, "customer"),
        ({"external_id": "nobody"}, 404, "external_id"),
        ({"external_id": "self"}, 400, "customer"),
        ([], 400, None),
    ],
)
def test_merge_names_what_is_wrong(
    api: APIClient, acme: Organization, body: Any, status: int, field: str | None
) -> None:
    customer = a_customer(external_id="self")
    refused = api.post(f"{CUSTOMERS}{customer.pk}/merge/", body, format="json")
    assert refused.status_code == status
    if field:
        assert refused.json()["errors"][0]["field"] == field


def test_nobody_merges_across_organisations(api: APIClient, acme: Organization) -> None:
    with tenant(an_organization("Other")):
        stranger = a_customer(external_id="theirs")
    mine = a_customer(external_id="mine")
    for body in ({"customer": str(stranger.pk)}, {"external_id": "theirs"}):
        assert api.post(f"{CUSTOMERS}{mine.pk}/merge/", body, format="json").status_code == 404
    assert api.post(f"{CUSTOMERS}{stranger.pk}/merge/", {"customer": str(mine.pk)}, format="json").status_code == 404
    assert Customer.objects.count() == 1
