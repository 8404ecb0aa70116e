"""Who messages are about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from apps.customers.identity import Attached, Named, attach, clean_named, with_identities
from apps.customers.models import Customer, CustomerIdentifier, CustomerMerge
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import an_organization

START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


def said(minute: int = 0, **names: object) -> Named:
    """A message `minute` minutes after START."""
    return clean_named(at=START + timedelta(minutes=minute), **names)  # type: ignore[arg-type]


def arrive(*messages: Named) -> list[Attached]:
    """The messages, one batch."""
    return with_identities(lambda: attach(messages))


def test_a_user_id_makes_one_customer_and_keeps_it(acme: Organization) -> None:
    first, again = arrive(said(user_id="u-1"))[0], arrive(said(1, user_id="u-1"))[0]
    assert first == again
    customer = Customer.objects.get()
    assert (customer.external_id, first.customer_id, first.identity_id) == ("u-1", customer.pk, customer.pk)


def test_an_anonymous_visitor_is_nobody_until_identified(acme: Organization) -> None:
    before = arrive(said(anonymous_id="a-1"))[0]
    assert before.customer_id is None
    assert not Customer.records.exists()
    known = arrive(said(1, user_id="u-1", anonymous_id="a-1"))[0]
    after = arrive(said(2, anonymous_id="a-1"))[0]
    assert after.identity_id == before.identity_id
    assert after.customer_id == known.customer_id


def test_what_an_address_had_becomes_the_users(acme: Organization) -> None:
    lead = arrive(said(email="ada@b.de", traits={"name": "Ada", "plan": "free"}))[0]
    user = arrive(said(1, user_id="u-1", email="ada@b.de", traits={"plan": "gold"}))[0]
    assert user.customer_id == lead.customer_id
    customer = Customer.records.get()
    assert (customer.external_id, customer.email, customer.name) == ("u-1", "ada@b.de", "Ada")
    assert customer.attributes == {"plan": "gold"}


def test_an_address_known_by_itself_is_merged_into_a_user_who_is_there(acme: Organization) -> None:
    user = arrive(said(user_id="u-1", traits={"name": "Ada"}))[0]
    lead = arrive(said(1, email="ada@b.de", traits={"city": "Berlin"}))[0]
    assert lead.customer_id != user.customer_id
    arrive(said(2, user_id="u-1", email="ada@b.de"))
    customer = Customer.objects.get()
    assert (customer.pk, customer.email, customer.attributes) == (user.customer_id, "ada@b.de", {"city": "Berlin"})
    merge = CustomerMerge.objects.get()
    assert (merge.kept_id, merge.merged_id, merge.how) == (user.customer_id, lead.customer_id, "identified")


def test_an_earlier_claim_that_arrives_late_moves_the_address(acme: Organization) -> None:
    arrive(said(5, user_id="late", email="x@y.de"))
    arrive(said(6, email="x@y.de", traits={"city": "Ulm"}))
    arrive(said(1, user_id="early", email="x@y.de"))
    owner = CustomerIdentifier.objects.get().customer
    assert owner is not None
    assert (owner.external_id, owner.attributes) == ("early", {"city": "Ulm"})
    late = Customer.objects.get(external_id="late")
    assert (late.email, late.attributes) == (None, {})


def test_two_user_ids_are_joined_by_an_alias_only(acme: Organization) -> None:
    arrive(said(user_id="a", email="x@y.de"), said(1, user_id="b", email="x@y.de"))
    assert Customer.objects.count() == 2
    arrive(said(2, user_id="b", alias_of="a"))
    assert Customer.objects.get().external_id == "b"
    assert Customer.records.get(external_id="a").merged_into is not None
    assert CustomerMerge.objects.get().how == "alias"


def test_aliases_in_a_circle_end_at_the_smallest(acme: Organization) -> None:
    arrive(said(user_id="b", alias_of="a"), said(1, user_id="c", alias_of="b"), said(2, user_id="a", alias_of="c"))
    assert Customer.objects.get().external_id == "a"
    assert Customer.records.count() == 3


def test_the_sixth_address_of_a_user_stands_for_itself(acme: Organization) -> None:
    arrive(*(said(minute, user_id="u-1", email=f"{minute}@b.de") for minute in range(6)))
    user = Customer.objects.get(external_id="u-1")
    assert sorted(user.identifiers.values_list("value", flat=True)) == [f"{minute}@b.de" for minute in range(5)]
    other = CustomerIdentifier.objects.get(value="5@b.de").customer
    assert other is not None
    assert (other.external_id, other.email) == (None, "5@b.de")
    arrive(said(-1, user_id="u-1", email="earliest@b.de"))
    assert CustomerIdentifier.objects.get(value="4@b.de").customer_id != user.pk


@pytest.mark.parametrize("value", ["null", "-1", "anonymous", "0000", "", "undefined"])
def test_blocked_values_name_nobody(acme: Organization, value: str) -> None:
    found = arrive(said(user_id=value, anonymous_id=value, email=value, phone=value))[0]
    assert found == Attached(None, None, None)
    assert not Customer.records.exists()
    assert not CustomerIdentifier.objects.exists()


def test_late_messages_do_not_overwrite_newer_ones(acme: Organization) -> None:
    arrive(said(5, user_id="u-1", traits={"plan": "gold", "name": "Ada L."}))
    arrive(said(1, user_id="u-1", traits={"plan": "free", "city": "Ulm"}))
    customer = Customer.objects.get()
    assert (customer.name, customer.attributes) == ("Ada L.", {"plan": "gold", "city": "Ulm"})


def test_traits_fill_the_columns_they_name(acme: Organization) -> None:
    arrive(
        said(
            user_id="u-1",
            traits={
                "email": "Ada@B.de", "firstName": "Ada", "lastName": "Lovelace", "company": {"id": "acme", "size": 3},
                "locale": "en-GB", "stage": "Prospect", "address": {"city": "London"}, "age": 36,
            },
        )
    )  # fmt: skip
    customer = Customer.objects.get()
    assert (customer.email, customer.name, customer.account) == ("ada@b.de", "Ada Lovelace", "acme")
    assert (customer.language, customer.stage) == ("en-GB", "prospect")
    assert customer.attributes == {"address.city": "London", "age": 36, "company.id": "acme", "company.size": 3}


def test_known_people_cost_one_query_and_no_write(acme: Organization, django_assert_num_queries: object) -> None:
    messages = [
        said(minute, user_id=f"u-{minute}", email=f"{minute}@b.de", anonymous_id=f"a-{minute}") for minute in range(100)
    ]
    arrive(*messages)
    with django_assert_num_queries(4):  # type: ignore[operator]  # savepoint, lock, look-up, release
        arrive(*messages)


def test_new_people_cost_a_handful_of_statements(acme: Organization, django_assert_max_num_queries: object) -> None:
    messages = [
        said(minute, user_id=f"u-{minute}", email=f"{minute}@b.de", traits={"n": minute}) for minute in range(100)
    ]
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        arrive(*messages)
    assert Customer.objects.count() == 100
