"""The suppression list: pasted lists, the API, whose word it takes to come off it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.customers.digests import digest_of
from apps.dispatch.models import Suppression
from apps.dispatch.suppression import add_suppressions, addresses_in, is_suppressed, lift_suppression, suppress
from apps.organizations.models import Organization
from cxm.actor import Actor
from cxm.errors import DomainError
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, signed_in
from tests.factories.dispatch import a_customer_to_ask, a_suppression, an_invitation

SYSTEM = Actor.system("test")
API = "/api/v1/suppressions/"


@pytest.fixture
def acme(db: None) -> Iterator[Organization]:
    organization = an_organization("Acme")
    with tenant(organization):
        yield organization


@pytest.fixture
def admin(acme: Organization) -> Client:
    return signed_in(a_member(acme, "admin"))


def page(organization: Organization, rest: str = "") -> str:
    return f"/o/{organization.slug}/privacy/suppressions/{rest}"


def test_pasted_list_is_taken_and_what_is_queued_for_it_blocked(acme: Organization, admin: Client) -> None:
    person = a_customer_to_ask()
    invitation = an_invitation(customer=person)
    pasted = f"Lena <lena@example.com>; {person.email}\nMARA@example.com, lena@example.com nonsense"
    answer = admin.post(page(acme), {"email": pasted, "note": "from the old tool"}, follow=True)
    html = answer.content.decode()
    assert "3 addresses are never mailed again." in html
    assert "no e-mail addresses" in html
    assert set(Suppression.objects.values_list("email", flat=True)) == {
        "lena@example.com", "mara@example.com", person.email,
    }  # fmt: skip
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("blocked", "suppressed")
    again = admin.post(page(acme), {"email": "lena@example.com"}, follow=True).content.decode()
    assert "1 was on the list already." in again


def test_a_list_costs_the_same_queries_for_one_and_a_hundred_addresses(acme: Organization) -> None:
    counts = []
    for name, number in (("a", 1), ("b", 100)):
        with CaptureQueriesContext(connection) as captured:
            add_suppressions(actor=SYSTEM, emails=[f"{name}{n}@example.com" for n in range(number)])
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a@x.de", ["a@x.de"]),
        ("a@x.de,b@x.de;c@x.de\r\nd@x.de", ["a@x.de", "b@x.de", "c@x.de", "d@x.de"]),
        ('"b@x.de"', ["b@x.de"]),
        ("  ,;\n", []),
    ],
)
def test_pasted_text_is_cut_into_addresses(text: str, pieces: list[str]) -> None:
    assert addresses_in(text) == pieces


@pytest.mark.parametrize("reason", ["unsubscribed", "complaint", "opt_out_word"])
def test_own_word_is_taken_back_only_by_the_person(acme: Organization, reason: str) -> None:
    entry = suppress(actor=SYSTEM, email="lena@example.com", reason=reason)
    with pytest.raises(DomainError) as refused:
        lift_suppression(actor=SYSTEM, suppression=entry, reason="we would like to")
    assert refused.value.errors[0]["field"] == "asked_by_person"
    lift_suppression(actor=SYSTEM, suppression=entry, reason="asked on the phone", asked_by_person=True)
    assert not is_suppressed("lena@example.com")


def test_bounce_is_lifted_with_a_reason_alone(acme: Organization) -> None:
    entry = suppress(actor=SYSTEM, email="lena@example.com", reason="bounce")
    with pytest.raises(DomainError):
        lift_suppression(actor=SYSTEM, suppression=entry, reason=" ")
    lift_suppression(actor=SYSTEM, suppression=entry, reason="mailbox works again")
    assert Suppression.objects.get().lifted_because == "mailbox works again"


def test_erased_person_is_found_by_the_whole_address_only(acme: Organization, admin: Client) -> None:
    Suppression.objects.create(digest=digest_of("email", "gone@example.com"), reason="unsubscribed")
    assert "Somebody who was erased" in admin.get(page(acme), {"q": "GONE@example.com"}).content.decode()
    assert "Somebody who was erased" not in admin.get(page(acme), {"q": "gone"}).content.decode()
    assert "Somebody who was erased" in admin.get(page(acme), {"reason": "unsubscribed"}).content.decode()
    assert is_suppressed("Gone@Example.com ")
    person = a_customer_to_ask()
    assert an_invitation(customer=person).state == "queued"


def test_list_is_exported_without_live_formulas(acme: Organization, admin: Client) -> None:
    add_suppressions(actor=SYSTEM, emails=["lena@example.com"], note="=1+1")
    text = b"".join(admin.get(page(acme, "export/")).streaming_content).decode()
    assert "lena@example.com" in text
    assert ",=1+1" not in text
    assert AuditEntry.objects.filter(action="dispatch.suppressions_exported").exists()


def test_api_adds_finds_and_lifts(acme: Organization) -> None:
    client = an_api_client(acme)
    body = {"emails": ["Lena@example.com", "no address", "lena@example.com"], "note": "x"}
    answer = client.post(API, body, format="json")
    assert answer.status_code == 200
    assert answer.json() == {"added": 1, "known": 0, "refused": [{"index": 1, "email": "no address"}]}
    assert client.post(API, {"email": "lena@example.com"}, format="json").json()["known"] == 1
    (row,) = client.get(f"{API}?email=LENA@example.com&reason=manual").json()["results"]
    assert (row["email"], row["reason"], row["erased"], row["note"]) == ("lena@example.com", "manual", False, "x")
    assert client.post(f"{API}{row['id']}/lift/", {"reason": ""}, format="json").status_code == 400
    assert client.post(f"{API}{row['id']}/lift/", {"reason": "asked"}, format="json").status_code == 204
    assert client.get(f"{API}{row['id']}/").status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"email": "a@x.de", "emails": ["b@x.de"]},
        {"email": "no"},
        {"email": ["a@x.de"]},
        {"emails": "a@x.de"},
        {"emails": []},
        {"emails": [1]},
        {"emails": [{"a": 1}]},
        {"emails": ["a@x.de"] * 10_001},
        {"email": "a@x.de", "note": "x" * 300},
        {"email": "a@x.de", "note": "a\x00b"},
        [1],
        "text",
    ],
)
def test_odd_bodies_are_refused(acme: Organization, body: Any) -> None:
    assert an_api_client(acme).post(API, body, format="json").status_code == 400
    assert not Suppression.objects.exists()


def test_entries_of_another_organisation_do_not_exist(acme: Organization, admin: Client) -> None:
    rival = an_organization("Rival")
    with tenant(rival):
        theirs = a_suppression()
    client = an_api_client(acme)
    assert client.get(API).json()["results"] == []
    assert theirs.email not in admin.get(page(acme)).content.decode()
    for pk in (theirs.pk, uuid4()):
        assert client.get(f"{API}{pk}/").status_code == 404
        assert client.post(f"{API}{pk}/lift/", {"reason": "x"}, format="json").status_code == 404
        assert admin.get(page(acme, f"{pk}/lift/")).status_code == 404
    assert not is_suppressed(theirs.email)


def test_page_costs_the_same_queries_for_one_and_three_rows(acme: Organization, admin: Client) -> None:
    counts = []
    for more in (1, 2):
        for _ in range(more):
            suppress(actor=SYSTEM, customer=a_customer_to_ask(), reason="unsubscribed")
        admin.get(page(acme))
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(page(acme)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_number_that_said_stop_is_listed_found_and_exported(db: None) -> None:
    organization = an_organization("Nordwind")
    with tenant(organization):
        suppress(actor=Actor.system("test"), phone="+4930123456", reason="opt_out_word")
        client = signed_in(a_member(organization, "manager"))
        path = f"/o/{organization.slug}/privacy/suppressions/"
        assert "+4930123456" in client.get(path, {"q": "30123"}).content.decode()
        rows = b"".join(client.get(f"{path}export/").streaming_content).decode()
        assert ",'+4930123456" in rows
        api = an_api_client(organization)
        (entry,) = api.get("/api/v1/suppressions/", {"phone": "+4930123456"}).json()["results"]
        assert (entry["phone"], entry["email"], entry["reason"]) == ("+4930123456", None, "opt_out_word")
        assert api.get("/api/v1/suppressions/", {"phone": "+49"}).json()["results"] == []
