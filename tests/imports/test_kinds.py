"""Interactions, members of segments and past results: what is taken, refused, and where it shows."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from apps.customers.models import Customer
from apps.imports.carrying import run_import
from apps.imports.mapping import check_mapping, typed
from apps.imports.models import ImportJob, RefusedRow
from apps.imports.services import submit_import
from apps.imports.suggestions import column_types, suggest_mapping
from apps.interactions.models import Interaction
from apps.metrics.folding import find_drift, refold_organization
from apps.metrics.models import ScoreHistogram
from apps.metrics.queries import score
from apps.metrics.selection import Selection
from apps.organizations.models import Organization
from apps.segments.models import Segment, SegmentMember
from apps.segments.services import create_segment
from apps.surveys.models import Survey
from cxm.actor import Actor
from cxm.errors import DomainError, DomainErrors
from tests.factories import an_actor, an_api_client
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

ADMIN = Actor.system("test")
EVENTS = {
    "customer.external_id": "who",
    "event": "what",
    "occurred_at": "at",
    "channel": "how",
    "properties.amount": "amount",
    "properties.zip": "zip",
}


def imported(kind: str, text: str, mapping: object, **options: object) -> ImportJob:
    upload = SimpleUploadedFile("table.csv", text.encode())
    job = submit_import(actor=ADMIN, kind=kind, upload=upload, mapping=mapping, **options)  # type: ignore[arg-type]
    run_import(job.pk)
    job.refresh_from_db()
    return job


def reasons(job: ImportJob) -> dict[int, str]:
    return dict(RefusedRow.objects.filter(job=job).values_list("line", "reason"))


# -- interactions -----------------------------------------------------------------------------------------------------


def test_events_make_their_customers_and_numbers_are_numbers(acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(timezone="Europe/Berlin")
    text = (
        "who,what,at,how,amount,zip\n"
        "c1,Paid,2026-01-31 00:30,phone,35.50,01067\n"
        "c2,Paid,2026-01-31T00:30:00Z,,12,10115\n"
    )
    job = imported("interactions", text, EVENTS)
    assert (job.state, job.accepted, job.created, job.refused) == ("done", 2, 2, 0)
    first, second = Interaction.objects.order_by("id")
    assert first.customer is not None and first.customer.external_id == "c1"
    assert first.occurred_at == dt.datetime(2026, 1, 30, 23, 30, tzinfo=dt.UTC)
    assert (first.channel, first.properties, first.source) == ("phone", {"amount": 35.5, "zip": "01067"}, "import")
    assert (second.channel, second.properties["amount"], second.import_id) == ("other", 12, job.pk)


def test_events_of_one_customer_at_the_same_time_keep_the_order_of_the_file(acme: Organization) -> None:
    names = [f"Step {number}" for number in (3, 1, 2, 9, 5, 4, 8, 7, 6, 0)]
    text = "who,what,at\n" + "".join(f"c1,{name},2026-01-31\n" for name in names)
    imported("interactions", text, {"customer.external_id": "who", "event": "what", "occurred_at": "at"})
    assert list(Interaction.objects.order_by("id").values_list("event", flat=True)) == names


def test_equal_rows_are_separate_events_and_the_same_file_again_changes_nothing(acme: Organization) -> None:
    text = "who,what,at\nc1,Paid,2026-01-31\nc1,Paid,2026-01-31\n"
    mapping = {"customer.external_id": "who", "event": "what", "occurred_at": "at"}
    assert imported("interactions", text, mapping).created == 2
    before = sorted(Interaction.objects.values_list("id", flat=True))
    again = imported("interactions", text, mapping)
    assert (again.accepted, again.created, again.updated) == (2, 0, 0)
    assert sorted(Interaction.objects.values_list("id", flat=True)) == before


def test_a_number_that_came_before_is_changed(acme: Organization) -> None:
    mapping = {"customer.external_id": "who", "event": "what", "occurred_at": "at", "source_id": "no"}
    imported("interactions", "no,who,what,at\n1,c1,Paid,2026-01-31\n2,c1,Left,2026-02-01\n", mapping)
    job = imported("interactions", "no,who,what,at\n1,c1,Refunded,2025-12-31\n2,c1,Left,2026-02-01\n", mapping)
    assert (job.created, job.updated) == (0, 1)
    assert list(Interaction.objects.order_by("id").values_list("event", flat=True)) == ["Refunded", "Left"]


def test_rows_without_event_customer_or_time_are_refused_one_by_one(acme: Organization) -> None:
    text = (
        "who,what,at,how,amount,zip\n"
        "c1,,2026-01-31,,,\n"
        ",Paid,2026-01-31,,,\n"
        "null,Paid,2026-01-31,,,\n"
        "c1,Paid,,,,\n"
        "c1,Paid,31/31/2026,,,\n"
        "c1,Paid,2026-01-31,pigeon,,\n"
        f"c1,{'x' * 201},2026-01-31,,,\n"
        "c1,Paid,2026-01-31,web,,\n"
    )
    job = imported("interactions", text, EVENTS)
    assert (job.accepted, job.refused) == (1, 7)
    found = reasons(job)
    assert found[2] == "There is no event." and found[3] == "There is no customer." and found[5] == "There is no time."
    assert "pigeon" in found[7] and "31/31/2026" in found[6]


def test_a_customer_may_be_named_by_email(acme: Organization) -> None:
    text = "mail,what,at\nAnn@X.org,Paid,2026-01-31\nann@x.org,Left,2026-02-01\nno mail,Left,2026-02-01\n"
    job = imported("interactions", text, {"customer.email": "mail", "event": "what", "occurred_at": "at"})
    assert (job.accepted, job.refused) == (2, 1)
    assert Customer.objects.get().email == "ann@x.org"


@pytest.mark.parametrize("left_out", ["customer.external_id", "event", "occurred_at"])
def test_a_mapping_of_events_needs_a_customer_an_event_and_a_time(left_out: str) -> None:
    raw = {target: column for target, column in EVENTS.items() if target != left_out}
    with pytest.raises(DomainErrors) as refused:
        check_mapping("interactions", raw, list(EVENTS.values()))
    assert [error["field"] for error in refused.value.errors] == [f"mapping.{left_out}"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("35", 35), ("35.0", 35.0), ("-2.5", -2.5), ("0", 0), ("0.5", 0.5), ("123456789012345", 123456789012345),
        ("01067", "01067"), ("1234567890123456", "1234567890123456"), ("1e5", "1e5"), ("1,5", "1,5"), ("+4", "+4"),
        ("true", "true"), (".5", ".5"), ("5.", "5."), ("-0", "-0"), ("NaN", "NaN"), ("٣", "٣"), ("", ""),
    ],
)  # fmt: skip
def test_only_plain_decimal_numbers_become_numbers(text: str, value: object) -> None:
    found = typed(text)
    assert found == value and type(found) is type(value)


def test_attributes_of_customers_are_numbers_too(acme: Organization) -> None:
    mapping = {"external_id": "no", "attributes.age": "age", "attributes.zip": "zip"}
    imported("customers", "no,age,zip\nc1,42,01067\n", mapping)
    assert Customer.objects.get().attributes == {"age": 42, "zip": "01067"}


def test_columns_of_events_are_suggested_with_what_they_hold() -> None:
    columns = ["case_id", "activity", "timestamp", "amount", "mail"]
    sample = [["A1", "Create Fine", "2006-07-24", "35.0", "a@x.org"], ["A2", "Payment", "2006-08-02", "", ""]] * 20
    found = suggest_mapping("interactions", columns, sample)
    assert found == {
        "customer.external_id": "case_id", "event": "activity", "occurred_at": "timestamp", "customer.email": "mail",
    }  # fmt: skip
    assert column_types(columns, sample) == ["text", "text", "date", "number", "e-mail"]


# -- members of a segment ---------------------------------------------------------------------------------------------


@pytest.fixture
def vips(acme: Organization) -> Segment:
    for number in ("c1", "c2", "c3"):
        Customer.objects.create(external_id=number)
    return create_segment(actor=ADMIN, name="VIPs", kind="static")


def members(segment: Segment) -> set[str]:
    rows = SegmentMember.objects.filter(segment=segment)
    return {number or "" for number in rows.values_list("customer__external_id", flat=True)}


def test_known_customers_come_on_the_list_and_unknown_ones_are_refused(vips: Segment) -> None:
    by_id = Customer.objects.get(external_id="c2").pk
    text = f"no,id\nc1,\n,{by_id}\nc9,\n,nonsense\n,\n"
    mapping = {"customer.external_id": "no", "customer.id": "id"}
    job = imported("segment_members", text, mapping, segment=vips)
    assert (job.accepted, job.created, job.refused) == (2, 2, 2)
    assert members(vips) == {"c1", "c2"} and "c9" in reasons(job)[4]
    assert not Customer.objects.filter(external_id="c9").exists()


def test_a_file_that_is_the_whole_list_takes_the_others_off(vips: Segment) -> None:
    mapping = {"customer.external_id": "no"}
    imported("segment_members", "no\nc1\nc2\n", mapping, segment=vips)
    imported("segment_members", "no\nc3\n", mapping, segment=vips)
    assert members(vips) == {"c1", "c2", "c3"}
    job = imported("segment_members", "no\nc2\n", mapping, segment=vips, members="replace")
    assert members(vips) == {"c2"} and (job.created, job.updated) == (0, 2)


def test_members_need_a_static_segment(acme: Organization) -> None:
    live = create_segment(actor=ADMIN, name="All", rule={"all": []})
    for segment, code in ((None, "required"), (live, "not_static")):
        with pytest.raises(DomainError) as refused:
            imported("segment_members", "no\nc1\n", {"customer.external_id": "no"}, segment=segment)
        assert [(error["field"], error["code"]) for error in refused.value.errors] == [("segment", code)]


# -- past results -----------------------------------------------------------------------------------------------------

COUNTS = {"month": "month", **{f"score.{n}": f"s{n}" for n in range(11)}}
HEADING = "month," + ",".join(f"s{n}" for n in range(11)) + "\n"


def window(survey: Survey, first: dt.date | None = None, last: dt.date | None = None, **more: object) -> Selection:
    return Selection(surveys=frozenset({survey.pk}), which="any", first=first, last=last, zone=ZoneInfo("UTC"), **more)  # type: ignore[arg-type]


def test_counts_of_a_month_add_to_the_scores_and_folding_leaves_them(survey: Survey) -> None:
    job = imported(
        "totals", HEADING + "2025-03,1,0,0,0,0,0,2,0,0,3,4\n2025-04,0,0,0,0,0,0,0,5,5,0,0\n", COUNTS, survey=survey
    )
    assert (job.state, job.accepted, job.created) == ("done", 2, 2)
    an_answer(survey, score=10, occurred_at=dt.datetime(2025, 3, 10, tzinfo=dt.UTC))
    fold_pending()
    refold_organization()
    assert find_drift() == []
    found = score(window(survey), "nps", interval="month")
    assert (found.metric.n, found.metric.imported) == (21, 20)
    assert found.metric.distribution["10"] == 5
    assert [(p.start, p.metric.n, p.metric.imported) for p in found.series] == [
        (dt.date(2025, 3, 1), 11, 10), (dt.date(2025, 4, 1), 10, 10),
    ]  # fmt: skip


def test_totals_are_left_out_where_a_window_or_a_filter_cannot_cut_them(survey: Survey) -> None:
    imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,4\n", COUNTS, survey=survey)
    whole = score(window(survey, dt.date(2025, 3, 1), dt.date(2025, 3, 31)), "nps", compare_before=True)
    assert whole.metric.n == 4
    assert score(window(survey, dt.date(2025, 3, 2), dt.date(2025, 4, 30)), "nps", compare_before=True).metric.n == 0
    assert score(window(survey, dt.date(2025, 2, 1), dt.date(2025, 3, 30)), "nps").metric.n == 0
    assert score(window(survey, attributes=(("plan", "gold"),)), "nps").metric.n == 0
    by_week = score(window(survey), "nps", interval="week")
    assert (by_week.metric.n, by_week.series) == (4, [])


def test_the_api_says_how_many_came_as_totals(acme: Organization, survey: Survey) -> None:
    imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,4\n", COUNTS, survey=survey)
    body = an_api_client(acme).get(f"/api/v1/metrics/nps/?survey={survey.pk}").json()
    assert (body["n"], body["imported"], body["series"][0]["imported"]) == (4, 4, 4)


def test_the_same_month_again_replaces_its_counts(survey: Survey) -> None:
    imported("totals", HEADING + "2025-03,0,0,0,0,0,0,0,0,0,0,4\n", COUNTS, survey=survey)
    job = imported(
        "totals", HEADING + "2025-03-15,0,0,0,0,0,0,0,0,0,0,7\n2025-03,0,0,0,0,0,0,0,0,0,0,9\n", COUNTS, survey=survey
    )
    assert (job.accepted, job.updated, job.refused) == (1, 1, 1) and "twice" in reasons(job)[3]
    assert ScoreHistogram.objects.get().c10 == 7


def test_months_and_counts_that_cannot_be_are_refused(survey: Survey) -> None:
    rows = [
        "soon,0,0,0,0,0,0,0,0,0,0,4", "2999-01,0,0,0,0,0,0,0,0,0,0,4", "2025-13,0,0,0,0,0,0,0,0,0,0,4",
        "2025-03,0,0,0,0,0,0,0,0,0,0,-4", "2025-03,0,0,0,0,0,0,0,0,0,0,4.5", "2025-03,,,,,,,,,,,", ",1,,,,,,,,,,",
    ]  # fmt: skip
    job = imported("totals", HEADING + "\n".join(rows), COUNTS, survey=survey)
    assert (job.accepted, job.refused) == (0, 7)
    assert not ScoreHistogram.objects.exists()


def test_scores_off_the_scale_of_the_survey_are_refused(acme: Organization) -> None:
    csat = a_survey(kind="csat")
    job = imported(
        "totals", "m,a,b\n2025-03,5,0\n2025-04,5,1\n", {"month": "m", "score.5": "a", "score.6": "b"}, survey=csat
    )
    assert (job.accepted, job.refused) == (1, 1) and "1 to 5" in reasons(job)[3]


@pytest.mark.parametrize("target", ["nps", "promoters", "average"])
def test_a_score_without_its_counts_is_refused_with_the_reason(survey: Survey, target: str) -> None:
    with pytest.raises(DomainErrors) as refused:
        imported("totals", "m,x\n2025-03,38\n", {"month": "m", target: "x"}, survey=survey)
    error = refused.value.errors[0]
    assert (error["field"], error["code"]) == (f"mapping.{target}", "not_taken")
    assert "number of answers for each score" in error["message"]


def test_totals_of_an_anonymous_survey_are_refused(acme: Organization) -> None:
    hidden = a_survey(kind="nps", anonymous=True)
    with pytest.raises(DomainError) as refused:
        imported("totals", HEADING + "2025-03,1,0,0,0,0,0,0,0,0,0,0\n", COUNTS, survey=hidden)
    assert refused.value.errors[0]["field"] == "survey"


def test_an_analyst_may_not_import_totals(acme: Organization, survey: Survey) -> None:
    upload = SimpleUploadedFile("t.csv", (HEADING + "2025-03,1,0,0,0,0,0,0,0,0,0,0\n").encode())
    with pytest.raises(DomainError):
        submit_import(actor=an_actor(acme, "analyst"), kind="totals", upload=upload, mapping=COUNTS, survey=survey)
    assert not ImportJob.objects.exists()
