"""A POST repeated under one Idempotency-Key."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.api.models import IdempotencyRecord
from apps.api.services import purge_idempotency_records
from apps.api.tasks import forget_idempotency_keys
from apps.customers.models import Customer
from apps.organizations.models import Organization
from cxm.scope import tenant
from tests.factories import an_api_client, an_organization

CUSTOMERS = "/api/v1/customers/"


def post(client: APIClient, body: dict, key: str, address: str = CUSTOMERS) -> object:
    return client.post(address, body, headers={"Idempotency-Key": key})


def test_repeat_has_one_effect_and_the_same_answer(api: APIClient, acme: Organization) -> None:
    first, second = (post(api, {"name": "Ada"}, "k") for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert (first["ETag"], first["Location"]) == (second["ETag"], second["Location"])
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    with tenant(acme):
        assert Customer.objects.count() == 1


def test_another_body_under_the_key_is_422(api: APIClient, acme: Organization) -> None:
    post(api, {"name": "Ada"}, "k")
    response = post(api, {"name": "Bo"}, "k")
    assert (response.status_code, response["Content-Type"]) == (422, "application/problem+json")
    with tenant(acme):
        assert Customer.objects.count() == 1


def test_refusal_is_kept_like_any_answer(api: APIClient, acme: Organization) -> None:
    post(api, {"external_id": "a"}, "1")
    refused = post(api, {"external_id": "a"}, "2")
    assert refused.status_code == 409
    with tenant(acme):
        Customer.objects.all().delete()
    again = post(api, {"external_id": "a"}, "2")
    assert (again.status_code, again.content) == (409, refused.content)
    assert again["Content-Type"] == "application/problem+json"


def test_keys_belong_to_the_api_key_that_sent_them(api: APIClient, acme: Organization) -> None:
    first = post(api, {"name": "Ada"}, "k")
    second = post(an_api_client(acme), {"name": "Ada"}, "k")
    third = post(an_api_client(an_organization("Third")), {"name": "Ada"}, "k")
    assert len({response.json()["id"] for response in (first, second, third)}) == 3


def test_malformed_body_leaves_no_trace_of_the_key(api: APIClient, acme: Organization) -> None:
    broken = api.post(CUSTOMERS, b"{", content_type="application/json", headers={"Idempotency-Key": "k"})
    assert broken.status_code == 400
    assert post(api, {"name": "Ada"}, "k").status_code == 201


@pytest.mark.parametrize("key", ["x" * 256, "é", "a\tb"])
def test_unusable_key_is_refused(api: APIClient, key: str) -> None:
    response = post(api, {"name": "Ada"}, key)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_answers_are_kept_for_a_day(api: APIClient, acme: Organization) -> None:
    post(api, {"name": "Ada"}, "old")
    post(api, {"name": "Bo"}, "new")
    with tenant(acme):
        IdempotencyRecord.objects.filter(key="old").update(created_at=now() - timedelta(hours=25))
        assert purge_idempotency_records() == 1
        assert list(IdempotencyRecord.objects.values_list("key", flat=True)) == ["new"]


def test_every_organisation_is_purged(acme: Organization, other: Organization) -> None:
    for organization in (acme, other):
        post(an_api_client(organization), {"name": "Ada"}, "old")
        with tenant(organization):
            IdempotencyRecord.objects.update(created_at=now() - timedelta(hours=25))
    forget_idempotency_keys()
    for organization in (acme, other):
        with tenant(organization):
            assert not IdempotencyRecord.objects.exists()


def test_parallel_repeats_have_one_effect(transactional_db: None) -> None:
    organization = an_organization("Parallel")
    client = an_api_client(organization)
    header = client._credentials["HTTP_AUTHORIZATION"]
    answers: list[tuple[int, bytes]] = []
    start = threading.Barrier(6)

    def send() -> None:
        own = APIClient(headers={"Authorization": header})
        start.wait()
        response = post(own, {"name": "Ada"}, "k")
        answers.append((response.status_code, response.content))
        connection.close()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    with tenant(organization):
        assert Customer.objects.count() == 1
