"""The touchpoint library through its services and its API."""

from __future__ import annotations

from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.touchpoints import registry, services
from apps.touchpoints.models import Touchpoint
from apps.touchpoints.queries import touchpoint_by_key_or_name
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, NotAllowed
from cxm.scope import tenant
from tests.factories import an_actor, an_api_client, an_organization
from tests.factories.maps import a_journey, a_touchpoint

pytestmark = pytest.mark.django_db
URL = "/api/v1/touchpoints/"


@pytest.fixture
def acme() -> Any:
    return an_organization("Acme")


def test_key_is_made_of_the_name_and_free(acme: Any) -> None:
    with tenant(acme):
        keys = [a_touchpoint("First invoice!").key for _ in range(3)]
    assert keys == ["first-invoice", "first-invoice-2", "first-invoice-3"]


def test_name_without_a_letter_still_gets_a_key(acme: Any) -> None:
    with tenant(acme):
        assert a_touchpoint("请求").key == "touchpoint"


def test_same_key_in_two_organisations_is_two_touchpoints(acme: Any) -> None:
    globex = an_organization("Globex")
    with tenant(globex):
        a_touchpoint("Their hotline", key="hotline")
    with tenant(acme):
        a_touchpoint("Our hotline", key="hotline")
    client = an_api_client(acme)
    assert client.get(URL + "hotline/").json()["name"] == "Our hotline"
    assert [row["name"] for row in client.get(URL).json()["results"]] == ["Our hotline"]


def test_taken_key_is_a_conflict(acme: Any) -> None:
    client = an_api_client(acme)
    body = {"key": "hotline", "name": "Hotline", "channel": "phone"}
    assert client.post(URL, body, format="json").status_code == 201
    answer = client.post(URL, body, format="json")
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "key"


def test_created_touchpoint_is_read_by_key_and_by_id(acme: Any) -> None:
    client = an_api_client(acme)
    match = {"event": "invoice_sent", "where": {"first": True}}
    made = client.post(
        URL, {"key": "invoice_1", "name": "First invoice", "channel": "email", "event_match": match}, format="json"
    )
    assert made.status_code == 201
    assert made.headers["Location"].endswith("/touchpoints/invoice_1/")
    body = made.json()
    assert (body["key"], body["channel"], body["event_match"], body["owner_unit"]) == (
        "invoice_1",
        "email",
        match,
        None,
    )
    assert client.get(URL + "invoice_1/").json() == body
    assert client.get(URL + body["id"] + "/").json() == body


def test_foreign_touchpoint_answers_like_one_that_never_existed(acme: Any) -> None:
    globex = an_organization("Globex")
    with tenant(globex):
        theirs = a_touchpoint("Secret desk", key="secret")
    client = an_api_client(acme)
    for name in ("secret", str(theirs.pk)):
        never = client.get(URL + "nothing-here/")
        for answer in (
            client.get(f"{URL}{name}/"),
            client.patch(f"{URL}{name}/", {"name": "Mine"}, format="json"),
            client.delete(f"{URL}{name}/"),
        ):
            assert answer.status_code == 404
            assert answer.json() == never.json()


