"""Answers as they are stored: defaults, repeats, lists, who gave them, and what is told about them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from apps.customers.models import Customer
from apps.customers.services import CustomerReference
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.surveys import services
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response, ResponseRevision, Survey
from apps.touchpoints.services import create_touchpoint
from cxm.actor import Actor
from cxm.errors import Conflict, DomainError, DomainErrors, NotAllowed, NotFound
from cxm.scope import tenant
from tests.factories import an_actor, an_organization, make
from tests.factories.surveys import a_survey, an_answer

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


@pytest.fixture
def acme() -> Iterator[Organization]:
    organization = an_organization("Acme", zone="Pacific/Auckland")
    with tenant(organization):
        yield organization


def record(survey: Survey, score: Any = 9, **values: Any) -> services.Recorded:
    entry = NewResponse(answers=values.pop("answers", {"score": score}), **values)
    return services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)


def record_list(survey: Survey, entries: list[Any], **values: Any) -> services.RecordedList:
    return services.record_responses(actor=SYSTEM, survey_id=survey.pk, entries=entries, **values)


def days_told(topic: str = "surveys.response_recorded") -> set[str]:
    payloads = OutboxEvent.objects.filter(topic=topic).values_list("payload", flat=True)
    return {day for payload in payloads for day in payload["days"]}


def test_an_answer_is_stored_with_its_score_and_comment(acme: Organization) -> None:
    survey = a_survey()
    response = an_answer(survey, 7, "Fine", channel="phone", language="de")
    assert (response.score, response.metric, response.scale, response.score_question) == (7, "nps", 11, "score")
    assert (response.comment, response.channel, response.language) == ("Fine", "phone", "de")
    assert (response.version, response.state) == (1, "submitted")


def test_the_day_is_the_organisations(acme: Organization) -> None:
    late = datetime(2026, 3, 31, 20, 0, tzinfo=UTC)
    assert an_answer(a_survey(), occurred_at=late).day == date(2026, 4, 1)


def test_every_answer_tells_its_day_in_the_same_transaction(acme: Organization) -> None:
    an_answer(a_survey(), occurred_at=datetime(2026, 3, 31, 1, 0, tzinfo=UTC))
    assert days_told() == {"2026-03-31"}


def test_the_touchpoint_is_the_surveys_unless_said(acme: Organization) -> None:
    billing = create_touchpoint(actor=SYSTEM, name="Billing", key="billing")
    shop = create_touchpoint(actor=SYSTEM, name="Shop", key="shop")
    survey = a_survey("csat", touchpoint=billing)
    assert an_answer(survey, 5).touchpoint_id == billing.pk
    assert an_answer(survey, 5, touchpoint_id=shop.pk).touchpoint_id == shop.pk


@pytest.mark.parametrize("score", [11, -1, 9.5, True, "nine", None])
def test_a_wrong_score_is_refused_and_nothing_written(acme: Organization, score: Any) -> None:
    survey = a_survey()
    with pytest.raises(DomainErrors) as refused:
        record(survey, score)
    assert refused.value.errors[0]["field"] == "answers.score"
    assert not Response.objects.exists()
    assert not OutboxEvent.objects.filter(topic="surveys.response_recorded").exists()


def test_a_draft_takes_no_answers(acme: Organization) -> None:
    with pytest.raises(Conflict):
        record(a_survey(published=False))


def test_a_closed_survey_takes_answers_given_before_only(acme: Organization) -> None:
    survey = services.close_survey(actor=SYSTEM, survey=a_survey())
    with pytest.raises(Conflict):
        record(survey)
    assert record(survey, occurred_at=datetime.now(UTC) - timedelta(days=1)).created


def test_half_an_answer_is_kept_without_a_score(acme: Organization) -> None:
    recorded = record(a_survey(), answers={"reason": "so far"}, state="partial")
    assert Response.objects.get(pk=recorded.row.id).score is None


def test_an_unknown_customer_is_made_once_with_the_answer(acme: Organization) -> None:
    survey = a_survey()
    for _ in range(2):
        record(survey, customer=CustomerReference(external_id="C-1"))
    record(survey, customer=CustomerReference(email="ada@example.com"))
    assert Customer.objects.count() == 2
    assert Response.objects.filter(customer__external_id="C-1").count() == 2
    assert Response.objects.filter(customer__email="ada@example.com").count() == 1


def test_an_unknown_customer_id_is_refused(acme: Organization) -> None:
    with pytest.raises(DomainError) as refused:
        record(a_survey(), customer=CustomerReference(id=uuid4()))
    assert refused.value.errors[0]["field"] == "customer.id"
    assert not Response.objects.exists()


def test_the_unit_comes_from_the_customer(acme: Organization) -> None:
    customer = make(Customer)
    unit = customer.unit = make(Customer._meta.get_field("unit").related_model)
    customer.save()
    recorded = record(a_survey(), customer=CustomerReference(id=customer.pk))
    assert Response.objects.get(pk=recorded.row.id).unit_id == unit.pk


def test_an_anonymous_survey_keeps_no_person(acme: Organization) -> None:
    survey = a_survey(anonymous=True)
    record(survey, customer=CustomerReference(external_id="C-1"), invitation_id=uuid4(), contact_ok=True)
    record_list(survey, [{"answers": {"score": 3}, "customer": {"email": "ada@example.com"}}])
    assert not Customer.objects.exists()
    for response in Response.objects.all():
        assert (response.customer_id, response.invitation_id, response.contact_ok) == (None, None, False)


def test_a_repeated_source_id_changes_the_answer_and_keeps_what_it_said(acme: Organization) -> None:
    survey = a_survey()
    first = record(survey, 3, source_id="r1", channel="phone", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    again = record(survey, 8, source_id="r1", occurred_at=datetime(2026, 1, 5, tzinfo=UTC))
    assert (first.created, again.created) == (True, False)
    response = Response.objects.get(survey=survey)
    assert (response.pk, response.score, response.channel) == (first.row.id, 8, "phone")
    assert ResponseRevision.objects.get().score == 3
    assert days_told("surveys.response_changed") == {"2026-01-01", "2026-01-05"}


def test_the_same_answer_again_changes_nothing(acme: Organization) -> None:
    survey = a_survey()
    for _ in range(2):
        record(survey, 3, source_id="r1", occurred_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert not ResponseRevision.objects.exists()
    assert days_told("surveys.response_changed") == set()


def test_source_ids_are_apart_by_survey(acme: Organization) -> None:
    record(a_survey(), source_id="r1")
    assert record(a_survey(), source_id="r1").created


def test_a_provisional_score_never_replaces_an_answer(acme: Organization) -> None:
    survey, invitation = a_survey(), uuid4()
    record(survey, 4, invitation_id=invitation, state="provisional_dwell")
    record(survey, 6, invitation_id=invitation, state="provisional_interaction")
    record(survey, 9, invitation_id=invitation)
    record(survey, 2, invitation_id=invitation, state="provisional_dwell")
    response = Response.objects.get()
    assert (response.score, response.state) == (9, "submitted")


def test_a_list_takes_the_good_and_refuses_the_bad_by_place(acme: Organization) -> None:
    create_touchpoint(actor=SYSTEM, name="Shop", key="shop")
    survey = a_survey()
    outcome = record_list(
        survey,
        [
            {"answers": {"score": 9}, "customer": {"external_id": "C-1"}, "touchpoint": "shop"},
            {"answers": {"score": 11}},
            "nonsense",
            {"answers": {"score": "8"}, "occurred_at": "2026-01-01T00:00:00Z", "unknown": 1},
            {"answers": {"score": 1}, "touchpoint": "nowhere"},
            {"answers": {"score": 1}, "customer": {"id": str(uuid4())}},
            {"answers": {"score": 1}, "channel": "pigeon", "occurred_at": "tomorrow", "source_id": "", "completed": 1},
        ],
    )
    assert outcome.accepted == 2
    refused = {index: {error["field"] for error in errors} for index, errors in outcome.refused}
    assert refused == {
        1: {"answers.score"},
        2: {""},
        4: {"touchpoint"},
        5: {"customer.id"},
        6: {"channel", "occurred_at", "source_id", "completed"},
    }
    assert sorted(Response.objects.values_list("score", flat=True)) == [8, 9]


def test_a_list_again_changes_nothing_and_repeats_inside_it_update(acme: Organization) -> None:
    survey = a_survey()
    entries = [
        {"answers": {"score": score}, "source_id": source_id, "occurred_at": "2026-01-01T00:00:00Z"}
        for score, source_id in ((1, "a"), (2, "b"), (3, "a"))
    ]
    assert record_list(survey, entries).created == 2
    assert dict(Response.objects.values_list("source_id", "score")) == {"a": 3, "b": 2}
    assert record_list(survey, entries[1:]).created == 0
    assert ResponseRevision.objects.count() == 1


def test_a_list_is_told_of_once(acme: Organization) -> None:
    survey = a_survey()
    before = OutboxEvent.objects.filter(topic="surveys.response_recorded").values("event_id").distinct().count()
    record_list(survey, [{"answers": {"score": score}} for score in range(11)])
    events = OutboxEvent.objects.filter(topic="surveys.response_recorded").values("event_id").distinct().count()
    assert events - before == 1


def test_a_list_longer_than_a_thousand_is_refused(acme: Organization) -> None:
    with pytest.raises(DomainError):
        record_list(a_survey(), [{"answers": {"score": 1}}] * 1001)


def test_one_list_costs_the_same_statements_for_three_and_for_thirty(
    acme: Organization, django_assert_max_num_queries: Any
) -> None:
    survey = a_survey()
    record_list(survey, [{"answers": {"score": 1}}])
    for size in (3, 30):
        entries = [
            {"answers": {"score": 5}, "customer": {"external_id": f"{size}-{n}"}, "source_id": f"{size}-{n}"}
            for n in range(size)
        ]
        record_list(survey, entries)
        with django_assert_max_num_queries(9):
            record_list(survey, entries)


@pytest.mark.parametrize(
    "moment",
    ["1899-12-31T00:00:00Z", "2999-01-01T00:00:00Z", "yesterday", 5, "2026-13-01", "0001-01-01T00:00:00+14:00"],
)
def test_impossible_times_are_refused(acme: Organization, moment: Any) -> None:
    outcome = record_list(a_survey(), [{"answers": {"score": 1}, "occurred_at": moment}])
    assert outcome.refused[0][1][0]["field"] == "occurred_at"


def test_a_day_alone_is_that_day_of_the_organisation(acme: Organization) -> None:
    record_list(a_survey(), [{"answers": {"score": 1}, "occurred_at": "2026-05-01"}])
    assert Response.objects.get().day == date(2026, 5, 1)


def test_who_may_not_create_feedback_records_none(acme: Organization) -> None:
    survey = a_survey()
    for role in ("analyst", "employee", "agent"):
        with pytest.raises(NotAllowed):
            services.record_response(
                actor=an_actor(acme, role), survey_id=survey.pk, entry=NewResponse(answers={"score": 1})
            )


def test_another_organisations_survey_takes_no_answer(acme: Organization) -> None:
    with tenant(an_organization("Other")):
        foreign = a_survey()
    with pytest.raises(NotFound):
        record(foreign)


def test_removing_an_answer_tells_its_day(acme: Organization) -> None:
    response = an_answer(a_survey(), occurred_at=datetime(2026, 3, 31, 1, 0, tzinfo=UTC))
    services.delete_response(actor=SYSTEM, response=response)
    assert not Response.objects.exists()
    assert days_told("surveys.response_deleted") == {"2026-03-31"}


@pytest.mark.django_db(transaction=True)
def test_fifty_answers_to_one_invitation_at_once_are_one() -> None:
    organization = an_organization("Crowd")
    with tenant(organization):
        survey = a_survey()
    invitation, together, failures = uuid4(), Barrier(10), []

    def answer(first: int) -> None:
        try:
            together.wait()
            with tenant(organization):
                for score in range(first, first + 5):
                    record(survey, score % 11, invitation_id=invitation)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=answer, args=(number * 5,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with tenant(organization):
        assert Response.objects.filter(invitation_id=invitation).count() == 1
