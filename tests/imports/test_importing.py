"""Imports through services and workers: what is taken, what is refused, and what a broken-off run leaves."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError

from apps.customers.models import Customer
from apps.imports import carrying, services
from apps.imports.models import ImportJob, RefusedRow
from apps.imports.queries import refused_lines
from apps.imports.staging import file_of
from apps.organizations.models import Organization
from apps.surveys.models import Response, Survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, NotAllowed
from cxm.scope import tenant
from tests.factories import an_actor, an_organization
from tests.imports.conftest import MAPPING

ADMIN = Actor.system("test")


def file(text: str, name: str = "answers.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text.encode())


def imported(survey: Survey | None, upload: SimpleUploadedFile, mapping: object, **options: object) -> ImportJob:
    kind = "responses" if survey else "customers"
    given = {"actor": ADMIN, "kind": kind, "upload": upload, "mapping": mapping, "dry_run": False, **options}
    job = services.submit_import(survey=survey, **given)  # type: ignore[arg-type]
    carrying.run_import(job.pk)
    job.refresh_from_db()
    return job


def test_the_telecom_answers_are_taken_and_those_without_a_score_refused(
    survey: Survey, telecom: SimpleUploadedFile
) -> None:
    job = imported(survey, telecom, MAPPING)
    assert (job.state, job.rows, job.accepted, job.refused, job.percent) == ("done", 2385, 2353, 32, 100)
    assert Response.objects.count() == 2353
    assert {t.name for t in Touchpoint.objects.all()} == {
        "Order", "Equipment Received", "First Payment", "Service in Use",
    }  # fmt: skip
    assert {row.reason for row in RefusedRow.objects.filter(job=job)} == {"There is no score."}
    lines = list(refused_lines(job))
    assert lines[0][:3] == ["line", "reason", "CUSTOMER_RESPONSE_DATE"] and len(lines) == 33
    first = Response.objects.order_by("occurred_at").first()
    assert first is not None and first.day == dt.date(2017, 12, 11) and first.import_id == job.pk


def test_the_same_file_again_changes_nothing_though_it_holds_equal_rows(survey: Survey) -> None:
    text = "when,score,text\n2026-01-05,9,good\n2026-01-05,9,good\n2026-01-06,3,bad\n"
    mapping = {"occurred_at": "when", "score": "score", "comment": "text"}
    assert imported(survey, file(text), mapping).accepted == 3
    assert Response.objects.count() == 3
    assert imported(survey, file(text), mapping).accepted == 3
    assert Response.objects.count() == 3


def test_rows_that_cannot_be_taken_are_refused_one_by_one_with_line_and_reason(survey: Survey) -> None:
    text = (
        "when,score,text,touchpoint\n"
        "05/01/2026,9,fine,\n"
        "2026-01-05,9,other format,\n"
        "25/01/2026,11,out of scale,\n"
        "25/01/2026,-1,out of scale,\n"
        "25/01/2026,9.5,no whole number,\n"
        "25/01/2026,nine,text,\n"
        "31/02/2026,9,no such day,\n"
        ",9,no date,\n"
        "25/01/2026,9,unknown touchpoint,Nowhere\n"
        "25/01/2026,10,fine too,\n"
    )
    mapping = {"occurred_at": "when", "score": "score", "comment": "text", "touchpoint": "touchpoint"}
    job = imported(survey, file(text), mapping)
    assert (job.state, job.accepted, job.refused) == ("done", 2, 8)
    refused = dict(RefusedRow.objects.filter(job=job).values_list("line", "reason"))
    assert sorted(refused) == [3, 4, 5, 6, 7, 8, 9, 10]
    assert "%d/%m/%Y" in refused[3] and "0" in refused[4] and "Nowhere" in refused[10]
    assert set(Response.objects.values_list("comment", flat=True)) == {"fine", "fine too"}


def test_dates_that_can_be_read_two_ways_must_be_explained(survey: Survey) -> None:
    text = "when,score\n03/04/2026,9\n"
    mapping = {"occurred_at": "when", "score": "score"}
    with pytest.raises(DomainErrors) as refused:
        imported(survey, file(text), mapping)
    assert refused.value.errors[0]["field"] == "mapping.date_format"
    assert not ImportJob.objects.exists()
    imported(survey, file(text), {**mapping, "date_format": "%m/%d/%Y"})
    assert Response.objects.get().day == dt.date(2026, 3, 4)


def test_a_dry_run_counts_and_writes_nothing(survey: Survey) -> None:
    text = "score,stage\n9,Order\nx,Order\n"
    mapping = {"score": "score", "touchpoint": "stage", "create_touchpoints": True}
    job = imported(survey, file(text), mapping, dry_run=True)
    assert (job.state, job.accepted, job.refused) == ("done", 1, 1)
    assert not Response.objects.exists() and not Touchpoint.objects.exists()


def test_customers_are_made_and_changed_by_their_number(acme: Organization) -> None:
    mapping = {"external_id": "no", "email": "mail", "name": "name", "attributes.Tariff": "tariff"}
    text = "no,mail,name,tariff\n1,A@x.org,Ann,gold\n2,b@x.org,Bob,\n,c@x.org,Nobody,\n3,no mail,Cleo,\n"
    job = imported(None, file(text), mapping)
    assert (job.accepted, job.refused) == (2, 2)
    assert imported(None, file("no,mail,name,tariff\n1,,Anna,\n"), mapping).accepted == 1
    ann = Customer.objects.get(external_id="1")
    assert (ann.name, ann.email, ann.attributes) == ("Anna", "a@x.org", {"Tariff": "gold"})


def test_a_run_that_breaks_off_goes_on_where_it_was_and_counts_nothing_twice(
    survey: Survey, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"{i % 11},same text\n" for i in range(1200))
    job = services.submit_import(
        actor=ADMIN, kind="responses", upload=file("score,text\n" + rows), survey=survey, dry_run=False,
        mapping={"score": "score", "comment": "text"},
    )  # fmt: skip
    carrying.run_import(job.pk, seconds=0)  # one chunk, then others get their turn
    job.refresh_from_db()
    assert (job.state, job.position, job.percent, job.leased_until) == ("running", 500, 41, None)

    def dies(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(RefusedRow.objects, "bulk_create", dies)
        with pytest.raises(DatabaseError):
            carrying.run_import(job.pk)
    job.refresh_from_db()
    assert (job.state, job.position, Response.objects.count()) == ("running", 500, 500)
    carrying.run_import(job.pk)  # the dead worker's lease still holds
    assert Response.objects.count() == 500
    ImportJob.objects.update(leased_until=None)
    carrying.run_import(job.pk)
    job.refresh_from_db()
    assert (job.state, job.accepted, Response.objects.count()) == ("done", 1200, 1200)


def test_a_stopped_import_keeps_what_is_in(survey: Survey) -> None:
    rows = "".join("9\n" for _ in range(1100))
    job = services.submit_import(
        actor=ADMIN, kind="responses", upload=file("score\n" + rows), survey=survey, dry_run=False,
        mapping={"score": "score"},
    )  # fmt: skip
    carrying.run_import(job.pk, seconds=0)
    services.stop_import(actor=ADMIN, job=job)
    carrying.run_import(job.pk)
    job.refresh_from_db()
    assert (job.state, job.accepted) == ("stopped", 500)
    with pytest.raises(Conflict):
        services.stop_import(actor=ADMIN, job=job)


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\x00\x00", b"\x89PNG\x00"])
def test_an_unreadable_file_leaves_neither_job_nor_file(survey: Survey, uploads: Path, content: bytes) -> None:
    with pytest.raises(DomainError) as refused:
        imported(survey, SimpleUploadedFile("x.csv", content), {"score": "a"})
    assert refused.value.errors[0]["field"] == "file"
    assert not ImportJob.objects.exists()
    assert [path for path in uploads.rglob("*") if path.is_file()] == []


def test_a_wrong_column_leaves_neither_job_nor_file(survey: Survey, uploads: Path) -> None:
    with pytest.raises(DomainErrors) as refused:
        imported(survey, file("score\n9\n"), {"score": "Score"})
    assert refused.value.errors[0]["field"] == "mapping.score"
    assert not ImportJob.objects.exists()
    assert [path for path in uploads.rglob("*") if path.is_file()] == []


def test_a_file_that_vanished_fails_the_job_with_its_reason(survey: Survey) -> None:
    job = services.submit_import(
        actor=ADMIN,
        kind="responses",
        upload=file("score\n9\n"),
        survey=survey,
        dry_run=False,
        mapping={"score": "score"},
    )
    file_of(job).unlink()
    carrying.run_import(job.pk)
    job.refresh_from_db()
    assert job.state == "failed" and "Upload it again" in job.error


def test_answers_need_a_published_survey(acme: Organization) -> None:
    with pytest.raises(DomainError) as refused:
        services.upload_file(actor=ADMIN, kind="responses", upload=file("score\n9\n"))
    assert refused.value.errors[0]["field"] == "survey"


def test_an_employee_may_not_import(acme: Organization, survey: Survey) -> None:
    with pytest.raises(NotAllowed):
        services.upload_file(
            actor=an_actor(acme, "employee"), kind="responses", upload=file("score\n9\n"), survey=survey
        )


def test_another_organisation_sees_neither_job_nor_answers(survey: Survey) -> None:
    job = imported(survey, file("score\n9\n"), {"score": "score"})
    assert Response.objects.count() == 1
    with tenant(an_organization("Other")):
        assert not ImportJob.objects.filter(pk=job.pk).exists() and not Response.objects.exists()
        carrying.run_import(job.pk)  # nothing happens: there is no such job here
