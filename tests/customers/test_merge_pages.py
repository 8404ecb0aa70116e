"""The pages of merging and of accounts."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.customers import merging
from apps.customers.models import Account, Customer
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.customers import a_customer, an_account

SYSTEM = Actor.system("test")


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def page(organization: Organization, rest: str) -> str:
    return f"/o/{organization.slug}/{rest}"


def test_find_compare_merge_and_undo(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        kept = a_customer(name="Ada King", email="ada@b.de", attributes={"plan": "gold"})
        other = a_customer(name="A. King", phone="+49301234", email="ada@b.de")
    address = page(acme, f"customers/{kept.pk}/merge/")
    assert "A. King" in manager.get(address).content.decode()
    assert "A. King" in manager.get(address, {"q": "a. king"}).content.decode()
    assert "Nobody fits" in manager.get(address, {"q": "zzz"}).content.decode()
    compared = manager.get(address, {"with": str(other.pk)}).content.decode()
    assert "+49301234" in compared
    assert "differs" in compared
    done = manager.post(address, {"with": str(other.pk)}, follow=True)
    assert "A. King" in done.content.decode()
    with tenant(acme):
        person = Customer.objects.get()
        merge = merging.merges_of(person).get()
        assert (person.pk, person.phone) == (kept.pk, "+49301234")
        assert merge.merged_by is not None
    assert manager.get(page(acme, f"customers/{other.pk}/")).status_code == 200
    again = manager.post(address, {"with": str(other.pk)})
    assert again.status_code == 409
    undone = manager.post(page(acme, f"customers/{kept.pk}/merges/{merge.pk}/undo/"), follow=True)
    assert undone.status_code == 200
    with tenant(acme):
        assert Customer.objects.count() == 2


def test_merge_page_takes_odd_input(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        customer = a_customer()
    with tenant(an_organization("Other")):
        stranger = a_customer()
    address = page(acme, f"customers/{customer.pk}/merge/")
    for query in ("with=x", "q=%00", "q=" + "x" * 300, f"with={customer.pk}"):
        assert manager.get(f"{address}?{query}").status_code == 200
    assert manager.get(address, {"with": str(stranger.pk)}).status_code == 404
    assert manager.post(address, {"with": str(stranger.pk)}).status_code == 404
    assert manager.post(address, {"with": str(customer.pk)}).status_code == 409


@pytest.mark.parametrize(("role", "status"), [("agent", 200), ("analyst", 403), ("employee", 403)])
def test_who_may_merge(acme: Organization, role: str, status: int) -> None:
    with tenant(acme):
        customer = a_customer()
    client = signed_in(a_member(acme, role))
    assert client.get(page(acme, f"customers/{customer.pk}/merge/")).status_code == status


def test_accounts_are_listed_made_changed_and_removed(acme: Organization, manager: Client) -> None:
    assert "No accounts yet" in manager.get(page(acme, "accounts/")).content.decode()
    made = manager.post(
        page(acme, "accounts/new/"), {"name": "Acme AG", "key": "acme", "attributes": "seats: 3"}, follow=True
    )
    assert "Acme AG" in made.content.decode()
    taken = manager.post(page(acme, "accounts/new/"), {"key": "acme"})
    assert "There is an account with this key" in taken.content.decode()
    with tenant(acme):
        account = Account.objects.get()
        customer = a_customer(account="acme", name="Ada King")
        an_account(key="zeta", name="Zeta")
    listed = manager.get(page(acme, "accounts/"), {"q": "acme"}).content.decode()
    assert "Acme AG" in listed
    assert "Zeta" not in listed
    address = page(acme, f"accounts/{account.pk}/")
    assert "Ada King" in manager.get(address).content.decode()
    manager.post(f"{address}edit/", {"name": "Acme SE", "attributes": ""})
    with tenant(acme):
        account.refresh_from_db()
        assert (account.name, account.key, account.attributes) == ("Acme SE", "acme", {})
    assert "Give them another one" in manager.get(f"{address}delete/").content.decode()
    with tenant(acme):
        Customer.objects.filter(pk=customer.pk).update(account="")
    manager.post(f"{address}delete/")
    assert manager.get(address).status_code == 404


def test_account_pages_cost_the_same_queries_for_one_and_three_rows(acme: Organization, manager: Client) -> None:
    def cost(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert manager.get(address).status_code == 200
        return len(queries)

    with tenant(acme):
        a_customer(account="a")
        account = Account.objects.get()
    addresses = [page(acme, "accounts/"), page(acme, f"accounts/{account.pk}/")]
    manager.get(addresses[0])
    before = [cost(address) for address in addresses]
    with tenant(acme):
        for number in range(2):
            a_customer(account="a")
            a_customer(account=f"b{number}")
    assert [cost(address) for address in addresses] == before


def test_accounts_of_another_organisation_are_not_there(acme: Organization, manager: Client) -> None:
    with tenant(an_organization("Other")):
        account = an_account(name="Secret AG")
    for rest in ("", "edit/", "delete/"):
        assert manager.get(page(acme, f"accounts/{account.pk}/{rest}")).status_code == 404
    assert "Secret AG" not in manager.get(page(acme, "accounts/")).content.decode()


@pytest.mark.parametrize("query", ["page=x", "sort=password", "cursor=x", "q=%00", "q=" + "x" * 300])
def test_odd_query_never_breaks_the_account_list(acme: Organization, manager: Client, query: str) -> None:
    assert manager.get(f"{page(acme, 'accounts/')}?{query}").status_code == 200
