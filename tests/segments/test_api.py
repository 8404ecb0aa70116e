"""`segments/` beyond what every resource promises (tests/api/test_contract.py)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from rest_framework.test import APIClient

from apps.customers.holders import HOLDERS
from apps.customers.models import Customer
from apps.interactions.store import NewInteraction, record_interactions
from apps.organizations.models import Organization
from apps.segments import queries, registry
from apps.segments.models import Segment, SegmentMember
from apps.segments.rule import parse_rule
from cxm.actor import Actor
from cxm.exports import export_kinds
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import an_actor, an_api_client, an_organization
from tests.factories.customers import a_customer
from tests.factories.people import a_unit
from tests.factories.segments import a_list, a_segment

SEGMENTS = "/api/v1/segments/"
SYSTEM = Actor.system("test")
PRO = {"all": [{"attribute": "plan", "op": "=", "value": "pro"}]}


@pytest.fixture
def api(acme: Organization) -> APIClient:
    return an_api_client(acme)


@pytest.fixture(autouse=True)
def own_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "USES", {})


def names(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return sorted(row["name"] for row in response.json()["results"])


def test_a_segment_says_its_rule_its_size_and_its_people(api: APIClient) -> None:
    for name, plan in (("Ada", "pro"), ("Bob", "free"), ("Cy", "pro")):
        a_customer(name=name, attributes={"plan": plan})
    made = api.post(SEGMENTS, {"name": "Pros", "rule": PRO}, format="json")
    assert made.status_code == 201
    body = made.json()
    assert body["rule"] == PRO
    assert (body["kind"], body["size"], body["state"]) == ("live", 2, "ready")
    assert body["sentence"] == "Customers where plan is “pro”"
    assert body["computed_at"].endswith("Z")
    assert names(api.get(f"{SEGMENTS}{body['id']}/customers/")) == ["Ada", "Cy"]
    changed = api.patch(f"{SEGMENTS}{body['id']}/", {"rule": {"none": [PRO]}}, format="json")
    assert (changed.json()["size"], changed.json()["name"]) == (1, "Pros")
    assert names(api.get(f"{SEGMENTS}{body['id']}/customers/")) == ["Bob"]


def test_people_come_by_pages_and_in_the_shape_of_customers(api: APIClient) -> None:
    for number in range(3):
        a_customer(name=f"P{number}")
    segment = a_segment()
    first = api.get(f"{SEGMENTS}{segment.pk}/customers/?limit=2&ordering=name").json()
    second = api.get(first["next"]).json()
    assert [row["name"] for row in first["results"] + second["results"]] == ["P0", "P1", "P2"]
    assert second["next"] is None
    assert first["results"] == api.get("/api/v1/customers/?limit=2&ordering=name").json()["results"]


def test_customers_are_filtered_by_segment(api: APIClient) -> None:
    with tenant(an_organization("Other")):
        a_customer(name="Eve", attributes={"plan": "pro"})
        theirs = a_segment(PRO)
    a_customer(name="Ada", attributes={"plan": "pro"})
    a_customer(name="Bob")
    segment = a_segment(PRO)
    assert names(api.get(f"/api/v1/customers/?segment={segment.pk}")) == ["Ada"]
    for unknown in (theirs.pk, uuid7(), "x"):
        assert api.get(f"/api/v1/customers/?segment={unknown}").status_code == 400


def test_what_is_wrong_names_its_place(api: APIClient) -> None:
    for address, body in ((SEGMENTS, {"name": "A"}), (f"{SEGMENTS}preview/", {})):
        rule = {"any": [{"all": []}, {"event": "x", "count": {"op": ">=", "value": "many"}}]}
        response = api.post(address, {**body, "rule": rule}, format="json")
        assert response.status_code == 400
        assert [error["field"] for error in response.json()["errors"]] == ["rule.any.1.count.value"]
    assert api.post(SEGMENTS, {"name": "A"}, format="json").json()["errors"][0]["field"] == "rule"
    a_segment(name="Taken")
    taken = api.post(SEGMENTS, {"name": "Taken", "rule": {"all": []}}, format="json")
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "name")
    for kind, rule in (("static", PRO), ("sparkling", None)):
        assert api.post(SEGMENTS, {"name": "B", "kind": kind, "rule": rule}, format="json").status_code == 400


@pytest.mark.parametrize(
    "rule",
    [
        "x", 5, [], {"all": "x"}, {"all": [None]}, {"all": [{"event": {"a": 1}}]}, {"any": [[[]]]},
        {"all": [{"attribute": "a", "op": ["="], "value": 1}]}, {"all": [{"segment": {"id": 1}}]},
        {"all": [{"event": "x", "within": {"from": "0000-00-00"}}]},
        {"all": [{"event": "x", "within": {"to": "9999-12-31T23:59:59.999999-14:00"}}]},
        {"all": [{"attribute": "a", "op": "<", "value": 1e308}]},
    ],
)  # fmt: skip
def test_hostile_rules_are_refused(api: APIClient, rule: Any) -> None:
    assert api.post(f"{SEGMENTS}preview/", {"rule": rule}, format="json").status_code == 400


def test_odd_but_valid_rules_find_nobody_or_everybody(api: APIClient) -> None:
    a_customer(attributes={"a": "2024-02-30", "b": [1, 2], "c": "%s%%"})
    for rule, size in (
        ({"event": "x", "within": {"from": "0001-01-01", "to": "9999-12-31"}}, 0),
        ({"sequence": [{"event": "x"}, {"event": "x"}], "within_days": 3650, "within": {"to": "9999-12-31"}}, 0),
        ({"attribute": "a", "op": "<", "value": "9999-12-31T23:59:59-14:00"}, 0),
        ({"attribute": "b", "op": "contains", "value": 1}, 1),
        ({"attribute": "c", "op": "=", "value": "%s%%"}, 1),
        ({"attribute": "'; DROP TABLE x; --", "op": "missing"}, 1),
        ({"attribute": "a", "op": "starts_with", "value": "%"}, 0),
        ({"none": []}, 1),
        ({"any": []}, 0),
    ):
        response = api.post(f"{SEGMENTS}preview/", {"rule": rule}, format="json")
        assert (response.status_code, response.json()["size"]) == (200, size), rule


def test_a_preview_counts_and_shows_some(api: APIClient) -> None:
    for number in range(7):
        a_customer(name=f"P{number}", attributes={"plan": "pro"})
    found = api.post(f"{SEGMENTS}preview/", {"rule": PRO}, format="json").json()
    assert (found["size"], found["exact"]) == (7, True)
    assert found["sentence"] == "Customers where plan is “pro”"
    assert [row["name"] for row in found["sample"]] == ["P6", "P5", "P4", "P3", "P2"]
    assert not Segment.objects.exists()


def test_a_count_that_takes_too_long_is_estimated_from_a_sample(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        a_customer(attributes={"plan": "pro" if number % 2 else "free"})
    compile_rule = queries.compile_rule

    def slow_for_everybody(rule: Any, **options: Any) -> Any:
        compiled = compile_rule(rule, **options)
        if options.get("customers") is None:
            return type(compiled)(compiled.sql + " AND pg_sleep(5) IS NOT NULL", compiled.params)
        return compiled

    monkeypatch.setattr(queries, "compile_rule", slow_for_everybody)
    found = queries.preview_rule(SYSTEM, parse_rule(PRO), seconds=0.2)
    assert (found.count.is_exact, found.count.n, found.count.asked) == (False, 20, 40)
    assert len(found.sample) == 5
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_lists_take_ids_and_external_ids(api: APIClient) -> None:
    ada, _bob, cy = (a_customer(name=name, external_id=name.lower()) for name in ("Ada", "Bob", "Cy"))
    made = api.post(SEGMENTS, {"name": "Guests", "kind": "static"}, format="json").json()
    assert (made["size"], made["state"], made["rule"], made["sentence"]) == (0, "ready", {}, "Customers on a list")
    people = f"{SEGMENTS}{made['id']}/customers/"
    nobody = str(uuid7())
    body = {"customers": [str(ada.pk), nobody], "external_ids": ["bob", "zoe"]}
    added = api.post(people, body, format="json")
    assert added.json() == {"added": 2, "size": 2, "unknown": [nobody, "zoe"]}
    assert api.post(people, {"external_ids": ["bob", "cy"]}, format="json").json()["added"] == 1
    assert names(api.get(people)) == ["Ada", "Bob", "Cy"]
    assert api.get(f"{people}{cy.pk}/").json()["customer"] == str(cy.pk)
    assert api.delete(f"{people}{cy.pk}/").status_code == 204
    assert api.get(f"{people}{cy.pk}/").status_code == 404
    assert api.get(f"{SEGMENTS}{made['id']}/").json()["size"] == 2
    assert api.post(people, {}, format="json").status_code == 400
    live = a_segment()
    for response in (
        api.post(f"{SEGMENTS}{live.pk}/customers/", {"external_ids": ["ada"]}, format="json"),
        api.delete(f"{SEGMENTS}{live.pk}/customers/{ada.pk}/"),
    ):
        assert response.status_code == 409


def test_another_organisations_customers_cannot_be_listed(api: APIClient) -> None:
    with tenant(an_organization("Other")):
        theirs = a_customer(name="Eve", external_id="eve")
    segment = a_list()
    body = {"customers": [str(theirs.pk)], "external_ids": ["eve"]}
    added = api.post(f"{SEGMENTS}{segment.pk}/customers/", body, format="json")
    assert added.json() == {"added": 0, "size": 0, "unknown": [str(theirs.pk), "eve"]}
    assert not SegmentMember.objects.exists()


def test_a_segment_in_use_is_not_deleted(api: APIClient) -> None:
    inner = a_segment(PRO, name="Inner")
    outer = a_segment({"segment": str(inner.pk)}, name="Outer")
    refused = api.delete(f"{SEGMENTS}{inner.pk}/")
    assert refused.status_code == 409
    assert "Segment “Outer”" in refused.json()["detail"]
    registry.register_segment_use("tests", lambda ids: {pk: ["Persona “Ann”"] for pk in ids if pk == outer.pk})
    assert "Persona “Ann”" in api.delete(f"{SEGMENTS}{outer.pk}/").json()["detail"]
    registry.USES.clear()
    assert [api.delete(f"{SEGMENTS}{segment.pk}/").status_code for segment in (outer, inner)] == [204, 204]
    assert not SegmentMember.objects.exists()


def test_a_branch_sees_the_whole_size_and_its_own_people(acme: Organization) -> None:
    unit = a_unit()
    a_customer(name="Ada", unit=unit)
    bob = a_customer(name="Bob")
    segment, manager = a_segment(), an_actor(acme, "manager", unit=unit)
    assert segment.size == 2
    assert [row.name for row in queries.members(manager, segment)] == ["Ada"]
    found = queries.preview_rule(manager, parse_rule({"all": []}))
    assert (found.count.n, [row.name for row in found.sample]) == (2, ["Ada"])
    kind = export_kinds()["segment_members"]
    query = QueryDict(f"segment={segment.pk}")
    assert [row[3] for row in kind.rows(manager, acme, query)] == ["Ada"]
    assert [row[3] for row in kind.rows(SYSTEM, acme, query)] == ["Ada", "Bob"]
    assert queries.segments_of([bob.pk]) == {bob.pk: [segment]}


def test_a_list_of_segments_costs_the_same_however_long(api: APIClient) -> None:
    def queries_of_list() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.get(SEGMENTS).status_code == 200
        return len(captured)

    inner = a_segment(PRO)
    queries_of_list()  # the first use of a key is noted
    first = queries_of_list()
    for _number in range(3):
        a_segment(PRO)
    assert queries_of_list() == first
    a_segment({"segment": str(inner.pk)})
    with_names = queries_of_list()
    a_segment({"segment": str(inner.pk)})
    assert queries_of_list() == with_names == first + 1


def test_places_on_lists_go_along_with_a_merge_and_come_back(acme: Organization) -> None:
    ada, adele = a_customer(name="Ada"), a_customer(name="Adele")
    both, one = a_list(ada, adele), a_list(adele)
    holder = HOLDERS["segments"]
    moved = holder.move(adele.pk, ada.pk)
    Customer.records.filter(pk=adele.pk).update(merged_into=ada)
    assert [[row.name for row in queries.members(SYSTEM, segment)] for segment in (both, one)] == [["Ada"], ["Ada"]]
    holder.move_back(moved, adele.pk, ada.pk)
    Customer.records.filter(pk=adele.pk).update(merged_into=None)
    people = [sorted(row.name for row in queries.members(SYSTEM, segment)) for segment in (both, one)]
    assert people == [["Ada", "Adele"], ["Adele"]]
    assert [row["segment"] for row in holder.export(adele.pk)] == [both.name, one.name]
    assert holder.erase(adele.pk) == 2


def test_twice_in_ninety_days_and_unhappy(api: APIClient) -> None:
    """The example of the product: bought at least twice in 90 days."""
    ada, bob = a_customer(name="Ada"), a_customer(name="Bob")
    for customer, days in ((ada, 3), (ada, 80), (bob, 3), (bob, 91)):
        at = now() - timedelta(days=days)
        record_interactions(
            actor=SYSTEM, rows=[NewInteraction(event="Purchase", occurred_at=at, customer_id=customer.pk)]
        )
    rule = {"event": "Purchase", "count": {"op": ">=", "value": 2}, "within": {"days": 90}}
    made = api.post(SEGMENTS, {"name": "Buyers", "rule": rule}, format="json").json()
    assert made["sentence"] == "Customers where “Purchase” happened at least 2 times in the last 90 days"
    assert names(api.get(f"{SEGMENTS}{made['id']}/customers/")) == ["Ada"]
