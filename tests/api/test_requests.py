"""What every request of the API goes through: key, limit, parser, problem, page, entity tag."""

import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.organizations.models import ApiKey, Organization, Unit
from apps.organizations.services.keys import create_api_key, revoke_api_key
from cxm.actor import Actor
from cxm.api.throttles import Limit, Throttle
from cxm.scope import current_scope, tenant
from tests.factories import an_api_client, make
from tests.factories.customers import a_customer

CUSTOMERS = "/api/v1/customers/"
PROBLEM = {"type", "title", "status", "detail", "errors"}


def is_problem(response: object, status: int) -> dict:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body = json.loads(response.content)
    assert set(body) == PROBLEM
    assert body["status"] == status
    return body


# -- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic eDp5", "Token x", "Bearer " + "z" * 5000])
def test_without_a_key_the_answer_is_401(acme: Organization, header: str) -> None:
    client = APIClient(headers={"Authorization": header} if header else {})
    response = client.get(CUSTOMERS)
    assert is_problem(response, 401)["errors"] == []
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_revoked_key_is_refused_at_once(acme: Organization) -> None:
    with tenant(acme):
        key, token = create_api_key(actor=Actor.system("test"), name="k")
    client = APIClient(headers={"Authorization": f"Bearer {token}"})
    assert client.get(CUSTOMERS).status_code == 200
    with tenant(acme):
        revoke_api_key(actor=Actor.system("test"), key=ApiKey.objects.get(pk=key.pk))
    is_problem(client.get(CUSTOMERS), 401)


def test_key_without_the_scope_is_403(acme: Organization) -> None:
    client = an_api_client(acme, scopes=["touchpoints.view"])
    is_problem(client.get(CUSTOMERS), 403)
    is_problem(client.post(CUSTOMERS, {"name": "Ada"}), 403)


def test_write_key_reads_nothing(acme: Organization) -> None:
    with tenant(acme):
        _key, token = create_api_key(actor=Actor.system("test"), name="web", kind="write")
    is_problem(APIClient(headers={"Authorization": f"Bearer {token}"}).get(CUSTOMERS), 403)


def test_no_organisation_is_left_in_force_after_a_request(api: APIClient) -> None:
    api.get(CUSTOMERS)
    assert current_scope() is None
    api.get(f"{CUSTOMERS}nonsense/")
    assert current_scope() is None


# -- addresses --------------------------------------------------------------------------------------------------------


def test_unknown_address_is_a_problem(api: APIClient) -> None:
    is_problem(api.get("/api/v1/nonsense/"), 404)
    is_problem(api.post("/api/v1/nonsense/", {}), 404)
    is_problem(APIClient().get("/api/nonsense"), 404)


def test_missing_last_slash_is_a_redirect_that_keeps_the_method(api: APIClient) -> None:
    response = api.post("/api/v1/customers?x=1", {"name": "Ada"})
    assert (response.status_code, response["Location"]) == (308, "/api/v1/customers/?x=1")


def test_wrong_method_is_405_with_allow(api: APIClient) -> None:
    response = api.delete(CUSTOMERS)
    is_problem(response, 405)
    assert response["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("address", ["%00/", "x%00y/", "?q=%00", "?cursor=%00"])
def test_nul_in_the_address_is_refused(api: APIClient, address: str) -> None:
    assert api.get(CUSTOMERS + address).status_code in (400, 404)


def test_root_lists_the_resources(api: APIClient) -> None:
    body = api.get("/api/v1/").json()
    assert body["customers"] == "http://testserver/api/v1/customers/"
    for address in body.values():
        assert api.get(address).status_code in (200, 400, 405)


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_hostile_body_is_named(api: APIClient) -> None:
    response = api.post(CUSTOMERS, rb'{"attributes": {"a": ["\u0000"]}}', content_type="application/json")
    assert is_problem(response, 400)["errors"][0]["field"] == "attributes.a.0"


def test_body_over_five_megabytes_is_413(api: APIClient) -> None:
    is_problem(api.post(CUSTOMERS, b'{"name": "' + b"x" * 5_300_000 + b'"}', content_type="application/json"), 413)


@pytest.mark.parametrize(
    "kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
def test_other_media_types_are_415(api: APIClient, kind: str) -> None:
    is_problem(api.generic("POST", CUSTOMERS, b"name=Ada", content_type=kind), 415)


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"5", b"null", b"true"])
def test_body_that_is_no_object_is_400(api: APIClient, body: bytes) -> None:
    is_problem(api.post(CUSTOMERS, body, content_type="application/json"), 400)


def test_unknown_and_read_only_fields_are_ignored(api: APIClient) -> None:
    response = api.post(CUSTOMERS, {"name": "Ada", "id": str(uuid4()), "created_at": "1999-01-01", "shoe_size": 40})
    assert response.status_code == 201
    assert not response.json()["created_at"].startswith("1999")
    assert "shoe_size" not in response.json()


def test_several_wrong_fields_are_all_named(api: APIClient) -> None:
    body = is_problem(api.post(CUSTOMERS, {"email": "nope", "phone": "x", "external_id": "null"}), 400)
    assert {error["field"] for error in body["errors"]} == {"email", "phone", "external_id"}


# -- pages ------------------------------------------------------------------------------------------------------------


