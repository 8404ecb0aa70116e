"""Processes, systems and teams behind touchpoints: pages, API, roles and walls."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.touchpoints.backstage import backstage_of, create_record, set_backstage
from apps.touchpoints.models import BackstageRecord, TouchpointBackstage
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, NotAllowed
from cxm.ids import uuid7
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, signed_in
from tests.factories.maps import a_backstage_record, a_touchpoint

SYSTEM = Actor.system("test")
URL = "/api/v1/backstage/"


def test_a_record_stands_behind_touchpoints(acme: Any) -> None:
    with tenant(acme):
        form, call = a_touchpoint("Form"), a_touchpoint("Call")
        billing = create_record(
            actor=SYSTEM, kind="system", name=" Billing ", touchpoints=["form", str(call.pk), "form"]
        )
        desk = create_record(actor=SYSTEM, kind="process", name="Desk", touchpoints=[form])
        assert billing.name == "Billing"
        assert backstage_of([form.pk, call.pk]) == {form.pk: [desk, billing], call.pk: [billing]}
        set_backstage(actor=SYSTEM, touchpoint=form, record_ids=[desk.pk])
        assert backstage_of([form.pk]) == {form.pk: [desk]}
        with pytest.raises(DomainError):
            set_backstage(actor=SYSTEM, touchpoint=form, record_ids=[uuid7()])
        with pytest.raises(Conflict):
            create_record(actor=SYSTEM, kind="system", name="Billing")
        assert create_record(actor=SYSTEM, kind="team", name="Billing")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"kind": "thing"}, "kind"),
        ({"kind": None}, "kind"),
        ({"name": ""}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"link": "javascript:alert(1)"}, "link"),
        ({"link": "https://a b"}, "link"),
        ({"owner_unit": "nobody"}, "owner_unit"),
        ({"touchpoints": ["missing"]}, "touchpoints"),
        ({"touchpoints": "form"}, "touchpoints"),
        ({"touchpoints": [3]}, "touchpoints"),
        ({"touchpoints": ["a\x00"]}, "touchpoints"),
    ],
)
def test_what_is_wrong_is_named(acme: Any, wrong: Any, field: str) -> None:
    with tenant(acme), pytest.raises(DomainErrors) as refused:
        create_record(actor=SYSTEM, **{"kind": "team", "name": "Desk", **wrong})
    assert [error["field"] for error in refused.value.errors] == [field]


def test_pages_make_change_and_delete(acme: Any) -> None:
    with tenant(acme):
        form = a_touchpoint("Form <b>")
    client = signed_in(a_member(acme, "manager"))
    base = "/o/acme/touchpoints/backstage/"
    assert b"Nothing behind the scenes yet" in client.get(base).content
    refused = client.post(f"{base}new/", {"kind": "team", "name": "", "link": "ftp://x"})
    assert refused.status_code == 422
    made = client.post(f"{base}new/", {"kind": "team", "name": "Desk", "touchpoints": [str(form.pk)]})
    page = client.get(made["Location"]).content.decode()
    assert "Form &lt;b&gt;" in page and "Team" in page
    assert "Desk" in client.get(f"/o/acme/touchpoints/{form.pk}/").content.decode()
    edit = f"{made['Location']}edit/"
    assert "Desk" in client.get(edit).content.decode()
    assert client.post(edit, {"kind": "team", "name": "Desk 2", "link": "https://example.com"}).status_code == 302
    with tenant(acme):
        assert not TouchpointBackstage.objects.exists()
    assert client.post(f"{made['Location']}delete/").status_code == 302
    with tenant(acme):
        assert not BackstageRecord.objects.exists()


def test_who_may_only_look_changes_nothing(acme: Any) -> None:
    with tenant(acme):
        row = a_backstage_record("Billing")
    client = signed_in(a_member(acme, "employee"))
    base = "/o/acme/touchpoints/backstage/"
    assert client.get(base).status_code == client.get(f"{base}{row.pk}/").status_code == 200
    for path in (f"{base}new/", f"{base}{row.pk}/edit/"):
        assert client.get(path).status_code == 403
    assert client.post(f"{base}{row.pk}/delete/").status_code == 403
    with tenant(acme), pytest.raises(NotAllowed):
        create_record(actor=an_actor(acme, "employee"), kind="team", name="Desk")


def test_another_organisation_is_not_found(acme: Any, globex: Any) -> None:
    with tenant(globex):
        theirs, row = a_touchpoint("Theirs"), a_backstage_record("Theirs")
    client, api = signed_in(a_member(acme, "manager")), an_api_client(acme)
    assert client.get(f"/o/acme/touchpoints/backstage/{row.pk}/").status_code == 404
    assert client.post(f"/o/acme/touchpoints/backstage/{row.pk}/delete/").status_code == 404
    assert api.get(f"{URL}{row.pk}/").status_code == 404
    with tenant(acme), pytest.raises(DomainErrors):
        create_record(actor=SYSTEM, kind="team", name="Desk", touchpoints=[str(theirs.pk)])


def test_the_api_reads_and_writes(acme: Any) -> None:
    with tenant(acme):
        a_touchpoint("Form")
    api = an_api_client(acme)
    made = api.post(URL, {"kind": "system", "name": "Billing", "touchpoints": ["form"]}, format="json")
    assert made.status_code == 201 and made.json()["touchpoints"] == ["form"]
    address = f"{URL}{made.json()['id']}/"
    assert api.patch(address, {"touchpoints": []}, format="json").json()["touchpoints"] == []
    assert api.get(URL, {"kind": "team"}).json()["results"] == []
    assert api.get(URL, {"kind": "martian"}).status_code == 400
    assert api.delete(address).status_code == 204


@pytest.mark.parametrize("path", ["/o/acme/touchpoints/backstage/", URL])
def test_lists_cost_the_same_with_one_and_three(acme: Any, path: str) -> None:
    client = an_api_client(acme) if path == URL else signed_in(a_member(acme, "manager"))

    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert client.get(path).status_code == 200
        return len(seen)

    with tenant(acme):
        a_backstage_record(touchpoints=[a_touchpoint().key])
    cost()
    one = cost()
    with tenant(acme):
        for _number in range(2):
            a_backstage_record(touchpoints=[a_touchpoint().key, a_touchpoint().key])
    assert cost() == one
