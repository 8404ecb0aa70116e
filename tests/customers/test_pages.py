"""The customer pages."""

from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.customers.models import ConsentRecord, Customer
from apps.customers.services import record_consent
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.customers import a_customer

SYSTEM = Actor.system("test")


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def manager(acme: Organization) -> Client:
    return signed_in(a_member(acme, "manager"))


def page(organization: Organization, rest: str = "") -> str:
    return f"/o/{organization.slug}/customers/{rest}"


def test_empty_list_says_where_customers_come_from(acme: Organization, manager: Client) -> None:
    response = manager.get(page(acme))
    assert response.status_code == 200
    assert "No customers yet" in response.content.decode()


def test_list_finds_filters_and_sorts(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        a_customer(name="Ada King", stage="former")
        a_customer(name="Bob Stone", stage="prospect")
    text = manager.get(page(acme), {"q": "KING"}).content.decode()
    assert "Ada King" in text
    assert "Bob Stone" not in text
    text = manager.get(page(acme), {"stage": "prospect"}).content.decode()
    assert "Bob Stone" in text
    assert "Ada King" not in text
    text = manager.get(page(acme), {"sort": "-name"}).content.decode()
    assert text.index("Bob Stone") < text.index("Ada King")
    assert "No customers yet" not in manager.get(page(acme), {"q": "nobody"}).content.decode()


@pytest.mark.parametrize(
    "query", ["stage=nope", "unit=x", "page=x", "page=99999", "sort=password", "q=" + "x" * 300, "q=%00"]
)
def test_odd_query_never_breaks_the_list(acme: Organization, manager: Client, query: str) -> None:
    with tenant(acme):
        a_customer()
    assert manager.get(f"{page(acme)}?{query}").status_code in (200, 400, 404)


def test_list_costs_the_same_queries_for_one_and_three_rows(acme: Organization, manager: Client) -> None:
    counts = []
    for more in (1, 2):
        with tenant(acme):
            for _ in range(more):
                a_customer()
        manager.get(page(acme))
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(page(acme)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_create_edit_and_remove(acme: Organization, manager: Client) -> None:
    fields = {"name": "Ada", "email": "ADA@example.com", "stage": "customer", "attributes": "plan: gold\nage: 40"}
    response = manager.post(page(acme, "new/"), fields)
    with tenant(acme):
        customer = Customer.objects.get()
    assert response["Location"] == page(acme, f"{customer.pk}/")
    assert (customer.email, customer.attributes) == ("ada@example.com", {"plan": "gold", "age": 40})

    shown = manager.get(page(acme, f"{customer.pk}/edit/")).content.decode()
    assert "plan: gold" in shown
    manager.post(page(acme, f"{customer.pk}/edit/"), {**fields, "name": "Ada King", "attributes": "plan: gold"})
    with tenant(acme):
        customer = Customer.objects.get()
    assert (customer.name, customer.attributes) == ("Ada King", {"plan": "gold"})

    assert "Remove Ada King?" in manager.get(page(acme, f"{customer.pk}/delete/")).content.decode()
    assert manager.post(page(acme, f"{customer.pk}/delete/")).status_code == 302
    with tenant(acme):
        assert not Customer.objects.exists()


def test_refused_fields_are_shown_beside_what_was_typed(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        a_customer(external_id="taken")
    fields = {"name": "Ada", "external_id": "taken", "stage": "customer"}
    response = manager.post(page(acme, "new/"), fields)
    assert response.status_code == 422
    assert "Another customer has this external id." in response.content.decode()
    response = manager.post(
        page(acme, "new/"), {**fields, "external_id": "null", "email": "x", "attributes": "no colon"}
    )
    text = response.content.decode()
    assert response.status_code == 422
    assert "Line 1" in text
    response = manager.post(page(acme, "new/"), {**fields, "external_id": "null", "email": "x"})
    text = response.content.decode()
    assert "stands for nobody" in text
    assert "not an e-mail address" in text
    assert 'value="Ada"' in text


def test_profile_shows_the_person_and_writes_who_looked(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        customer = a_customer(name="Ada <b>King</b>", attributes={"plan": "<i>gold</i>", "tags": ["a", True]})
        record_consent(actor=SYSTEM, customer=customer, purpose="surveys", how="by phone")
    response = manager.get(page(acme, f"{customer.pk}/"))
    text = response.content.decode()
    assert response.status_code == 200
    assert "&lt;b&gt;King" in text
    assert "&lt;i&gt;gold" in text
    assert "<b>King" not in text
    assert "by phone" in text
    assert "a, Yes" in text
    with tenant(acme):
        entry = AuditEntry.objects.get(action="customers.viewed")
    assert (entry.target_id, entry.actor_kind) == (customer.pk, "user")


def test_consent_is_recorded_by_hand(acme: Organization, manager: Client) -> None:
    with tenant(acme):
        customer = a_customer()
    address = page(acme, f"{customer.pk}/consent/")
    assert (
        manager.post(address, {"purpose": "surveys", "channel": "any", "state": "withdrawn", "how": "mail"}).status_code
        == 302
    )
    with tenant(acme):
        assert ConsentRecord.objects.get().state == "withdrawn"
    assert manager.post(address, {"purpose": "nope"}).status_code == 422
    assert manager.get(address).status_code == 405


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [("analyst", 200, 403), ("employee", 403, 403), ("agent", 200, 200)]
)
def test_roles_open_what_the_matrix_says(acme: Organization, role: str, reads: int, writes: int) -> None:
    with tenant(acme):
        customer = a_customer()
    client = signed_in(a_member(acme, role))
    for rest in ("", f"{customer.pk}/"):
        assert client.get(page(acme, rest)).status_code == reads
    for rest in ("new/", f"{customer.pk}/edit/", f"{customer.pk}/delete/"):
        assert client.get(page(acme, rest)).status_code == writes


def test_customers_of_another_organisation_are_not_there(acme: Organization, manager: Client) -> None:
    other = an_organization("Other")
    with tenant(other):
        theirs = a_customer(name="Zarathustra")
    assert "Zarathustra" not in manager.get(page(acme)).content.decode()
    for rest in (f"{theirs.pk}/", f"{theirs.pk}/edit/", f"{theirs.pk}/delete/", f"{uuid4()}/"):
        assert manager.get(page(acme, rest)).status_code == 404
    assert manager.post(page(acme, f"{theirs.pk}/delete/")).status_code == 404
    assert manager.get(page(other, f"{theirs.pk}/")).status_code == 404
    with tenant(other):
        assert Customer.objects.filter(pk=theirs.pk).exists()
