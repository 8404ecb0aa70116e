"""Imports and exports as a person and a program use them."""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.customers.models import Customer
from apps.imports import exports
from apps.imports.carrying import run_import
from apps.imports.exports import run_export
from apps.imports.models import ExportJob, ImportJob
from apps.interactions.models import Interaction
from apps.organizations.models import Organization
from apps.segments.services import create_segment
from apps.surveys.models import Response, Survey
from apps.surveys.services import record_responses
from cxm.actor import Actor
from cxm.exports import _kinds as registered_kinds
from cxm.exports import export_kinds
from cxm.scope import tenant
from tests.factories import a_member, an_api_client, an_organization, make, signed_in


def in_thread(work: Callable[[], Any]) -> Any:
    """What it gives on another thread, which has a database connection of its own."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
    thread.start()
    thread.join()
    return found[0]


def run_sql(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def upload(text: str = "score,text\n9,good\nx,bad\n") -> SimpleUploadedFile:
    return SimpleUploadedFile("answers.csv", text.encode())


def test_a_manager_imports_a_file_into_a_new_survey_and_fetches_what_was_refused(acme: Organization) -> None:
    browser = signed_in(a_member(acme, "manager"))
    base = f"/o/{acme.slug}/imports/"
    assert "No imports yet" in browser.get(base).content.decode()
    answer = browser.post(
        f"{base}new/", {"kind": "responses", "survey": "new-nps", "survey_name": "Past answers", "file": upload()}
    )
    assert answer.status_code == 302, answer.content.decode()[:2000]
    page = browser.get(answer.url).content.decode()
    assert "Which column is what?" in page and "good" in page
    answer = browser.post(answer.url, {"map.score": "score", "map.comment": "text"})
    assert answer.status_code == 302
    job = ImportJob.objects.get()
    run_import(job.pk)
    page = browser.get(answer.url).content.decode()
    assert "1 row taken" in page and "1 row refused" in page and 'hx-trigger="every 1s"' not in page
    refused = b"".join(browser.get(f"{answer.url}refused/").streaming_content).decode()
    assert refused.splitlines()[0] == "line,reason,score,text" and "x,bad" in refused
    assert Response.objects.get().comment == "good"
    assert Survey.objects.get().name == "Past answers"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"survey": "new-nps", "survey_name": ""}, "name"),
        ({"survey": ""}, "survey"),
        ({"kind": "spells"}, "spells"),
    ],
)
def test_a_form_that_is_incomplete_says_what_is_missing(acme: Organization, fields: dict[str, str], words: str) -> None:
    browser = signed_in(a_member(acme, "manager"))
    answer = browser.post(
        f"/o/{acme.slug}/imports/new/", {"kind": "responses", "survey_name": "x", "file": upload(), **fields}
    )
    assert answer.status_code == 422 and words in answer.content.decode()
    assert not ImportJob.objects.exists() and not Survey.objects.exists()


def test_a_refused_file_leaves_no_new_survey_behind(acme: Organization) -> None:
    browser = signed_in(a_member(acme, "manager"))
    answer = browser.post(
        f"/o/{acme.slug}/imports/new/",
        {"kind": "responses", "survey": "new-nps", "survey_name": "x", "file": upload("")},
    )
    assert answer.status_code == 422 and "empty" in answer.content.decode()
    assert not Survey.objects.exists()


def test_a_mapping_that_does_not_fit_stays_on_the_page_with_its_error(acme: Organization, survey: Survey) -> None:
    browser = signed_in(a_member(acme, "manager"))
    sent = {"kind": "responses", "survey": str(survey.pk), "file": upload("when,score\n03/04/2026,9\n")}
    answer = browser.post(f"/o/{acme.slug}/imports/new/", sent)
    page = browser.post(answer.url, {"map.score": "score", "map.occurred_at": "when"})
    assert page.status_code == 422 and "several ways" in page.content.decode()


def test_lists_cost_the_same_for_one_row_and_for_three(acme: Organization) -> None:
    browser = signed_in(a_member(acme, "manager"))
    for path, model in (("imports", ImportJob), ("exports", ExportJob)):
        counts = []
        for more in (1, 2):
            for _row in range(more):
                make(model)
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(f"/o/{acme.slug}/{path}/").status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1], path


def test_a_program_imports_and_watches(acme: Organization, survey: Survey) -> None:
    client = an_api_client(acme)
    sent = {
        "kind": "responses",
        "survey": str(survey.pk),
        "mapping": json.dumps({"score": "score", "comment": "text"}),
        "file": upload(),
    }
    answer = client.post("/api/v1/imports/", sent, format="multipart")
    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert (body["state"], body["percent"], body["accepted"]) == ("queued", 0, 0)
    run_import(ImportJob.objects.get().pk)
    body = client.get(f"/api/v1/imports/{body['id']}/").json()
    assert {key: body[key] for key in ("state", "percent", "rows", "accepted", "refused")} == {
        "state": "done", "percent": 100, "rows": 2, "accepted": 1, "refused": 1,
    }  # fmt: skip
    refused = client.get(body["refused_file"])
    assert b"x,bad" in b"".join(refused.streaming_content)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"file": None}, "file"),
        ({"kind": "spells"}, "kind"),
        ({"mapping": "{"}, "mapping"),
        ({"mapping": "[" * 100_000}, "mapping"),
        ({"mapping": '{"score": "Nope"}'}, "mapping.score"),
        ({"survey": "018f0000-0000-7000-8000-000000000000"}, "survey"),
        ({"survey": "nonsense"}, "survey"),
        ({"survey": None}, "survey"),
    ],
)
def test_a_wrong_request_names_the_field(
    acme: Organization, survey: Survey, change: dict[str, object], field: str
) -> None:
    sent = {"kind": "responses", "survey": str(survey.pk), "mapping": '{"score": "score"}', "file": upload(), **change}
    sent = {name: value for name, value in sent.items() if value is not None}
    answer = an_api_client(acme).post("/api/v1/imports/", sent, format="multipart")
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert not ImportJob.objects.exists()


def test_another_organisations_survey_and_job_do_not_exist(acme: Organization, survey: Survey) -> None:
    job = make(ImportJob)
    other = an_organization("Other")
    client = an_api_client(other)
    for path in (f"imports/{job.pk}/", f"imports/{job.pk}/refused/"):
        assert client.get(f"/api/v1/{path}").status_code == 404
    assert client.post(f"/api/v1/imports/{job.pk}/stop/").status_code == 404
    sent = {"kind": "responses", "survey": str(survey.pk), "mapping": '{"score": "score"}', "file": upload()}
    answer = client.post("/api/v1/imports/", sent, format="multipart")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "unknown")


def test_an_export_holds_what_the_filter_shows_and_no_live_formula(acme: Organization) -> None:
    for number, name in ((1, "=HYPERLINK('x')"), (2, "Bob"), (3, "Cleo")):
        Customer.objects.create(external_id=str(number), name=name, stage="prospect" if number == 3 else "customer")
    with tenant(an_organization("Other")):
        Customer.objects.create(external_id="9", name="Somebody else's")
    client = an_api_client(acme)
    answer = client.post(
        "/api/v1/exports/", {"kind": "customers", "format": "csv", "filters": {"stage": ["customer"]}}, format="json"
    )
    assert answer.status_code == 202, answer.content
    run_export(ExportJob.objects.get().pk)
    body = client.get(f"/api/v1/exports/{answer.json()['id']}/").json()
    assert (body["state"], body["percent"], body["rows"]) == ("done", 100, 2)
    text = b"".join(client.get(body["file"]).streaming_content).decode("utf-8-sig")
    assert "'=HYPERLINK" in text and "Bob" in text and "Cleo" not in text and "else" not in text


@pytest.mark.parametrize(("format", "magic"), [("xlsx", b"PK"), ("json", b"[")])
def test_the_other_formats_are_written_too(acme: Organization, format: str, magic: bytes) -> None:
    Customer.objects.create(external_id="1", name="=1+1")
    client = an_api_client(acme)
    client.post("/api/v1/exports/", {"kind": "customers", "format": format}, format="json")
    job = ExportJob.objects.get()
    run_export(job.pk)
    content = b"".join(client.get(f"/api/v1/exports/{job.pk}/file/").streaming_content)
    assert content.startswith(magic)
    if format == "json":
        assert json.loads(content)[0]["name"] == "=1+1"


def test_exports_refuse_what_they_do_not_know(acme: Organization) -> None:
    client = an_api_client(acme)
    for body, field in (
        ({"kind": "secrets", "format": "csv"}, "kind"),
        ({"kind": "customers", "format": "exe"}, "format"),
        ({"kind": "customers", "format": "csv", "filters": {"stage": ["emperor"]}}, "filters.stage"),
        ({"kind": "customers", "format": "csv", "filters": "all"}, "filters"),
        ({"kind": "customers", "format": "csv", "filters": {"q": {"deep": 1}}}, "filters.q"),
    ):
        answer = client.post("/api/v1/exports/", body, format="json")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), body
    assert not ExportJob.objects.exists()


def test_answers_are_exported_as_the_feedback_list_shows_them(acme: Organization, survey: Survey) -> None:
    record_responses(
        actor=Actor.system("test"),
        survey_id=survey.pk,
        entries=[{"answers": {"score": score, "reason": f"because {score}"}} for score in (2, 9, 10)],
    )
    client = an_api_client(acme)
    client.post(
        "/api/v1/exports/", {"kind": "responses", "format": "json", "filters": {"score": [9, 10]}}, format="json"
    )
    job = ExportJob.objects.get()
    run_export(job.pk)
    rows = json.loads(b"".join(client.get(f"/api/v1/exports/{job.pk}/file/").streaming_content))
    assert sorted(row["comment"] for row in rows) == ["because 10", "because 9"]
    refused = client.post(
        "/api/v1/exports/", {"kind": "responses", "format": "csv", "filters": {"band": "martian"}}, format="json"
    )
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "band")


# -- undo, checks, stopping ------------------------------------------------------------------------------------------


def test_a_manager_checks_a_file_imports_it_and_takes_it_back(acme: Organization) -> None:
    browser = signed_in(a_member(acme, "manager"))
    base = f"/o/{acme.slug}/imports/"
    file = SimpleUploadedFile("events.csv", b"customer_id,event,date\nc1,Paid,2026-01-31\nc1,,2026-01-31\n")
    answer = browser.post(f"{base}new/", {"kind": "interactions", "file": file})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    page = browser.get(answer.url).content.decode()
    assert "Which column is what?" in page and "properties of the event" in page
    chosen = {"map.customer.external_id": "customer_id", "map.event": "event", "map.occurred_at": "date"}
    assert browser.post(answer.url, {**chosen, "dry_run": "on"}).status_code == 302
    run_import(ImportJob.objects.get().pk)
    page = browser.get(answer.url).content.decode()
    assert "1 new, 0 changed" in page and "Import this file now" in page and "Undo this import" not in page
    assert not Interaction.objects.exists()
    answer = browser.post(f"{answer.url}import/")
    job = ImportJob.objects.get(dry_run=False)
    assert answer.url == f"{base}{job.pk}/"
    run_import(job.pk)
    page = browser.get(answer.url).content.decode()
    assert "See the events" in page and "Undo this import" in page and Interaction.objects.count() == 1
    assert browser.post(f"{answer.url}undo/").status_code == 302
    assert "Being undone" in browser.get(answer.url).content.decode()
    run_import(job.pk)
    assert "This import was undone." in browser.get(answer.url).content.decode()
    assert not Interaction.objects.exists() and not Customer.objects.exists()
    assert browser.post(f"{answer.url}undo/").status_code == 409


def test_a_running_import_says_how_long_it_will_take(acme: Organization) -> None:
    job = make(ImportJob)
    ImportJob.objects.filter(pk=job.pk).update(
        state="running", staged=True, rows=910, position=10, speed=5.0, percent=10, accepted=10
    )
    page = signed_in(a_member(acme, "manager")).get(f"/o/{acme.slug}/imports/{job.pk}/").content.decode()
    assert "10 of 910 rows" in page and "about 3 minutes left" in page and 'hx-trigger="every 1s"' in page
    body = an_api_client(acme).get(f"/api/v1/imports/{job.pk}/").json()
    assert (body["state"], body["percent"], body["seconds_left"]) == ("running", 10, 180)


def test_members_of_a_new_segment_come_from_a_file(acme: Organization) -> None:
    Customer.objects.create(external_id="c1")
    browser = signed_in(a_member(acme, "manager"))
    base = f"/o/{acme.slug}/imports/"
    file = SimpleUploadedFile("vips.csv", b"customer_id\nc1\nc2\n")
    sent = {"kind": "segment_members", "segment": "new", "segment_name": "VIPs", "members": "add", "file": file}
    answer = browser.post(f"{base}new/", sent)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    browser.post(answer.url, {"map.customer.external_id": "customer_id"})
    job = ImportJob.objects.get()
    run_import(job.pk)
    page = browser.get(answer.url).content.decode()
    assert "Members of VIPs" in page and "1 row refused" in page and "See the segment" in page


def test_every_kind_has_a_page_to_choose_its_columns(acme: Organization, survey: Survey) -> None:
    browser = signed_in(a_member(acme, "manager"))
    for kind, text in (("customers", "id,name\n1,Ann\n"), ("totals", "month,0,1,2\n2025-03,1,2,3\n")):
        file = SimpleUploadedFile("x.csv", text.encode())
        answer = browser.post(f"/o/{acme.slug}/imports/new/", {"kind": kind, "survey": str(survey.pk), "file": file})
        assert answer.status_code == 302, answer.content.decode()[:2000]
        page = browser.get(answer.url).content.decode()
        assert "Which column is what?" in page and "number" in page


def test_a_program_names_the_segment_and_watches_the_undoing(acme: Organization) -> None:
    Customer.objects.create(external_id="c1")
    segment = create_segment(actor=Actor.system("test"), name="VIPs", kind="static")
    client = an_api_client(acme)
    sent = {
        "kind": "segment_members",
        "segment": str(segment.pk),
        "members": "replace",
        "mapping": json.dumps({"customer.external_id": "no"}),
        "file": SimpleUploadedFile("vips.csv", b"no\nc1\n"),
    }
    answer = client.post("/api/v1/imports/", sent, format="multipart")
    assert answer.status_code == 202, answer.content
    path = f"/api/v1/imports/{answer.json()['id']}/"
    assert client.post(f"{path}undo/").status_code == 409
    run_import(answer.json()["id"])
    body = client.get(path).json()
    assert (body["state"], body["created"], body["members"], body["undo"]["possible"]) == ("done", 1, "replace", True)
    answer = client.post(f"{path}undo/")
    assert (answer.status_code, answer.json()["undo"]["state"]) == (202, "running")
    run_import(body["id"])
    body = client.get(path).json()
    assert body["undo"] == {"possible": False, "state": "done", "percent": 100, "kept": []}
    for wrong in ("nonsense", "018f0000-0000-7000-8000-000000000000", ""):
        sent["segment"], sent["file"] = wrong, SimpleUploadedFile("vips.csv", b"no\nc1\n")
        answer = client.post("/api/v1/imports/", sent, format="multipart")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "segment")


def test_a_stopped_import_says_so(acme: Organization, survey: Survey) -> None:
    client = an_api_client(acme)
    sent = {"kind": "responses", "survey": str(survey.pk), "mapping": '{"score": "score"}', "file": upload()}
    job = client.post("/api/v1/imports/", sent, format="multipart").json()
    body = client.post(f"/api/v1/imports/{job['id']}/stop/").json()
    assert (body["state"], body["error"]) == ("stopped", "It was stopped.")


def test_a_waiting_export_can_be_given_up(acme: Organization) -> None:
    client = an_api_client(acme)
    job = client.post("/api/v1/exports/", {"kind": "customers", "format": "csv"}, format="json").json()
    assert client.post(f"/api/v1/exports/{job['id']}/stop/").json()["state"] == "stopped"
    run_export(job["id"])
    assert client.get(f"/api/v1/exports/{job['id']}/").json()["file"] is None
    assert client.post(f"/api/v1/exports/{job['id']}/stop/").status_code == 409


def test_the_list_of_exports_offers_to_stop_and_says_what_is_no_longer_kept(acme: Organization) -> None:
    ExportJob.objects.create(kind="customers", format="csv", state="running", percent=40)
    ExportJob.objects.create(kind="customers", format="csv", state="done", file="")
    page = signed_in(a_member(acme, "manager")).get(f"/o/{acme.slug}/exports/").content.decode()
    assert "40 %" in page and "Stop" in page and "no longer kept" in page and 'hx-trigger="every 2s"' in page


@pytest.mark.django_db(transaction=True)
def test_a_running_export_renews_its_lease_tells_how_far_it_is_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    organization = an_organization("Acme")
    monkeypatch.setattr(exports, "BEAT_SECONDS", 0.01)
    with tenant(organization):
        for number in range(3):
            Customer.objects.create(external_id=str(number))
        seen: list[tuple[str, int]] = []

        def slow_rows(*_arguments: object) -> Iterator[tuple[str, ...]]:
            """Rows that wait for the beat between them, until somebody stops the export after the second."""
            for number in range(1, 1000):
                yield (str(number),) * len(kind.columns)
                deadline = time.monotonic() + 5
                while time.monotonic() < deadline:
                    rows = psql_rows(f"SELECT state, percent FROM imports_exportjob WHERE rows >= {min(number, 2)}")
                    if rows:
                        break
                seen.extend(rows)
                if number == 2:
                    job_of_other_worker()

        def psql_rows(sql: str) -> list[tuple[str, int]]:
            """Asked on a connection of its own, as the writer's sees only its own snapshot."""
            return in_thread(lambda: run_sql(sql))

        def job_of_other_worker() -> None:
            in_thread(lambda: exports.stop_export(actor=Actor.system("test"), job=ExportJob.objects.get()))

        kind = export_kinds()["customers"]
        monkeypatch.setitem(registered_kinds, "customers", replace(kind, rows=slow_rows, count=lambda *_arguments: 10))
        job = exports.request_export(actor=Actor.system("test"), kind="customers", format="csv", filters={})
        run_export(job.pk)
        job.refresh_from_db()
        assert (job.state, job.file) == ("stopped", "") and ("running", 20) in seen