def walk(api: APIClient, address: str) -> list[str]:
    """The ids of all rows, page by page."""
    found: list[str] = []
    while address:
        body = api.get(address).json()
        assert set(body) == {"results", "next"}
        found += [row["id"] for row in body["results"]]
        address = body["next"]
    return found


@pytest.mark.parametrize(
    "ordering",
    ["created_at", "-created_at", "name", "-name", "external_id", "-external_id", "updated_at", "-updated_at"],
)
def test_pages_hold_every_row_once_in_order(api: APIClient, acme: Organization, ordering: str) -> None:
    with tenant(acme):
        for number in range(7):  # equal names, and some without external_id
            a_customer(name=f"N{number % 3}", external_id=f"e{number % 7}" if number % 2 else None)
    whole = [row["id"] for row in api.get(f"{CUSTOMERS}?ordering={ordering}").json()["results"]]
    assert len(set(whole)) == 7
    assert walk(api, f"{CUSTOMERS}?ordering={ordering}&limit=2") == whole


def test_rows_added_meanwhile_neither_repeat_nor_hide_others(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        before = [str(a_customer().pk) for _ in range(4)]
    first = api.get(f"{CUSTOMERS}?limit=2").json()
    with tenant(acme):
        a_customer()
    second = api.get(first["next"]).json()
    assert [row["id"] for row in first["results"] + second["results"]] == before[::-1]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=-1", "limit=1e9", "limit=٣", "cursor=x", "ordering=search_text"]
)
def test_bad_page_parameters_are_named(api: APIClient, query: str) -> None:
    assert is_problem(api.get(f"{CUSTOMERS}?{query}"), 400)["errors"][0]["field"] == query.split("=")[0]


def test_cursor_of_another_list_or_ordering_is_refused(api: APIClient, acme: Organization) -> None:
    with tenant(acme):
        for _ in range(3):
            a_customer()
    link = api.get(f"{CUSTOMERS}?limit=1&ordering=name").json()["next"]
    is_problem(api.get(link.replace("ordering=name", "ordering=-name")), 400)
    is_problem(api.get(link[:-1] + ("A" if link[-1] != "A" else "B")), 400)


def test_list_costs_the_same_queries_for_one_and_three_rows(api: APIClient, acme: Organization) -> None:
    api.get(CUSTOMERS)  # notes the use of the key, once a minute
    counts = []
    for more in (1, 2):
        with tenant(acme):
            for _ in range(more):
                a_customer(unit=make(Unit))
        with CaptureQueriesContext(connection) as captured:
            assert len(api.get(CUSTOMERS).json()["results"]) == more + len(counts)
        counts.append(len(captured))
    assert counts[0] == counts[1]


# -- entity tags ------------------------------------------------------------------------------------------------------


def test_etag_changes_with_the_representation_only(api: APIClient) -> None:
    made = api.post(CUSTOMERS, {"name": "Ada"})
    address = made["Location"]
    assert api.get(address)["ETag"] == made["ETag"]
    same = api.patch(address, {"name": "Ada"})
    assert same["ETag"] == made["ETag"]
    changed = api.patch(address, {"name": "Bo"})
    assert changed["ETag"] != made["ETag"]
    assert api.get(address)["ETag"] == changed["ETag"]


def test_if_none_match_answers_304(api: APIClient) -> None:
    made = api.post(CUSTOMERS, {"name": "Ada"})
    for value in (made["ETag"], f'"x", W/{made["ETag"]}', "*"):
        response = api.get(made["Location"], headers={"If-None-Match": value})
        assert (response.status_code, response.content, response["ETag"]) == (304, b"", made["ETag"])
    assert api.get(made["Location"], headers={"If-None-Match": '"x"'}).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_if_match_refuses_a_stale_change(api: APIClient, method: str) -> None:
    made = api.post(CUSTOMERS, {"name": "Ada"})
    api.patch(made["Location"], {"name": "Bo"})
    send = getattr(api, method)
    is_problem(send(made["Location"], {"name": "Cy"}, headers={"If-Match": made["ETag"]}), 412)
    current = api.get(made["Location"])
    assert current.json()["name"] == "Bo"
    assert send(made["Location"], {"name": "Cy"}, headers={"If-Match": current["ETag"]}).status_code in (200, 204)


# -- limits -----------------------------------------------------------------------------------------------------------


@override_settings(API_RATE_LIMIT=(0.001, 2))
def test_over_the_limit_is_429_and_says_when_to_come_back(acme: Organization) -> None:
    client, another = an_api_client(acme), an_api_client(acme)
    assert [client.get(CUSTOMERS)["RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
    refused = client.get(CUSTOMERS)
    is_problem(refused, 429)
    assert int(refused["Retry-After"]) >= 1
    assert refused["RateLimit-Limit"] == "2"
    assert another.get(CUSTOMERS).status_code == 200


def test_limits_go_on_without_valkey() -> None:
    away = Throttle("unix:///nonexistent/valkey.sock")
    limit = Limit(rate=0.001, burst=2)
    assert [away.take("a", limit).allowed for _ in range(3)] == [True, True, False]
    assert away.take("b", limit).allowed


def test_bucket_refills_at_its_rate(settings: object) -> None:
    bucket, name = Throttle(settings.REDIS_URL), f"test:{uuid4()}"
    assert bucket.take(name, Limit(rate=0.0001, burst=1)).allowed
    assert not bucket.take(name, Limit(rate=0.0001, burst=1)).allowed
    assert bucket.take(name, Limit(rate=1e9, burst=1)).allowed
