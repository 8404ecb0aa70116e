"""`customers/` beyond what every resource promises (tests/api/test_contract.py)."""

import threading
from datetime import timedelta
from urllib.parse import quote

import pytest
from django.db import connection
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.customers.models import Customer
from apps.customers.services import CustomerReference, record_consent
from apps.organizations.models import Organization
from apps.surveys.models import Response
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization
from tests.factories.customers import a_customer
from tests.factories.surveys import a_survey, an_answer

CUSTOMERS = "/api/v1/customers/"
FIELDS = {"external_id", "email", "phone", "name", "stage", "account", "attributes"}


@pytest.fixture
def acme(db: None) -> Organization:
    return an_organization("Acme")


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


def by_external_id(external_id: str) -> str:
    return f"{CUSTOMERS}by-external-id/{quote(external_id, safe='')}/"


def test_representation_has_the_promised_fields_in_utc(api: APIClient) -> None:
    body = api.post(CUSTOMERS, {"email": "Ada@Example.com", "phone": "0049 30 1234"}).json()
    assert body.keys() >= FIELDS
    assert (body["email"], body["phone"], body["stage"], body["attributes"]) == (
        "ada@example.com",
        "+49301234",
        "customer",
        {},
    )
    assert body["created_at"].endswith("Z")


@pytest.mark.parametrize("external_id", ["c-1", "a/b.c d", "ünï?&#%", "x" * 200])
def test_upsert_makes_then_changes(api: APIClient, external_id: str) -> None:
    address = by_external_id(external_id)
    first = api.put(address, {"name": "Ada", "attributes": {"a": 1, "b": 2}})
    second = api.put(address, {"stage": "former", "attributes": {"b": None, "c": True}})
    assert (first.status_code, second.status_code) == (201, 200)
    body = second.json()
    assert body["id"] == first.json()["id"]
    assert (body["external_id"], body["name"], body["stage"]) == (external_id, "Ada", "former")
    assert body["attributes"] == {"a": 1, "c": True}
    assert api.get(address).json() == body
    assert api.get(first["Location"]).json() == body


def test_external_id_of_the_address_counts(api: APIClient) -> None:
    assert api.put(by_external_id("a"), {"external_id": "b"}).json()["external_id"] == "a"
    assert api.put(by_external_id("a"), {"external_id": "b"}).json()["external_id"] == "a"


