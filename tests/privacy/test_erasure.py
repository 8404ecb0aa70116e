"""After an erasure nothing finds the person, and no number has moved."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.utils.timezone import now

from apps.audit.models import AuditEntry
from apps.customers.identity import attach, clean_named, with_identities
from apps.customers.merging import merge_customers
from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.services import record_consent
from apps.dispatch.mailbox import keep
from apps.dispatch.models import Invitation, Suppression
from apps.dispatch.suppression import is_suppressed, suppress
from apps.imports.models import ExportJob, ImportJob, RefusedRow
from apps.interactions.models import Interaction
from apps.interactions.store import NewInteraction, record_interactions
from apps.interactions.touches import add_touch
from apps.metrics.folding import fold_buckets
from apps.metrics.models import ScoreHistogram
from apps.organizations.models import Organization
from apps.outbox.relay import drain
from apps.privacy.erasure import erase_customer
from apps.privacy.journal import erase_again, journal_path, read, write_missing
from apps.privacy.models import Erasure, PrivacyRequest
from apps.privacy.personal_copy import export_customer
from apps.privacy.services import check_identity, complete_request, open_request
from apps.surveys.models import Response, ResponseRevision
from cxm.actor import Actor
from cxm.errors import NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_actor, an_api_client, an_organization
from tests.factories.customers import a_customer
from tests.factories.dispatch import a_customer_to_ask, an_invitation
from tests.factories.surveys import a_survey, an_answer
from tests.privacy.conftest import SYSTEM, page
from tests.privacy.searching import files_with, keys_with, tables_with

TOKEN = "zqx7token"
EMAIL = f"{TOKEN}@example.com"


def a_known_person(organization: Organization) -> Customer:
    """A person whose name stands in every place that holds anything of customers."""
    client = an_api_client(organization)
    answer = client.post(
        "/api/v1/customers/",
        {
            "external_id": f"u-{TOKEN}",
            "email": EMAIL,
            "phone": "+4930987654321",
            "name": f"{TOKEN} Person",
            "account": "Widgets Ltd",
            "attributes": {"note": TOKEN, "list": [TOKEN]},
        },
        format="json",
        HTTP_IDEMPOTENCY_KEY="make",
    )
    assert answer.status_code == 201
    person = Customer.objects.get(pk=answer.json()["id"])
    Customer.objects.filter(pk=person.pk).update(created_at=now() - timedelta(days=400))
    other = a_customer(external_id=f"old-{TOKEN}", name=f"{TOKEN} Maiden", attributes={"old": TOKEN})
    merge_customers(actor=SYSTEM, kept=person.pk, merged=other.pk)
    named = clean_named(
        at=now(), user_id=f"u-{TOKEN}", email=f"second.{EMAIL}", anonymous_id=f"anon-{TOKEN}", traits={"city": TOKEN}
    )
    with_identities(lambda: attach([named]))
    record_interactions(
        actor=SYSTEM,
        rows=[
            NewInteraction(
                event="Order placed", occurred_at=now(), named=named, properties={"who": TOKEN}, context={"ip": TOKEN}
            ),
            NewInteraction(
                event=f"Called {TOKEN}", occurred_at=now(), customer_id=person.pk, kind="note", source="hand",
                properties={"text": f"a note on {TOKEN}"},
            ),
        ],
    )  # fmt: skip
    record_consent(actor=SYSTEM, customer=person.pk, purpose="surveys", how=f"by {TOKEN}")
    survey = a_survey(relationship=True)
    response = an_answer(survey, 3, f"call {TOKEN}", customer_id=person.pk, source_id=f"s-{TOKEN}")
    an_answer(survey, 4, f"call {EMAIL}", customer_id=person.pk, source_id=f"s-{TOKEN}", attributes={"by": TOKEN})
    assert ResponseRevision.objects.filter(response=response).exists()
    an_invitation(a_survey(relationship=True), Customer.objects.get(pk=person.pk))
    keep(to=EMAIL, subject=f"For {TOKEN}", html=f"<p>{TOKEN}</p>", text=f"Hello {TOKEN}", headers={"To": EMAIL})
    suppress(actor=SYSTEM, email=EMAIL, reason="unsubscribed", note=TOKEN)
    job = ImportJob.objects.create(kind="customers", filename="people.csv", file="", state="done")
    RefusedRow.objects.create(job=job, line=2, reason=f"bad: {EMAIL}", cells=[EMAIL, TOKEN])
    export = ExportJob.objects.create(kind="customers", format="csv", state="done", file=f"{organization.pk}/exports/x")
    path = Path(_media()) / export.file
    path.parent.mkdir(parents=True)
    path.write_text(f"{TOKEN},{EMAIL}")
    request = open_request(
        actor=SYSTEM, kind="access", customer=person.pk, person=TOKEN, reply_to=EMAIL, wish=TOKEN, notes=TOKEN
    )
    check_identity(actor=SYSTEM, request=request.pk, method="account", confirmed=True)
    complete_request(actor=SYSTEM, request=request.pk)
    open_request(actor=SYSTEM, kind="object", person=TOKEN, reply_to=EMAIL.upper())
    return Customer.objects.get(pk=person.pk)


def _media() -> str:
    from django.conf import settings

    return str(settings.MEDIA_ROOT)


def everything_with(needle: str, folder: Path) -> list[Any]:
    with connection.cursor() as cursor:
        return [*tables_with(cursor, needle), *files_with(folder, needle), *keys_with(needle)]


def test_search_of_database_files_cache_and_logs_finds_nothing_after_an_erasure(
    inside: Organization, folders: Path, caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: Any
) -> None:
    caplog.set_level(logging.DEBUG, logger="cxm")
    person = a_known_person(inside)
    while drain().handled:
        pass
    merged = Customer.records.get(external_id=f"old-{TOKEN}")
    before = everything_with(TOKEN, folders)
    for place in (
        "customers_customer", "customers_customeridentifier", "customers_consentrecord",
        "interactions_interaction", "surveys_response", "surveys_responserevision", "dispatch_mailboxmessage",
        "dispatch_suppression", "imports_refusedrow", "api_idempotencyrecord", "privacy_privacyrequest",
    ):  # fmt: skip
        assert place in before, f"the test put nothing into {place}"
    assert len([place for place in before if isinstance(place, Path)]) == 2
    with django_capture_on_commit_callbacks(execute=True):
        erased = erase_customer(actor=SYSTEM, customer=person.pk)
    assert everything_with(TOKEN, folders) == []
    assert everything_with(EMAIL, folders) == []
    assert everything_with("4930987654321", folders) == []
    assert TOKEN not in caplog.text
    assert not Customer.records.filter(pk__in=[person.pk, merged.pk]).exists()
    assert erased.found["responses"] == 1
    assert erased.found["interactions"] == 2
    assert AuditEntry.objects.filter(action="customers.erased", target_id=person.pk).exists()


def test_audit_log_keeps_no_address_of_a_customer(inside: Organization) -> None:
    person = a_customer_to_ask()
    suppress(actor=Actor.respondent("203.0.113.5"), customer=person, reason="unsubscribed")
    entry = AuditEntry.objects.get(action="dispatch.suppressed")
    assert (entry.actor_kind, entry.ip) == ("respondent", None)


def test_no_published_number_moves(inside: Organization) -> None:
    person = a_customer_to_ask()
    survey = a_survey("nps", relationship=True)
    for score in (2, 9, 10):
        an_answer(survey, score, "because", customer_id=person.pk)
    an_answer(survey, 7)
    record_interactions(
        actor=SYSTEM, rows=[NewInteraction(event="Order placed", occurred_at=now(), customer_id=person.pk)]
    )
    add_touch(actor=SYSTEM, customer=person, values={"kind": "call", "note": "very personal"})
    invitation = an_invitation(survey, person)
    Invitation.objects.filter(pk=invitation.pk).update(state="sent", sent_at=now())

    def numbers() -> list[Any]:
        fold_buckets({(row.survey_id, row.day) for row in Response.objects.all()})
        counts = [f"c{score}" for score in range(11)]
        histograms = sorted(ScoreHistogram.objects.values_list("question", "day", *counts))
        volumes = sorted(Interaction.objects.values_list("event", "occurred_at", "channel"))
        sent = sorted(Invitation.objects.values_list("survey", "state"))
        return [histograms, volumes, sent, sorted(Response.objects.values_list("score", "day", "channel"))]

    before = numbers()
    erase_customer(actor=SYSTEM, customer=person.pk)
    assert numbers() == before
    assert sum(row[2] + row[9 + 2] + row[10 + 2] + row[7 + 2] for row in before[0]) >= 3
    assert set(Response.objects.values_list("comment", "customer")) == {("", None)}
    assert next(row.answers for row in Response.objects.order_by("score")) == {"score": 2}


def test_scores_and_choices_stay_and_own_words_go(inside: Organization) -> None:
    definition = {
        "version": 1,
        "languages": ["en"],
        "pages": [
            {
                "id": "p",
                "questions": [
                    {"id": "s", "type": "nps", "metric": "nps", "title": {"en": "?"}},
                    {"id": "r", "type": "rating", "scale": 5, "title": {"en": "?"}},
                    {"id": "c", "type": "choice", "title": {"en": "?"}, "choices": [{"id": "a", "label": {"en": "A"}}]},
                    {"id": "t1", "type": "text", "title": {"en": "?"}},
                    {"id": "t2", "type": "text", "title": {"en": "?"}},
                    {"id": "n", "type": "number", "title": {"en": "?"}},
                    {"id": "d", "type": "date", "title": {"en": "?"}},
                ],
            }
        ],
    }
    survey = a_survey("custom", definition=definition)
    person = a_customer()
    answers = {"s": 9, "r": 4, "c": "a", "t1": "me", "t2": "more of me", "n": 4711, "d": "1990-01-01"}
    response = an_answer(survey, answers=answers, customer_id=person.pk)
    erase_customer(actor=SYSTEM, customer=person.pk)
    response.refresh_from_db()
    assert response.answers == {"s": 9, "r": 4, "c": "a"}
    assert (response.score, response.comment, response.customer, response.attributes) == (9, "", None, {})


def test_whoever_had_opted_out_is_not_mailed_when_imported_again(inside: Organization) -> None:
    stopped, withdrew, neither = (a_customer_to_ask() for _ in range(3))
    suppress(actor=SYSTEM, customer=stopped, reason="unsubscribed")
    record_consent(actor=SYSTEM, customer=withdrew, purpose="surveys", state="withdrawn")
    emails = [person.email or "" for person in (stopped, withdrew, neither)]
    for person in (stopped, withdrew, neither):
        erase_customer(actor=SYSTEM, customer=person.pk)
    assert not Suppression.objects.exclude(email="").exists()
    survey = a_survey(relationship=True)
    reasons = []
    for email in emails:
        again = a_customer(email=email)
        Customer.objects.filter(pk=again.pk).update(created_at=now() - timedelta(days=400))
        reasons.append(an_invitation(survey, Customer.objects.get(pk=again.pk)).reason)
    assert reasons == ["suppressed", "suppressed", ""]
    assert [is_suppressed(email) for email in emails] == [True, True, False]


def test_other_people_and_other_organisations_are_left_alone(inside: Organization) -> None:
    rival = an_organization("Rival")
    with tenant(rival):
        twin = a_customer(email=EMAIL, name=TOKEN)
        kept_mail = keep(to=EMAIL, subject="x", html="", text=TOKEN, headers={})
    neighbour = a_customer(email="neighbour@example.com", external_id="5")
    comment = an_answer(a_survey(), 5, "my own words", customer_id=neighbour.pk)
    person = a_customer(email=EMAIL, name=TOKEN, external_id="17")
    erase_customer(actor=SYSTEM, customer=person.pk)
    with tenant(rival):
        twin.refresh_from_db()
        kept_mail.refresh_from_db()
    neighbour.refresh_from_db()
    comment.refresh_from_db()
    assert (twin.email, neighbour.external_id, comment.comment) == (EMAIL, "5", "my own words")


def test_merged_record_stands_for_its_person(inside: Organization) -> None:
    kept, merged = a_customer(), a_customer()
    merge_customers(actor=SYSTEM, kept=kept.pk, merged=merged.pk)
    erased = erase_customer(actor=SYSTEM, customer=merged.pk)
    assert erased.customer == kept.pk
    assert not Customer.records.exists()


def test_only_privacy_manage_may_erase_or_export(inside: Organization) -> None:
    person = a_customer()
    for role in ("manager", "analyst", "employee", "agent"):
        actor = an_actor(inside, role)
        with pytest.raises(NotAllowed):
            erase_customer(actor=actor, customer=person.pk)
        with pytest.raises(NotAllowed):
            export_customer(actor=actor, customer=person.pk)
    with pytest.raises(NotFound):
        erase_customer(actor=SYSTEM, customer=uuid4())
    assert Customer.objects.filter(pk=person.pk).exists()


def test_failed_erasure_leaves_everything_and_writes_no_line(inside: Organization) -> None:
    person = a_customer()
    with pytest.raises(RuntimeError), transaction.atomic():
        erase_customer(actor=SYSTEM, customer=person.pk)
        raise RuntimeError
    assert Customer.objects.filter(pk=person.pk).exists()
    assert not journal_path().exists()


# -- the journal outside the database ----------------------------------------------------------------------------------


def test_journal_holds_no_personal_value_and_is_closed_to_others(
    inside: Organization, django_capture_on_commit_callbacks: Any
) -> None:
    person = a_customer(external_id=f"u-{TOKEN}", email=EMAIL, name=TOKEN)
    with django_capture_on_commit_callbacks(execute=True):
        erased = erase_customer(actor=SYSTEM, customer=person.pk)
    (line,) = read()
    assert (line.id, line.organization, line.customers) == (erased.id, inside.pk, (person.pk,))
    assert len(line.digests) == 2
    assert TOKEN not in journal_path().read_text()
    assert journal_path().stat().st_mode & 0o777 == 0o600


def test_person_brought_back_by_a_restore_is_erased_again(
    inside: Organization, django_capture_on_commit_callbacks: Any, capsys: Any
) -> None:
    person = a_customer(external_id="back-1", email=EMAIL)
    with django_capture_on_commit_callbacks(execute=True):
        erase_customer(actor=SYSTEM, customer=person.pk)
    # as an older backup has it: the same ids again, with what belonged to them then
    Customer.records.create(pk=person.pk, external_id="back-1", email=EMAIL, created_at=now() - timedelta(days=9))
    an_answer(a_survey(), 3, TOKEN, customer_id=person.pk)
    stranger = a_customer()
    call_command("erase_again")
    assert "1 people" in capsys.readouterr().out
    assert list(Customer.records.values_list("pk", flat=True)) == [stranger.pk]
    assert Response.objects.get().comment == ""


def test_identifier_is_recognised_under_another_id_and_whoever_came_back_later_stays(
    inside: Organization, django_capture_on_commit_callbacks: Any
) -> None:
    person = a_customer(email=EMAIL, phone="+4930123456")
    with django_capture_on_commit_callbacks(execute=True):
        erase_customer(actor=SYSTEM, customer=person.pk)
    older = a_customer(phone="+4930123456")
    Customer.objects.filter(pk=older.pk).update(created_at=now() - timedelta(days=1))
    CustomerIdentifier.objects.update(created_at=now() - timedelta(days=1))
    later = a_customer(email=EMAIL)
    assert erase_again(lambda pk: erase_customer(actor=SYSTEM, customer=pk)) == 1
    assert list(Customer.objects.values_list("pk", flat=True)) == [later.pk]


def test_line_lost_in_a_crash_is_written_later_and_broken_lines_are_passed_over(inside: Organization) -> None:
    erased = erase_customer(actor=SYSTEM, customer=a_customer().pk)
    assert list(read()) == []
    journal_path().write_text('{"erasure": "cut o\n[[[\n{"erasure": 5}\n')
    assert write_missing() == 1
    assert write_missing() == 0
    assert [line.id for line in read()] == [erased.id]
    assert [row.pk for row in Erasure.objects.all()] == [erased.id]


# -- ways to it --------------------------------------------------------------------------------------------------------


def test_api_exports_and_erases(inside: Organization) -> None:
    client = an_api_client(inside)
    person = a_known_person(inside)
    answer = client.get(f"/api/v1/customers/{person.pk}/export/")
    copy = json.loads(b"".join(answer.streaming_content))
    assert copy["profile"]["email"] == EMAIL
    assert [row["name"] for row in copy["merged_records"]] == [f"{TOKEN} Maiden"]
    assert {row["event"] for row in copy["interactions"]} == {"Order placed", f"Called {TOKEN}"}
    assert copy["responses"][0]["comment"] == f"call {EMAIL}"
    assert copy["responses"][0]["earlier"][0]["answers"]["reason"] == f"call {TOKEN}"
    assert {row["value"] for row in copy["identifiers"]} >= {f"anon-{TOKEN}", EMAIL, f"second.{EMAIL}"}
    assert copy["suppressions"][0]["reason"] == "unsubscribed"
    assert len(copy["privacy_requests"]) == 1
    assert copy["consents"][0]["how"] == f"by {TOKEN}"
    assert AuditEntry.objects.filter(action="customers.exported", target_id=person.pk).count() >= 2
    answer = client.post(f"/api/v1/customers/{person.pk}/erase/", {"reason": "asked"}, format="json")
    assert answer.status_code == 200
    assert answer.json()["customer"] == str(person.pk)
    for method, rest in (("get", "export/"), ("post", "erase/"), ("get", "")):
        assert getattr(client, method)(f"/api/v1/customers/{person.pk}/{rest}").status_code == 404


def test_api_asks_for_the_scope_and_hides_other_organisations(inside: Organization) -> None:
    person = a_customer()
    rival = an_organization("Rival")
    everything = an_api_client(rival)
    little = an_api_client(inside, ["customers.view", "customers.edit", "customers.export"])
    for method, rest in (("get", "export/"), ("post", "erase/"), ("post", "restrict/")):
        path = f"/api/v1/customers/{person.pk}/{rest}"
        body = {"restricted": True} if rest == "restrict/" else {}
        assert getattr(everything, method)(path, body, format="json").status_code == 404
        assert getattr(little, method)(path, body, format="json").status_code == 403
        never = getattr(everything, method)(f"/api/v1/customers/{uuid4()}/{rest}", body, format="json")
        assert never.status_code == 404
        assert getattr(everything, method)(f"/api/v1/customers/nobody/{rest}", body, format="json").status_code == 404
    assert Customer.objects.filter(pk=person.pk, restricted_at=None).exists()


@pytest.mark.parametrize("body", [{"reason": 5000 * "x"}, {"reason": ["a"]}, {"reason": {}}, [1], "text"])
def test_odd_bodies_of_an_erasure_are_refused(inside: Organization, body: Any) -> None:
    person = a_customer()
    answer = an_api_client(inside).post(f"/api/v1/customers/{person.pk}/erase/", body, format="json")
    assert answer.status_code == 400
    assert Customer.objects.filter(pk=person.pk).exists()


def test_page_asks_for_a_typed_word(inside: Organization, admin: Client) -> None:
    person = a_customer(name="Ada")
    path = page(inside, f"privacy/customers/{person.pk}/erase/")
    assert "Erase Ada?" in admin.get(path).content.decode()
    assert admin.post(path, {"confirm": "yes"}).status_code == 422
    assert Customer.objects.filter(pk=person.pk).exists()
    assert admin.post(path, {"confirm": "erase"}).status_code == 302
    assert not Customer.objects.filter(pk=person.pk).exists()
    assert admin.get(path).status_code == 404


def test_commands_export_and_erase_by_any_identifier(inside: Organization, tmp_path: Path, capsys: Any) -> None:
    person = a_customer(external_id="cmd-1", email=EMAIL)
    a_customer(email="other@example.com")
    target = tmp_path / "copy.json"
    call_command("export_customer", inside.slug, EMAIL, "--file", str(target))
    assert json.loads(target.read_text())["customer"] == str(person.pk)
    assert target.stat().st_mode & 0o777 == 0o600
    call_command("erase_customer", inside.slug, "cmd-1", "--yes")
    assert f"Erased {person.pk}" in capsys.readouterr().out
    assert Customer.objects.count() == 1
    with pytest.raises(CommandError, match="no customer"):
        call_command("erase_customer", inside.slug, "cmd-1", "--yes")
    with pytest.raises(CommandError, match="no organisation"):
        call_command("export_customer", "nowhere", "cmd-1")


def test_address_of_a_household_is_no_name_of_one_person(inside: Organization) -> None:
    for _ in range(2):
        a_customer(email="family@example.com")
    with pytest.raises(CommandError, match="several people"):
        call_command("erase_customer", inside.slug, "family@example.com", "--yes")
    assert Customer.objects.count() == 2


def test_copy_of_a_busy_person_is_written_in_pieces(inside: Organization) -> None:
    person = a_customer()
    rows = [
        NewInteraction(event="Seen", occurred_at=now() - timedelta(seconds=n), customer_id=person.pk)
        for n in range(2_500)
    ]
    record_interactions(actor=SYSTEM, rows=rows)
    pieces = list(export_customer(actor=SYSTEM, customer=person.pk))
    copy = json.loads("".join(pieces))
    assert len(copy["interactions"]) == 2_500
    assert max(map(len, pieces)) < 5_000
    times = [datetime.fromisoformat(row["occurred_at"]) for row in copy["interactions"]]
    assert times == sorted(times)
    assert PrivacyRequest.objects.count() == 0