def test_a_file_starts_with_what_it_holds_and_only_that_is_asked(acme: Organization) -> None:
    browser = signed_in(a_member(acme, "manager"))
    base = f"/o/{acme.slug}/imports/new/"
    page = browser.get(base).content.decode()
    for kind in ("responses", "customers", "interactions", "segment_members", "totals"):
        assert f"?kind={kind}" in page
    asked = {
        "customers": set(),
        "interactions": set(),
        "responses": {"survey", "survey_name"},
        "totals": {"survey", "survey_name"},
        "segment_members": {"segment", "segment_name", "members"},
    }
    for kind, fields in asked.items():
        page = browser.get(f"{base}?kind={kind}").content.decode()
        found = {
            name for name in ("survey", "survey_name", "segment", "segment_name", "members") if f'name="{name}"' in page
        }
        assert found == fields, kind
    segment = create_segment(actor=Actor.system("test"), name="VIPs", kind="static")
    page = browser.get(f"{base}?kind=segment_members&segment={segment.pk}").content.decode()
    assert f'<option value="{segment.pk}" selected' in page


def test_an_upload_larger_than_any_file_we_take_is_refused_unread(acme: Organization, survey: Survey) -> None:
    length = {"CONTENT_LENGTH": str(600 * 1024 * 1024)}
    sent = {"kind": "responses", "survey": str(survey.pk), "mapping": '{"score": "score"}', "file": upload()}
    answer = an_api_client(acme).post("/api/v1/imports/", sent, format="multipart", **length)
    assert (answer.status_code, answer["Content-Type"]) == (413, "application/problem+json")
    browser = signed_in(a_member(acme, "manager"))
    assert browser.post(f"/o/{acme.slug}/imports/new/", sent, **length).status_code in (400, 413)
    assert not ImportJob.objects.exists()
