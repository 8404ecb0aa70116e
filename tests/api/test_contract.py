"""What every operation of the API promises, asked of each one the router knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from apps.organizations.models import Organization
from apps.organizations.roles import PERMISSIONS
from cxm.scope import tenant
from tests.api.operations import BODIES, ROOT, ROWS, Operation, body_of, operations, slots_of, slots_of_nothing
from tests.factories import an_api_client

pytestmark = pytest.mark.usefixtures("no_limit")

PROBLEM = {"type", "title", "status", "detail", "errors"}
MAKES_BY_ADDRESS = {"PUT /api/v1/customers/by-external-id/{external_id}/"}
"""An address that names nothing yet is where these make something."""

SAID_ONCE = {"POST /api/v1/share-links/": {"address"}}
"""What only the answer that makes a row says: its key, of which nothing but a hash is kept."""

HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"5",
    b'"x"',
    b"NaN",
    b"\xff\xfe",
    b"\x00",
    b"[" * 5000 + b"]" * 5000,
    b'{"a":' * 5000 + b"1" + b"}" * 5000,
    rb'{"name": "\u0000"}',
    rb'{"name": "\ud800"}',
    rb'{"\ud800": 1}',
    b'{"name": 1, "name": 2}',
    b'{"n": ' + b"9" * 5000 + b"}",
    b'{"n": 1e999}',
    rb'{"' + b"\\" * 3000,
]
HUGE = [json.dumps({str(n): n for n in range(100_000)}).encode(), b'{"name": "' + b"x" * 10_000_000 + b'"}']
"""Sent where rows are made; what reads bodies is the same everywhere."""
ODD_TEXTS = ["", " ", "x", "null", "0", "\u202e\u0301", "x" * 20_000, "'\"--;<script>", str(uuid4()), "2026-02-30"]
ODD_LISTS: list[Any] = [[], [[]], [None], ["x"], [1, {}], {}, {"": None}, {"a": {"b": []}}]
ODD_VALUES = [None, True, 0, -1, 2**63 - 1, -(2**63), 1.5, 1e300, "9999-12-31T23:59:59-14:00", *ODD_TEXTS, *ODD_LISTS]
ODD_QUERIES = ["", "x", "0", "-1", "9" * 30, str(uuid4()), "2026-02-30", "%", "a" * 3000, "\u202e", "from", ","]


class Findings:
    """Collects what is wrong with which operation, so that one run shows all of it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def expect(self, true: bool, operation: Operation, what: object) -> None:
        if not true:
            self.found.append(f"{operation.key}: {str(what)[:300]}")


@contextmanager
def findings() -> Iterator[Findings]:
    """Fail at the end with everything that was found."""
    result = Findings()
    yield result
    assert not result.found, "\n".join(result.found)