def test_foreign_owner_unit_is_refused_by_name_of_the_field(acme: Any) -> None:
    from apps.organizations.models import Unit
    from tests.factories import make

    globex = an_organization("Globex")
    with tenant(globex):
        theirs = make(Unit)
    answer = an_api_client(acme).post(URL, {"name": "Desk", "owner_unit": str(theirs.pk)}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "owner_unit"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"name": 5.5, "channel": "pigeon"}, "channel"),
        ({"name": "Desk", "key": "Not A Key"}, "key"),
        ({"name": "Desk", "event_match": "invoice"}, "event_match"),
        ({"name": "Desk", "event_match": {"event": ""}}, "event_match.event"),
        ({"name": "Desk", "event_match": {"event": "e", "where": {"a": {}}}}, "event_match.where.a"),
        ({"name": "Desk", "event_match": {"event": "e", "where": [1]}}, "event_match.where"),
        ({"name": "Desk", "target": {"nps": 101}}, "target.nps"),
        ({"name": "Desk", "target": {"csat": True}}, "target.csat"),
    ],
)
def test_wrong_field_is_named(acme: Any, body: Any, field: str) -> None:
    answer = an_api_client(acme).post(URL, body, format="json")
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_key_never_changes(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Desk", key="desk")
    client = an_api_client(acme)
    answer = client.patch(URL + "desk/", {"key": "counter"}, format="json")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "immutable"
    assert client.patch(URL + "desk/", {"key": "desk", "name": "Counter"}, format="json").json()["name"] == "Counter"


def test_if_match_of_an_older_state_is_refused(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Desk", key="desk")
    client = an_api_client(acme)
    etag = client.get(URL + "desk/").headers["ETag"]
    assert client.patch(URL + "desk/", {"name": "A"}, format="json", headers={"if-match": etag}).status_code == 200
    assert client.patch(URL + "desk/", {"name": "B"}, format="json", headers={"if-match": etag}).status_code == 412
    assert client.get(URL + "desk/").json()["name"] == "A"


def test_touchpoint_on_a_map_is_archived_not_deleted(acme: Any) -> None:
    with tenant(acme):
        used = a_touchpoint("Desk", key="desk")
        free = a_touchpoint("Counter", key="counter")
        a_journey("Moving", stages=[{"name": "A", "steps": [{"name": "B", "touchpoints": ["desk"]}]}])
        with pytest.raises(Conflict) as raised:
            services.delete_touchpoint(actor=Actor.system("test"), touchpoint=used)
        assert "Moving" in raised.value.message
        services.delete_touchpoint(actor=Actor.system("test"), touchpoint=free)
        services.archive_touchpoint(actor=Actor.system("test"), touchpoint=used)
    client = an_api_client(acme)
    assert client.get(URL).json()["results"] == []
    assert [row["key"] for row in client.get(URL + "?archived=true").json()["results"]] == ["desk"]
    assert client.delete(URL + "desk/").status_code == 409


def test_list_is_filtered_and_ordered(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Bravo", channel="phone")
        a_touchpoint("Alpha", channel="web")
    client = an_api_client(acme)
    assert [row["name"] for row in client.get(URL).json()["results"]] == ["Alpha", "Bravo"]
    assert [row["name"] for row in client.get(URL + "?channel=phone").json()["results"]] == ["Bravo"]
    assert [row["name"] for row in client.get(URL + "?q=alph").json()["results"]] == ["Alpha"]
    assert client.get(URL + "?channel=pigeon").status_code == 400


def test_list_costs_the_same_with_one_row_and_with_three(acme: Any, django_assert_num_queries: Any) -> None:
    client = an_api_client(acme)
    with tenant(acme):
        a_touchpoint()
    client.get(URL)
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(
        connection,
    ) as one:
        client.get(URL)
    with tenant(acme):
        a_touchpoint()
        a_touchpoint()
    with django_assert_num_queries(len(one)):
        client.get(URL)


def test_a_manager_of_a_branch_edits_only_its_touchpoints(acme: Any) -> None:
    from apps.organizations.models import Unit
    from tests.factories import make

    with tenant(acme):
        north, south = make(Unit), make(Unit)
        actor = an_actor(acme, "manager", unit=north)
        ours = services.create_touchpoint(actor=actor, name="North desk", owner_unit=north)
        theirs = a_touchpoint("South desk", owner_unit=south)
        services.update_touchpoint(actor=actor, touchpoint=ours, name="North counter")
        with pytest.raises(NotAllowed):
            services.update_touchpoint(actor=actor, touchpoint=theirs, name="Mine")
        with pytest.raises(NotAllowed):
            services.update_touchpoint(actor=actor, touchpoint=ours, owner_unit=south)


def test_employee_cannot_create(acme: Any) -> None:
    actor = an_actor(acme, "employee")
    with tenant(acme), pytest.raises(NotAllowed):
        services.create_touchpoint(actor=actor, name="Desk")


def test_audit_holds_names_of_fields_and_nothing_unchanged_is_written(acme: Any) -> None:
    with tenant(acme):
        desk = a_touchpoint("Desk")
        services.update_touchpoint(actor=Actor.system("test"), touchpoint=desk, name="Counter", channel="web")
        services.update_touchpoint(actor=Actor.system("test"), touchpoint=desk, name="Counter")
        entries = AuditEntry.objects.filter(target_id=desk.pk).order_by("at")
        assert [(entry.action, entry.fields) for entry in entries] == [
            ("touchpoints.created", []),
            ("touchpoints.changed", ["name"]),
        ]


def test_found_by_key_or_by_name(acme: Any) -> None:
    with tenant(acme):
        desk = a_touchpoint("Front desk", key="desk")
        assert touchpoint_by_key_or_name("desk") == desk
        assert touchpoint_by_key_or_name(" front DESK ") == desk
        assert touchpoint_by_key_or_name("counter") is None
        assert touchpoint_by_key_or_name("a\x00b") is None


def test_figures_nobody_registers_are_nothing(acme: Any) -> None:
    with tenant(acme):
        assert registry.figure("volume", [a_touchpoint().pk]) == {}


def test_texts_that_no_database_stores_are_refused(acme: Any) -> None:
    with tenant(acme):
        for name in ("a\x00b", "a\ud800b"):
            with pytest.raises(DomainError):
                services.create_touchpoint(actor=Actor.system("test"), name=name)
        assert not Touchpoint.objects.exists()


@pytest.mark.parametrize("method", ["options", "trace"])
def test_methods_that_are_not_offered_are_a_405(acme: Any, method: str) -> None:
    assert getattr(an_api_client(acme), method)(URL).status_code == 405
