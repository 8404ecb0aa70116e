"""The privacy desk: a request from its receipt to the proof of its answer."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers.models import ConsentRecord, Customer
from apps.customers.restriction import lift_restriction, restrict_customer
from apps.customers.services import update_customer
from apps.dispatch.models import Invitation, Suppression
from apps.organizations.models import Organization
from apps.privacy.models import PrivacyRequest
from apps.privacy.services import (
    check_identity,
    complete_request,
    forget_old_copies,
    open_request,
    refuse_request,
    set_answer_days,
    update_request,
)
from cxm.errors import Conflict, DomainError, DomainErrors
from cxm.scope import tenant
from tests.factories import a_member, an_actor, an_api_client, an_organization, signed_in
from tests.factories.customers import a_customer
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.privacy import a_privacy_request
from tests.factories.surveys import a_survey
from tests.privacy.conftest import SYSTEM, page


def identified(request: PrivacyRequest) -> PrivacyRequest:
    return check_identity(actor=SYSTEM, request=request.pk, method="call_back", confirmed=True)


def test_access_gives_a_file_whose_hash_outlives_it(inside: Organization, admin: Client) -> None:
    request = identified(a_privacy_request("access"))
    done = complete_request(actor=SYSTEM, request=request.pk)
    content = (Path(settings.MEDIA_ROOT) / done.file).read_bytes()
    assert json.loads(content)["customer"] == str(request.customer_id)
    assert done.file_sha256 == hashlib.sha256(content).hexdigest()
    assert done.file_size == len(content)
    answer = admin.post(page(inside, f"privacy/{request.pk}/file/"))
    assert b"".join(answer.streaming_content) == content
    assert "attachment" in answer["Content-Disposition"]
    PrivacyRequest.objects.filter(pk=request.pk).update(closed_at=now() - timedelta(days=31))
    assert forget_old_copies() == 1
    done.refresh_from_db()
    assert (done.file, len(done.file_sha256)) == ("", 64)
    assert [step["step"] for step in done.proof] == ["received", "identity_checked", "done", "copy_taken"]
    assert not (Path(settings.MEDIA_ROOT) / done.file).is_file()
    assert admin.post(page(inside, f"privacy/{request.pk}/file/")).status_code == 404


@pytest.mark.parametrize("kind", ["access", "correct", "erase"])
def test_what_could_harm_waits_for_the_identity(inside: Organization, kind: str) -> None:
    request = a_privacy_request(kind)
    with pytest.raises(DomainError) as refused:
        complete_request(actor=SYSTEM, request=request.pk)
    assert refused.value.errors[0]["field"] == "identity"
    check_identity(actor=SYSTEM, request=request.pk, method="document", confirmed=False)
    with pytest.raises(DomainError):
        complete_request(actor=SYSTEM, request=request.pk)
    assert Customer.objects.filter(pk=request.customer_id).exists()


def test_another_customer_makes_the_identity_unchecked_again(inside: Organization) -> None:
    request = identified(a_privacy_request("erase"))
    changed = update_request(actor=SYSTEM, request=request.pk, values={"customer": a_customer().pk})
    assert changed.identity == "unchecked"
    with pytest.raises(DomainError):
        complete_request(actor=SYSTEM, request=request.pk)


def test_correction_needs_something_corrected_and_names_the_fields(inside: Organization) -> None:
    request = identified(a_privacy_request("correct"))
    with pytest.raises(DomainError) as refused:
        complete_request(actor=SYSTEM, request=request.pk)
    assert refused.value.errors[0]["field"] == "changes"
    update_customer(actor=SYSTEM, customer=request.customer_id, name="Right Name")
    done = complete_request(actor=SYSTEM, request=request.pk, changes={"phone": "+4930111222"})
    assert done.proof[-1]["fields"] == ["name", "phone"]
    assert "Right Name" not in json.dumps(done.proof)


def test_restricted_person_is_kept_but_not_invited_until_it_is_lifted(inside: Organization) -> None:
    person = a_customer_to_ask()
    survey = a_survey(relationship=True)
    complete_request(actor=SYSTEM, request=a_privacy_request("restrict", customer=person.pk).pk)
    assert an_invitation(survey, person).reason == "restricted"
    lift_restriction(actor=SYSTEM, customer=person.pk)
    assert an_invitation(survey, person).state == "queued"
    restrict_customer(actor=SYSTEM, customer=person.pk)
    since = Customer.objects.get(pk=person.pk).restricted_at
    assert restrict_customer(actor=SYSTEM, customer=person.pk).restricted_at == since


def test_objection_withdraws_consent_and_stops_what_was_queued(inside: Organization) -> None:
    person = a_customer_to_ask()
    invitation = an_invitation(a_survey(relationship=True), person)
    complete_request(actor=SYSTEM, request=a_privacy_request("object", customer=person.pk).pk)
    invitation.refresh_from_db()
    assert (invitation.state, invitation.reason) == ("blocked", "suppressed")
    withdrawn = ConsentRecord.objects.filter(customer=person, state="withdrawn").values_list("purpose", flat=True)
    assert set(withdrawn) == {"surveys", "marketing", "contact"}
    assert Suppression.objects.in_force().get().email == person.email
    assert Invitation.objects.count() == 1


def test_proof_of_an_erasure_outlives_the_person_without_naming_them(inside: Organization) -> None:
    person = a_customer(name="Zelda Quux", email="zelda.quux@example.com")
    request = open_request(
        actor=an_actor(inside, "admin"),
        kind="erase",
        customer=person.pk,
        person="Zelda Quux",
        reply_to="zelda.quux@example.com",
        wish="Erase Zelda Quux",
        notes="Zelda called",
    )
    identified(request)
    done = complete_request(actor=an_actor(inside, "owner"), request=request.pk)
    assert (done.state, done.customer_id, done.subject_id) == ("done", None, person.pk)
    assert (done.person, done.reply_to, done.wish, done.notes) == ("", "", "", "")
    assert [step["step"] for step in done.proof] == ["received", "identity_checked", "done"]
    assert done.proof[-1]["erasure"]
    assert "zelda" not in json.dumps(done.proof).lower()
    assert not Customer.records.exists()


def test_answered_request_is_closed_for_good(inside: Organization) -> None:
    request = a_privacy_request("access")
    refused = refuse_request(actor=SYSTEM, request=request.pk, reason="nothing_held", note="We have nothing.")
    assert (refused.state, refused.proof[-1]["reason"]) == ("refused", "nothing_held")
    for again in (
        lambda: complete_request(actor=SYSTEM, request=request.pk),
        lambda: refuse_request(actor=SYSTEM, request=request.pk, reason="withdrawn"),
        lambda: update_request(actor=SYSTEM, request=request.pk, values={"notes": "x"}),
        lambda: identified(request),
    ):
        with pytest.raises(Conflict):
            again()


def test_deadline_is_the_organisations_and_what_is_late_is_said_so(inside: Organization, admin: Client) -> None:
    assert a_privacy_request().due_at - now() > timedelta(days=29)
    set_answer_days(actor=SYSTEM, days=10)
    request = a_privacy_request(received_at=now() - timedelta(days=11))
    assert request.is_overdue
    assert request.days_left == -2
    html = admin.get(page(inside, "privacy/")).content.decode()
    assert html.count("Overdue") >= 1
    assert html.index("Overdue") < html.index("days left")
    rows = an_api_client(inside).get("/api/v1/privacy/requests/?overdue=true").json()["results"]
    assert [row["id"] for row in rows] == [str(request.pk)]


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "forget"}, "kind"),
        ({"customer": uuid4()}, "customer"),
        ({"assigned_to": uuid4()}, "assigned_to"),
        ({"person": "x" * 201}, "person"),
        ({"wish": "a\x00b"}, "wish"),
        ({"notes": "\ud800"}, "notes"),
        ({"came_by": "pigeon"}, "came_by"),
        ({"received_at": now() + timedelta(days=3)}, "received_at"),
        ({"due_at": now() + timedelta(days=9_000)}, "due_at"),
    ],
)
def test_wrong_values_are_refused_by_name(inside: Organization, values: dict[str, object], field: str) -> None:
    with pytest.raises(DomainErrors) as refused:
        open_request(actor=SYSTEM, **{"kind": "access", **values})  # type: ignore[arg-type]
    assert [error["field"] for error in refused.value.errors] == [field]


def test_api_takes_a_request_from_open_to_done(inside: Organization) -> None:
    client = an_api_client(inside)
    person = a_customer(name="Ada")
    made = client.post("/api/v1/privacy/requests/", {"kind": "erase", "person": "Ada"}, format="json")
    assert made.status_code == 201
    path = f"/api/v1/privacy/requests/{made.json()['id']}/"
    assert client.post(f"{path}complete/", {}, format="json").status_code == 400
    assert client.patch(path, {"customer": str(person.pk), "waiting": True}, format="json").json()["state"] == "waiting"
    assert client.post(f"{path}identity/", {"method": "magic", "confirmed": True}, format="json").status_code == 400
    assert client.post(f"{path}identity/", {"method": "document", "confirmed": True}, format="json").status_code == 200
    done = client.post(f"{path}complete/", {}, format="json").json()
    assert (done["state"], done["customer"], done["subject"], done["person"]) == ("done", None, str(person.pk), "")
    assert client.delete(path).status_code == 409
    assert client.post(f"{path}refuse/", {"reason": "withdrawn"}, format="json").status_code == 409
    mistake = client.post("/api/v1/privacy/requests/", {"kind": "access"}, format="json").json()["id"]
    assert client.delete(f"/api/v1/privacy/requests/{mistake}/").status_code == 204


def test_requests_of_another_organisation_do_not_exist(inside: Organization, admin: Client) -> None:
    rival = an_organization("Rival")
    with tenant(rival):
        theirs = a_privacy_request("erase", person="Their Person", reply_to="secret@rival.example")
    client = an_api_client(inside)
    assert "Their Person" not in admin.get(page(inside, "privacy/")).content.decode()
    assert client.get("/api/v1/privacy/requests/").json()["results"] == []
    for rest in ("", "complete/", "refuse/", "edit/"):
        assert admin.get(page(inside, f"privacy/{theirs.pk}/{rest}")).status_code == 404
    for rest in ("customer/", "identity/", "complete/", "refuse/", "delete/", "file/"):
        assert admin.post(page(inside, f"privacy/{theirs.pk}/{rest}"), {"customer": str(uuid4())}).status_code == 404
    path = f"/api/v1/privacy/requests/{theirs.pk}/"
    for rest, body in (("complete/", {}), ("refuse/", {"reason": "withdrawn"})):
        assert client.post(f"{path}{rest}", body, format="json").status_code == 404
    mine = a_privacy_request()
    tied = client.patch(f"/api/v1/privacy/requests/{mine.pk}/", {"customer": str(theirs.customer_id)}, format="json")
    assert tied.status_code == 400


def test_pages_lead_from_the_request_to_the_proof(inside: Organization, admin: Client) -> None:
    person = a_customer(name="Ada King", email="ada.king@example.com")
    form = {"kind": "erase", "person": "A. King", "reply_to": "ada.king@example.com", "came_by": "phone"}
    answer = admin.post(page(inside, "privacy/new/"), form)
    assert answer.status_code == 302
    here = answer["Location"]
    assert admin.post(page(inside, "privacy/new/"), {"kind": "x"}).status_code == 422
    html = admin.get(here, {"find": "ada.king"}).content.decode()
    assert "Ada King" in html
    assert "Fulfil the request" not in html
    assert admin.post(f"{here}customer/", {"customer": str(person.pk)}).status_code == 302
    assert admin.post(f"{here}customer/", {"customer": "nobody"}).status_code == 422
    assert admin.post(f"{here}identity/", {"method": "", "confirmed": "yes"}).status_code == 422
    assert admin.post(f"{here}identity/", {"method": "document", "confirmed": "yes"}).status_code == 302
    member = a_member(inside, "admin", name="Casey")
    edit = {"person": "A. King", "due_at": "2030-01-01", "assigned_to": str(member.pk), "waiting": "on"}
    assert admin.post(f"{here}edit/", {**edit, "due_at": "soon"}).status_code == 422
    assert admin.post(f"{here}edit/", edit).status_code == 302
    assert "Fulfil the request" in admin.get(here).content.decode()
    assert "typ" in admin.get(f"{here}complete/").content.decode().lower()
    assert admin.post(f"{here}complete/", {"confirm": ""}).status_code == 422
    assert admin.post(f"{here}complete/", {"confirm": "erase"}).status_code == 302
    html = admin.get(here).content.decode()
    assert "Ada King" not in html
    assert str(person.pk) in html
    assert "Done" in html


def test_list_and_detail_cost_the_same_queries_for_one_and_three_rows(inside: Organization, admin: Client) -> None:
    counts = []
    for more in (1, 2):
        for _ in range(more):
            a_privacy_request()
        admin.get(page(inside, "privacy/"))
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(page(inside, "privacy/")).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("query", ["state=x", "kind=%00", "overdue=maybe", "customer=1", "page=x", "find=%00"])
def test_odd_queries_never_break_a_page(inside: Organization, admin: Client, query: str) -> None:
    request = a_privacy_request()
    assert admin.get(f"{page(inside, 'privacy/')}?{query}").status_code == 200
    assert admin.get(f"{page(inside, f'privacy/{request.pk}/')}?{query}").status_code == 200


def test_profile_shows_who_looked(inside: Organization, admin: Client) -> None:
    person = a_customer(external_id="looked-1")
    colleague = a_member(inside, "agent", name="Nosy Colleague")
    assert signed_in(colleague).get(page(inside, f"customers/{person.pk}/")).status_code == 200
    client = an_api_client(inside)
    client.get(f"/api/v1/customers/{person.pk}/")
    client.get("/api/v1/customers/by-external-id/looked-1/")
    html = admin.get(page(inside, f"privacy/customers/{person.pk}/look-ups/")).content.decode()
    assert "Nosy Colleague" in html
    assert html.count("Read by the API") == 2
    assert AuditEntry.objects.filter(action="customers.read", target_id=person.pk).count() == 2
    signed_in(colleague).get(page(inside, "customers/"), {"q": "looked"})
    search = AuditEntry.objects.get(action="customers.searched")
    assert (search.actor_id, search.fields) == (colleague.pk, ["q"])
    assert signed_in(colleague).get(page(inside, f"privacy/customers/{person.pk}/look-ups/")).status_code == 403


def test_restriction_is_shown_and_lifted_on_its_page(inside: Organization, admin: Client) -> None:
    person = a_customer(name="Ada")
    path = page(inside, f"privacy/customers/{person.pk}/restrict/")
    assert admin.get(path).status_code == 200
    assert admin.post(path).status_code == 302
    assert Customer.objects.get(pk=person.pk).restricted_at
    assert "Lift the restriction" in admin.get(path).content.decode()
    assert admin.post(path).status_code == 302
    assert Customer.objects.get(pk=person.pk).restricted_at is None


def test_copy_is_downloaded_from_its_page(inside: Organization, admin: Client) -> None:
    person = a_customer(name="Ada")
    path = page(inside, f"privacy/customers/{person.pk}/export/")
    assert "Copy of all data" in admin.get(path).content.decode()
    answer = admin.post(path)
    assert json.loads(b"".join(answer.streaming_content))["profile"]["name"] == "Ada"
    assert AuditEntry.objects.filter(action="customers.exported", target_id=person.pk).count() == 1
