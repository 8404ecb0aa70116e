"""Undoing imports: what goes, what comes back, what stays and why; and what housekeeping removes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError
from django.utils.timezone import now

from apps.customers.models import Customer, CustomerIdentifier
from apps.customers.retention import RETENTION
from apps.customers.services import update_customer
from apps.customers.traces import traces_of
from apps.imports import undoing
from apps.imports.carrying import run_import
from apps.imports.holding import forget_person
from apps.imports.housekeeping import forget_export, forget_import
from apps.imports.models import ExportJob, ImportChange, ImportJob, RefusedRow
from apps.imports.queries import what_stayed
from apps.imports.services import (
    can_be_undone,
    import_checked_file,
    stop_import,
    submit_import,
    undo_import,
    upload_file,
)
from apps.imports.staging import file_of, staged_file_of
from apps.interactions.models import Interaction, InteractionKey
from apps.metrics.models import ScoreHistogram
from apps.organizations.models import Organization
from apps.segments.models import Segment, SegmentMember
from apps.segments.services import create_segment
from apps.surveys.models import Response, Survey
from apps.surveys.services import record_responses
from cxm.actor import Actor
from cxm.errors import Conflict, NotAllowed
from tests.factories import an_actor
from tests.factories.metrics import fold_pending
from tests.imports.test_kinds import COUNTS, HEADING, imported, members

ADMIN = Actor.system("test")
EVENTS = {"customer.external_id": "who", "event": "what", "occurred_at": "at", "source_id": "no"}
PEOPLE = {"external_id": "no", "email": "mail", "name": "name", "attributes.plan": "plan"}


def undone(job: ImportJob) -> dict[str, int]:
    """Undo it; how often what stayed, by code."""
    undo_import(actor=ADMIN, job=job)
    run_import(job.pk)
    job.refresh_from_db()
    assert job.state == "undone", job.error
    return {line["code"]: line["n"] for line in what_stayed(job)}


def test_events_and_the_customers_they_made_go(acme: Organization) -> None:
    Customer.objects.create(external_id="old")
    job = imported("interactions", "no,who,what,at\n1,new,Paid,2026-01-31\n2,old,Paid,2026-01-31\n", EVENTS)
    assert undone(job) == {}
    assert not Interaction.objects.exists() and not ImportChange.objects.exists()
    assert [customer.external_id for customer in Customer.objects.all()] == ["old"]


def test_events_that_were_changed_get_their_former_values_and_can_be_imported_again(acme: Organization) -> None:
    text = "no,who,what,at\n1,c1,Paid,2026-01-31\n"
    first = imported("interactions", text, EVENTS)
    before = Interaction.objects.values().get()
    second = imported("interactions", "no,who,what,at\n1,c2,Refunded,2025-12-31\n", EVENTS)
    assert Interaction.objects.get().event == "Refunded"
    assert undone(second) == {}
    after = Interaction.objects.values().get()
    assert {name for name in before if before[name] != after[name]} <= {"recorded_at"}
    assert after["import_id"] == first.pk and InteractionKey.objects.get().interaction_id == after["id"]
    assert not Customer.objects.filter(external_id="c2").exists()
    again = imported("interactions", text, EVENTS)
    assert (again.created, again.updated) == (0, 0)
    undone(first)
    assert not Interaction.objects.exists()
    assert imported("interactions", text, EVENTS).created == 1


def test_customers_get_their_former_values_where_nobody_has_changed_them_since(acme: Organization) -> None:
    imported("customers", "no,mail,name,plan\n1,a@x.org,Ann,gold\n2,,Bob,\n", PEOPLE)
    job = imported("customers", "no,mail,name,plan\n1,new@x.org,Anna,silver\n2,,Bobby,7\n3,c@x.org,Cleo,gold\n", PEOPLE)
    assert (job.created, job.updated) == (1, 2)
    bob = Customer.objects.get(external_id="2")
    update_customer(actor=ADMIN, customer=bob, name="Robert")
    assert undone(job) == {"changed": 1}
    ann, bob = Customer.objects.order_by("external_id")
    assert (ann.email, ann.name, ann.attributes) == ("a@x.org", "Ann", {"plan": "gold"})
    assert (bob.name, bob.attributes) == ("Robert", {})
    assert not CustomerIdentifier.objects.filter(value__in=["new@x.org", "c@x.org"]).exists()


def test_customers_that_got_something_since_stay(acme: Organization, survey: Survey) -> None:
    job = imported("customers", "no,mail,name,plan\n1,,Ann,\n2,,Bob,\n3,,Cleo,\n4,,Dan,\n", PEOPLE)
    imported("interactions", "no,who,what,at\n1,1,Paid,2026-01-31\n", EVENTS)
    record_responses(
        actor=ADMIN, survey_id=survey.pk, entries=[{"answers": {"score": 9}, "customer": {"external_id": "2"}}]
    )
    update_customer(actor=ADMIN, customer=Customer.objects.get(external_id="3"), phone="+4930123456")
    assert undone(job) == {"used": 3}
    assert set(Customer.objects.values_list("external_id", flat=True)) == {"1", "2", "3"}


def test_a_row_that_stands_twice_goes_back_to_what_was_before_the_first(acme: Organization) -> None:
    imported("customers", "no,mail,name,plan\n1,,Ann,gold\n", PEOPLE)
    job = imported("customers", "no,mail,name,plan\n1,,Anna,silver\n1,,Annabel,silver\n", PEOPLE)
    assert undone(job) == {}
    ann = Customer.objects.get()
    assert (ann.name, ann.attributes) == ("Ann", {"plan": "gold"})


def test_answers_go_and_changed_ones_say_again_what_they_said(survey: Survey) -> None:
    mapping = {"score": "score", "comment": "text", "source_id": "no", "customer.external_id": "who"}
    first = imported("responses", "no,score,text,who\n1,9,good,c1\n2,3,bad,c2\n", mapping, survey=survey)
    second = imported(
        "responses", "no,score,text,who\n1,2,worse,c1\n2,1,worst,c2\n3,10,new,c3\n", mapping, survey=survey
    )
    assert (second.created, second.updated) == (1, 2)
    record_responses(
        actor=ADMIN, survey_id=survey.pk, entries=[{"answers": {"score": 5, "reason": "now"}, "source_id": "2"}]
    )
    fold_pending()
    assert undone(second) == {"response": 1}
    fold_pending()
    assert dict(Response.objects.values_list("source_id", "score")) == {"1": 9, "2": 5}
    assert sum(getattr(row, f"c{n}") for row in ScoreHistogram.objects.all() for n in range(11)) == 2
    assert not Customer.objects.filter(external_id="c3").exists()
    undone(first)
    assert not Response.objects.exists()


def test_totals_go_or_become_what_an_earlier_import_had_brought(survey: Survey) -> None:
    first = imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,4\n", COUNTS, survey=survey)
    second = imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,7\n2025-04,1,,,,,,,,,,\n", COUNTS, survey=survey)
    assert undone(second) == {}
    total = ScoreHistogram.objects.get()
    assert (total.c10, total.import_id) == (4, first.pk)
    imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,9\n", COUNTS, survey=survey)
    assert undone(first) == {"total": 1}
    assert ScoreHistogram.objects.get().c10 == 9


def test_a_list_is_as_it_was(acme: Organization) -> None:
    for number in ("c1", "c2", "c3"):
        Customer.objects.create(external_id=number)
    vips = create_segment(actor=ADMIN, name="VIPs", kind=Segment.Kind.STATIC)
    mapping = {"customer.external_id": "no"}
    imported("segment_members", "no\nc1\nc2\n", mapping, segment=vips)
    job = imported("segment_members", "no\nc2\nc3\n", mapping, segment=vips, members="replace")
    assert members(vips) == {"c2", "c3"}
    assert undone(job) == {}
    assert members(vips) == {"c1", "c2"} and SegmentMember.objects.count() == 2


def test_undoing_that_breaks_off_goes_on_where_it_was(acme: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "".join(f"{n},c{n},Paid,2026-01-31\n" for n in range(1200))
    job = imported("interactions", "no,who,what,at\n" + rows, EVENTS)
    assert Interaction.objects.count() == 1200
    undo_import(actor=ADMIN, job=job)
    run_import(job.pk, seconds=0)
    job.refresh_from_db()
    assert (job.state, Interaction.objects.count(), job.leased_until) == ("undoing", 200, None)

    def dies(*_args: object, **_kwargs: object) -> None:
        raise DatabaseError("the server went away")

    with monkeypatch.context() as patch:
        patch.setattr(undoing, "restore_customers", dies)
        with pytest.raises(DatabaseError):
            run_import(job.pk)
    assert Customer.objects.count() == 1200 and not Interaction.objects.exists()
    run_import(job.pk)  # the dead worker's lease still holds
    assert Customer.objects.count() == 1200
    ImportJob.objects.update(leased_until=None)
    run_import(job.pk)
    job.refresh_from_db()
    assert (job.state, job.undo["done"], job.undo["total"]) == ("undone", 2400, 2400)
    assert not Customer.objects.exists()


def test_only_what_wrote_something_in_the_last_seven_days_can_be_undone(acme: Organization) -> None:
    text = "no,mail,name,plan\n1,,Ann,\n"
    checked = imported("customers", text, PEOPLE, dry_run=True)
    empty = imported("customers", "no,mail,name,plan\n,,Ann,\n", PEOPLE)
    old = imported("customers", text, PEOPLE)
    ImportJob.objects.filter(pk=old.pk).update(keep_until=now() - dt.timedelta(seconds=1))
    waiting = submit_import(
        actor=ADMIN, kind="customers", upload=SimpleUploadedFile("x.csv", text.encode()), mapping=PEOPLE
    )
    for job in (checked, empty, old, waiting):
        assert not can_be_undone(ImportJob.objects.get(pk=job.pk))
        with pytest.raises(Conflict):
            undo_import(actor=ADMIN, job=job)
    with pytest.raises(NotAllowed):
        undo_import(actor=an_actor(acme, "analyst"), job=old)


def test_a_stopped_import_can_be_undone_as_far_as_it_came(acme: Organization) -> None:
    rows = "".join(f"{n},c{n},Paid,2026-01-31\n" for n in range(1100))
    upload = SimpleUploadedFile("x.csv", ("no,who,what,at\n" + rows).encode())
    job = submit_import(actor=ADMIN, kind="interactions", upload=upload, mapping=EVENTS)
    run_import(job.pk, seconds=0)
    stop_import(actor=ADMIN, job=job)
    run_import(job.pk)
    job.refresh_from_db()
    assert (job.state, Interaction.objects.count()) == ("stopped", 1000)
    undone(job)
    assert not Interaction.objects.exists() and not Customer.objects.exists()


# -- files and journals -----------------------------------------------------------------------------------------------


def test_a_checked_file_says_what_would_happen_and_is_imported_without_another_upload(acme: Organization) -> None:
    imported("customers", "no,mail,name,plan\n1,,Ann,\n2,,Bob,\n", PEOPLE)
    text = "no,mail,name,plan\n1,,Anna,\n2,,Bob,\n3,,Cleo,\n,,,x\n"
    checked = imported("customers", text, PEOPLE, dry_run=True)
    assert (checked.created, checked.updated, checked.accepted, checked.refused) == (1, 1, 3, 1)
    assert Customer.objects.count() == 2 and not ImportChange.objects.filter(job=checked).exists()
    started = import_checked_file(actor=ADMIN, job=checked)
    run_import(started.pk)
    started.refresh_from_db()
    assert (started.state, started.created, started.updated) == ("done", 1, 1)
    with pytest.raises(Conflict):
        import_checked_file(actor=ADMIN, job=checked)


def test_the_files_of_an_import_go_with_its_end(
    acme: Organization, uploads: Path, django_capture_on_commit_callbacks: object
) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        job = imported("customers", "no,mail,name,plan\n1,,Ann,\n", PEOPLE)
    assert job.state == "done" and [path for path in uploads.rglob("*") if path.is_file()] == []


def test_drafts_files_and_journals_go_when_they_have_been_kept_long_enough(
    acme: Organization, uploads: Path, django_capture_on_commit_callbacks: object
) -> None:
    draft = upload_file(actor=ADMIN, kind="customers", upload=SimpleUploadedFile("x.csv", b"no\n1\n"))
    done = imported("customers", "no,mail,name,plan\n1,,Ann,\n,,Bob,\n", PEOPLE)
    checked = imported("customers", "no,mail,name,plan\n1,,Ann,\n", PEOPLE, dry_run=True)
    export = ExportJob.objects.create(kind="customers", format="csv", state="done", file=f"{acme.pk}/exports/x")
    file_of(export).parent.mkdir(parents=True)  # type: ignore[arg-type]
    file_of(export).write_text("x")  # type: ignore[arg-type]

    def keep_house() -> None:
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            for job in (draft, done, checked):
                forget_import(job.pk)
            forget_export(export.pk)

    keep_house()
    assert ImportJob.objects.count() == 3 and ImportChange.objects.exists()
    assert file_of(draft).exists() and staged_file_of(checked).exists()
    past = now() - dt.timedelta(seconds=1)
    ImportJob.objects.update(keep_until=past)
    ExportJob.objects.update(keep_until=past)
    keep_house()
    assert set(ImportJob.objects.values_list("pk", "keep_until")) == {(done.pk, None), (checked.pk, None)}
    assert not ImportChange.objects.exists() and RefusedRow.objects.filter(job=done).exists()
    assert [path for path in uploads.rglob("*") if path.is_file()] == []
    assert ExportJob.objects.get().file == ""


def test_erasing_a_person_empties_refused_rows_journals_and_written_exports(acme: Organization, uploads: Path) -> None:
    job = imported(
        "customers",
        "no,mail,name,plan\nk-100,ann@x.org,Ann,gold\n,ANN@x.org,twice,\n,bob@x.org,Bob,\n",
        PEOPLE,
    )
    ann = Customer.objects.get()
    export = ExportJob.objects.create(kind="customers", format="csv", state="done", file=f"{acme.pk}/exports/x")
    path = file_of(export)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("ann@x.org")
    assert forget_person(traces_of(ann.pk)) == 3
    assert dict(RefusedRow.objects.filter(job=job).values_list("line", "cells")) == {
        3: [], 4: ["", "bob@x.org", "Bob", ""],
    }  # fmt: skip
    assert not ImportChange.objects.exists() and not path.exists() and ExportJob.objects.get().file == ""


def test_refused_rows_go_by_the_rule_of_the_organisation(acme: Organization) -> None:
    job = imported("customers", "no,mail,name,plan\n,,Ann,\n,,Bob,\n,,Cleo,\n", PEOPLE)
    kind = RETENTION["refused_rows"]
    assert kind.count(job.created_at) == 0 and kind.purge(job.created_at, 10) == 0
    later = now() + dt.timedelta(seconds=1)
    assert (kind.count(later), kind.purge(later, 2), kind.purge(later, 2)) == (3, 2, 1)
    assert ImportJob.objects.get().refused == 3
