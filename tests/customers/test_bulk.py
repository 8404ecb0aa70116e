"""Many customers at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from apps.customers.bulk import CustomerRow, upsert_customers
from apps.customers.models import Account, Customer
from apps.customers.services import update_customer
from apps.organizations.models import Organization, Unit
from cxm.actor import Actor, Grant
from cxm.scope import tenant
from tests.factories import an_organization, make
from tests.factories.customers import a_customer

SYSTEM = Actor.system("test")


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def rows(*values: dict[str, Any]) -> list[CustomerRow]:
    return [CustomerRow(each) for each in values]


def test_rows_make_change_and_leave_customers(acme: Organization) -> None:
    known = a_customer(external_id="a", name="Ada", attributes={"plan": "free", "city": "Ulm"})
    a_customer(external_id="b", name="Bo")
    change = {"external_id": "a", "account": "acme", "attributes": {"plan": "gold", "city": None}}
    found = upsert_customers(
        actor=SYSTEM, rows=rows(change, {"external_id": "b", "name": "Bo"}, {"external_id": "c", "email": "C@b.de"})
    )
    assert [row.state for row in found] == ["changed", "unchanged", "made"]
    assert found[0].customer_id == known.pk
    assert found[0].former == {"account": None, "attributes.plan": "free", "attributes.city": "Ulm"}
    assert found[2].former == {}
    known.refresh_from_db()
    assert (known.name, known.account, known.attributes) == ("Ada", "acme", {"plan": "gold"})
    assert Customer.objects.get(external_id="c").email == "c@b.de"
    assert Account.objects.get().key == "acme"
    again = upsert_customers(actor=SYSTEM, rows=rows(change, {"external_id": "c", "email": "c@b.de"}))
    assert [row.state for row in again] == ["unchanged", "unchanged"]


def test_a_wrong_row_is_refused_by_itself_and_names_the_field(acme: Organization) -> None:
    found = upsert_customers(
        actor=SYSTEM,
        rows=rows(
            {"external_id": "a", "email": "nonsense", "stage": "x"},
            {"name": "Nobody"},
            {"external_id": ["x"]},
            {"external_id": "null"},
            {"external_id": "b", "unit": "x"},
            {"external_id": "ok"},
        ),
    )
    assert [[error["field"] for error in row.errors] for row in found] == [
        ["email", "stage"], ["external_id"], ["external_id"], ["external_id"], ["unit"], [],
    ]  # fmt: skip
    assert Customer.objects.get().external_id == "ok"


def test_later_rows_of_one_person_win(acme: Organization) -> None:
    found = upsert_customers(
        actor=SYSTEM, rows=rows({"external_id": "a", "name": "Zoe"}, {"external_id": "a", "name": "Ada"})
    )
    assert [row.state for row in found] == ["made", "changed"]
    assert Customer.objects.get().name == "Ada"


def test_a_row_by_address_finds_whom_it_belongs_to(acme: Organization) -> None:
    owner = a_customer(external_id="a", email="ada@b.de")
    found = upsert_customers(
        actor=SYSTEM,
        rows=rows({"email": "ada@b.de", "name": "Ada"}, {"email": "new@b.de"}, {"phone": "+49 30 1234", "name": "P"}),
    )
    assert [row.state for row in found] == ["changed", "made", "made"]
    assert found[0].customer_id == owner.pk
    owner.refresh_from_db()
    assert owner.name == "Ada"


def test_a_lead_becomes_the_user_that_a_file_names(acme: Organization) -> None:
    upsert_customers(actor=SYSTEM, rows=rows({"email": "ada@b.de", "attributes": {"from": "fair"}}))
    lead = Customer.objects.get()
    found = upsert_customers(actor=SYSTEM, rows=rows({"external_id": "a", "email": "ada@b.de", "name": "Ada"}))
    assert found[0].customer_id == lead.pk
    person = Customer.objects.get()
    assert (person.external_id, person.name, person.attributes) == ("a", "Ada", {"from": "fair"})


def test_who_has_a_branch_changes_that_branch_only(acme: Organization) -> None:
    mine, other = make(Unit), make(Unit)
    manager = Actor(kind="user", grants=(Grant(frozenset({"customers.edit"}), frozenset({mine.pk})),))
    stranger = a_customer(external_id="s", unit=other)
    update_customer(actor=SYSTEM, customer=stranger, email="s@b.de")
    found = upsert_customers(
        actor=manager,
        rows=rows(
            {"external_id": "s", "name": "Taken"},
            {"external_id": "a", "unit": mine.pk, "email": "s@b.de"},
            {"external_id": "b", "unit": other.pk},
            {"external_id": "c"},
        ),
    )
    assert [row.state for row in found] == ["refused", "made", "refused", "refused"]
    stranger.refresh_from_db()
    assert stranger.name != "Taken"
    assert Customer.objects.count() == 2


def test_a_thousand_rows_cost_a_handful_of_statements(acme: Organization, django_assert_max_num_queries: Any) -> None:
    def some(name: str) -> list[CustomerRow]:
        return rows(*({"external_id": f"u-{n}", "email": f"{n}@b.de", "name": name} for n in range(300)))

    with django_assert_max_num_queries(9):
        upsert_customers(actor=SYSTEM, rows=some("A"))
    with django_assert_max_num_queries(13):
        found = upsert_customers(actor=SYSTEM, rows=some("B"))
    assert {row.state for row in found} == {"changed"}