@contextmanager
def undone() -> Iterator[None]:
    """Run a call without leaving anything of it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def those(condition: Callable[[Operation], bool]) -> list[Operation]:
    """The operations of a kind; never none, or the test would prove nothing."""
    chosen = [operation for operation in operations() if condition(operation)]
    assert chosen
    return chosen


def problem_in(response: Any, *allowed: int) -> str:
    """What is wrong with a refusal; "" when it is a problem of an allowed status."""
    if response.status_code not in allowed:
        return f"{response.status_code} instead of {allowed}: {response.content[:200]!r}"
    if response["Content-Type"] != "application/problem+json":
        return f"{response.status_code} is {response['Content-Type']}"
    body = json.loads(response.content)
    if set(body) != PROBLEM or body["status"] != response.status_code:
        return f"no problem: {body}"
    if any(set(error) != {"field", "code", "message"} for error in body["errors"]):
        return f"errors: {body['errors']}"
    return ""


def test_every_operation_can_be_called_by_these_tests() -> None:
    with findings() as wrong:
        for operation in operations():
            path = operation.path.removeprefix(ROOT)
            wrong.expect(not operation.names or any(map(path.startswith, ROWS)), operation, "add a row to ROWS")
            if operation.method == "POST":
                key = f"POST {operation.path.removeprefix(ROOT)}"
                wrong.expect(key in BODIES, operation, "add a minimal valid body to BODIES")


def test_every_operation_names_a_permission_of_the_matrix() -> None:
    with findings() as wrong:
        for operation in operations():
            wrong.expect(operation.permission in PERMISSIONS, operation, f"permission {operation.permission!r}")


def test_without_a_key_every_operation_is_401(db: None) -> None:
    client = APIClient()
    with findings() as wrong:
        for operation in operations():
            response = operation.send(client, slots_of_nothing(operation), {})
            wrong.expect(not (said := problem_in(response, 401)), operation, said)
            wrong.expect("WWW-Authenticate" in response, operation, "no WWW-Authenticate")


def test_without_the_scope_every_operation_is_403(acme: Organization) -> None:
    keys = {scope: an_api_client(acme, scopes=[scope]) for scope in ("units.view", "audit.view")}
    with findings() as wrong:
        for operation in operations():
            client = keys["audit.view" if operation.permission == "units.view" else "units.view"]
            for slots in (slots_of_nothing(operation), existing(operation, acme)):
                response = operation.send(client, slots, {})
                wrong.expect(not (said := problem_in(response, 403)), operation, said)


def existing(operation: Operation, organization: Organization) -> dict[str, Any]:
    """The slots of a row of this organisation."""
    with tenant(organization):
        return slots_of(operation)


def test_ids_of_another_organisation_are_like_ids_that_never_existed(
    api: APIClient, acme: Organization, other: Organization
) -> None:
    with findings() as wrong:
        for operation in those(lambda op: bool(op.names) and op.key not in MAKES_BY_ADDRESS):
            body = None if not operation.takes_body else body_in(operation, acme)
            theirs = operation.send(api, existing(operation, other), body)
            wrong.expect(not (said := problem_in(theirs, 404)), operation, said)
            nobodys = operation.send(api, slots_of_nothing(operation), body)
            wrong.expect(theirs.content == nobodys.content, operation, f"{theirs.content!r} {nobodys.content!r}")
            malformed = operation.send(api, slots_of_nothing(operation, "not-an-id!"), body)
            wrong.expect(malformed.status_code == 404, operation, f"malformed id: {malformed.status_code}")


def body_in(operation: Operation, organization: Organization) -> dict[str, Any]:
    """A valid body, with what it refers to in this organisation."""
    with tenant(organization):
        return body_of(operation)


def test_valid_calls_succeed_and_give_representations_with_an_etag(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in operations():
            slots = existing(operation, acme)
            body = body_in(operation, acme) if operation.takes_body else None
            with undone():
                response = operation.send(api, slots, body)
                if response.streaming:
                    wrong.expect(response.status_code == 200 and b"".join(response) != b"", operation, "no file")
                    continue
                wrong.expect(200 <= response.status_code < 300, operation, (response.status_code, response.content))
                if response.status_code == 204 or response.status_code >= 300:
                    continue
                wrong.expect(response["Content-Type"] == "application/json", operation, response["Content-Type"])
                if operation.method in ("GET", "PUT", "PATCH") or response.status_code == 201:
                    wrong.expect("ETag" in response, operation, "no ETag")
                if operation.method == "GET":
                    again = operation.send(api, slots, headers={"If-None-Match": response["ETag"]})
                    wrong.expect(again.status_code == 304, operation, f"If-None-Match: {again.status_code}")


def test_made_rows_are_found_at_their_location_with_the_same_etag(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.action == "create" and op.view is not None):
            with undone():
                made = operation.send(api, existing(operation, acme), body_in(operation, acme))
                if made.status_code != 201:
                    continue
                wrong.expect("Location" in made, operation, "no Location")
                found = api.get(made["Location"])
                wrong.expect(found.status_code == 200, operation, f"Location: {found.status_code}")
                shown = {
                    name: value for name, value in made.json().items() if name not in SAID_ONCE.get(operation.key, ())
                }
                wrong.expect(found.json() == shown, operation, (made.content, found.content))
                wrong.expect(found["ETag"] == made["ETag"], operation, "ETag of the GET differs")


def test_lists_are_pages(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.is_list):
            for _ in range(2):
                slots = existing(operation, acme)
            address = operation.address(slots)
            body = api.get(address, {"limit": 1}).json()
            wrong.expect(set(body) == {"results", "next"}, operation, body)
            wrong.expect(len(body.get("results", [])) <= 1, operation, "limit is not kept")
            if body.get("next"):
                wrong.expect(body["next"].startswith("http"), operation, body["next"])
                wrong.expect(api.get(body["next"]).status_code == 200, operation, "next does not work")
            for query in ({"limit": 0}, {"limit": 501}, {"limit": "x"}, {"cursor": "x"}, {"ordering": "password"}):
                wrong.expect(not (said := problem_in(api.get(address, query), 400)), operation, (query, said))


def test_stale_if_match_is_412_and_changes_nothing(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.method in ("PUT", "PATCH", "DELETE")):
            slots = existing(operation, acme)
            body = body_in(operation, acme) if operation.takes_body else None
            before = api.get(operation.address(slots))
            stale = operation.send(api, slots, body, headers={"If-Match": '"stale"'})
            wrong.expect(not (said := problem_in(stale, 412)), operation, said)
            wrong.expect(api.get(operation.address(slots)).content == before.content, operation, "was changed")
            with undone():
                current = operation.send(api, slots, body, headers={"If-Match": before["ETag"]})
                wrong.expect(
                    current.status_code < 300, operation, ("current tag", current.status_code, current.content)
                )


def test_removed_rows_are_gone(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.method == "DELETE"):
            slots = existing(operation, acme)
            with undone():
                wrong.expect(operation.send(api, slots).status_code == 204, operation, "not 204")


def test_repeated_posts_have_one_effect(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.method == "POST"):
            slots, body = existing(operation, acme), body_in(operation, acme)
            with undone():
                key = {"Idempotency-Key": str(uuid4())}
                first = operation.send(api, slots, body, headers=key)
                rewind(body)
                second = operation.send(api, slots, body, headers=key)
                wrong.expect(first.content == second.content, operation, (first.content, second.content))
                wrong.expect(second.get("Idempotency-Replayed") == "true", operation, "second was not a replay")
                rewind(body)
                third = operation.send(api, slots, {**body, "another": "1"}, headers=key)
                wrong.expect(not (said := problem_in(third, 422)), operation, said)


def rewind(body: dict[str, Any]) -> None:
    """Files of a form back to their beginning."""
    for value in body.values():
        if hasattr(value, "seek"):
            value.seek(0)


def test_hostile_bodies_are_refused_by_name(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.takes_body):
            slots = existing(operation, acme)
            for raw in [*HOSTILE, *(HUGE if operation.action == "create" else [])]:
                with undone():
                    response = operation.send_raw(api, slots, raw)
                    wrong.expect(response.status_code < 500, operation, (raw[:40], response.status_code))
                    if response.status_code >= 400:
                        said = problem_in(response, 400, 404, 409, 413, 415, 422)
                        wrong.expect(not said, operation, (raw[:40], said))


def test_no_odd_value_in_any_field_breaks_an_operation(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.method in ("POST", "PUT")):  # PATCH is the same code as PUT
            slots, body = existing(operation, acme), body_in(operation, acme)
            if any(hasattr(value, "read") for value in body.values()):
                continue
            for name in body:
                for odd in ODD_VALUES:
                    with undone():
                        response = operation.send(api, slots, {**body, name: odd})
                        wrong.expect(response.status_code < 500, operation, (name, odd, response.status_code))


def test_no_odd_query_breaks_a_read(api: APIClient, acme: Organization) -> None:
    with findings() as wrong:
        for operation in those(lambda op: op.method == "GET"):
            address = operation.address(existing(operation, acme))
            for name in set(operation.query_names) - {"cursor", "limit", "ordering"}:  # test_lists_are_pages has those
                for odd in ODD_QUERIES:
                    response = api.get(address, {name: odd})
                    wrong.expect(response.status_code < 500, operation, (name, odd, response.status_code))
                    if response.status_code >= 400:
                        wrong.expect(not (said := problem_in(response, 400, 404)), operation, (name, odd, said))