@pytest.mark.parametrize("external_id", ["null", "-1", "Anonymous", "000"])
def test_nobody_is_neither_made_nor_found(api: APIClient, acme: Organization, external_id: str) -> None:
    response = api.put(by_external_id(external_id), {"name": "x"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, "external_id")
    assert api.get(by_external_id(external_id)).status_code == 404
    with tenant(acme):
        assert not Customer.objects.exists()


def test_stale_if_match_refuses_an_upsert(api: APIClient) -> None:
    made = api.put(by_external_id("a"), {"name": "Ada"})
    changed = api.put(by_external_id("a"), {"name": "Bo"}, headers={"If-Match": made["ETag"]})
    assert changed.status_code == 200
    assert api.put(by_external_id("a"), {"name": "Cy"}, headers={"If-Match": made["ETag"]}).status_code == 412


def test_patch_merges_attributes_and_put_replaces_them(api: APIClient) -> None:
    address = api.post(CUSTOMERS, {"attributes": {"a": 1, "b": 2}})["Location"]
    assert api.patch(address, {"attributes": {"b": None, "c": 3}}).json()["attributes"] == {"a": 1, "c": 3}
    assert api.put(address, {"attributes": {"d": 4}}).json()["attributes"] == {"d": 4}
    assert api.put(address, {"name": "Ada"}).json()["attributes"] == {"d": 4}


def test_external_id_of_somebody_else_is_409(api: APIClient) -> None:
    api.post(CUSTOMERS, {"external_id": "a"})
    response = api.post(CUSTOMERS, {"external_id": "a"})
    assert (response.status_code, response.json()["errors"][0]["field"]) == (409, "external_id")


def test_list_filters_as_the_page_does(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        ada = a_customer(name="Ada King", stage="former", email="ada@example.com", account="Engines")
        a_customer(name="Bob")
    for query in (
        {"q": "KING"},
        {"stage": "former"},
        {"email": "ADA@example.com"},
        {"external_id": ada.external_id},
        {"account": "Engines"},
    ):
        assert [row["id"] for row in api.get(CUSTOMERS, query).json()["results"]] == [str(ada.pk)], query
    assert api.get(CUSTOMERS, {"stage": "nope"}).json()["errors"][0]["field"] == "stage"


def test_removed_customer_leaves_the_answers_without_a_person(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        customer = a_customer()
        answer = an_answer(a_survey(), customer=CustomerReference(id=customer.pk))
        assert Response.objects.get(pk=answer.pk).customer_id == customer.pk
    assert api.delete(f"{CUSTOMERS}{customer.pk}/").status_code == 204
    with tenant(acme):
        kept = Response.objects.get(pk=answer.pk)
    assert (kept.customer_id, kept.score) == (None, answer.score)


def test_timeline_is_one_list_over_all_sources_page_by_page(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        customer, somebody_else = a_customer(), a_customer()
        survey = a_survey()
        for hours in range(5):
            at = now() - timedelta(hours=hours)
            record_consent(actor=Actor.system("test"), customer=customer, purpose="surveys", how=f"call {hours}", at=at)
            an_answer(survey, customer=CustomerReference(id=customer.pk), occurred_at=at - timedelta(minutes=30))
        an_answer(survey, customer=CustomerReference(id=somebody_else.pk))
    address = f"{CUSTOMERS}{customer.pk}/timeline/"
    whole = api.get(address).json()
    kinds = [item["kind"] for item in whole["results"]]
    assert whole["next"] is None
    assert kinds == [kinds[0], kinds[1]] * 5
    assert kinds[0] == "consent"
    paged, link = [], f"{address}?limit=3"
    while link:
        body = api.get(link).json()
        paged += body["results"]
        link = body["next"]
    assert paged == whole["results"]
    only = api.get(address, {"kind": "consent"}).json()["results"]
    assert {item["kind"] for item in only} == {"consent"}
    assert len(only) == 5
    assert api.get(address, {"kind": "nope"}).status_code == 400
    assert api.get(address, {"cursor": "x"}).status_code == 400


def test_timeline_holds_back_what_the_key_may_not_see(acme: Organization) -> None:
    with tenant(acme):
        customer = a_customer()
        an_answer(a_survey(), customer=CustomerReference(id=customer.pk))
        record_consent(actor=Actor.system("test"), customer=customer, purpose="surveys")
    narrow = an_api_client(acme, scopes=["customers.view"])
    items = narrow.get(f"{CUSTOMERS}{customer.pk}/timeline/").json()["results"]
    assert [item["kind"] for item in items] == ["consent"]


def test_consents_are_listed_newest_first(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        customer = a_customer()
    address = f"{CUSTOMERS}{customer.pk}/consents/"
    api.post(address, {"purpose": "surveys", "at": "2026-01-01T00:00:00Z"})
    made = api.post(address, {"purpose": "surveys", "state": "withdrawn", "channel": "email"})
    assert made.status_code == 201
    assert [row["state"] for row in api.get(address).json()["results"]] == ["withdrawn", "given"]
    assert api.post(address, {"purpose": "parties"}).json()["errors"][0]["field"] == "purpose"
    assert api.post(address, {"purpose": "surveys", "at": "2999-01-01T00:00:00Z"}).json()["errors"][0]["field"] == "at"


def test_parallel_upserts_make_one_customer(transactional_db: None) -> None:
    organization = an_organization("Parallel")
    header = an_api_client(organization)._credentials["HTTP_AUTHORIZATION"]
    statuses: list[int] = []
    start = threading.Barrier(6)

    def send(number: int) -> None:
        client = APIClient(headers={"Authorization": header})
        start.wait()
        statuses.append(client.put(by_external_id("one"), {"attributes": {f"n{number}": number}}).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200] * 5 + [201]
    with tenant(organization):
        assert Customer.objects.get().attributes == {f"n{number}": number for number in range(6)}
