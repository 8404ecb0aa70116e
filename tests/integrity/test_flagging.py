"""Marks are set by what is heard of an answer, and change nothing else."""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils.timezone import now

from apps.dispatch.models import Invitation
from apps.dispatch.services import invite_customers
from apps.integrity.devices import note_device, write_marks
from apps.integrity.flagging import purge_prints
from apps.integrity.models import CommentPrint
from apps.metrics.models import ScoreHistogram
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import drain
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response, Survey
from apps.surveys.services import record_response
from apps.surveys.services.flags import add_flags, remove_flags
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_actor
from tests.factories.customers import a_customer
from tests.factories.dispatch import a_customer_to_ask
from tests.factories.surveys import a_survey, an_answer

TELECOM = Path(__file__).parents[3] / "shared" / "data" / "telecom_nps_verbatims.csv"
PRAISE = "The friendly technician came on time and explained everything about the new router to us"


def flags(response: Response) -> list[str]:
    return Response.objects.get(pk=response.pk).flags


def test_a_coached_comment_is_marked_and_neither_scores_nor_the_queue_move(acme: Organization) -> None:
    survey = a_survey()
    answer = an_answer(survey, 10, "She asked me to give a 10")
    honest = an_answer(survey, 10, "Quick and friendly")
    drain()
    before = list(ScoreHistogram.objects.values_list("c10", "day"))
    assert flags(answer) == ["coached_comment"]
    assert flags(honest) == []
    assert OutboxEvent.objects.count() == 0
    assert before == list(ScoreHistogram.objects.values_list("c10", "day"))
    answer.refresh_from_db()
    assert (answer.score, answer.comment) == (10, "She asked me to give a 10")


def test_the_mark_goes_with_a_changed_comment(acme: Organization) -> None:
    survey = a_survey()
    answer = an_answer(survey, 10, "She asked me to give a 10", source_id="one")
    drain()
    an_answer(survey, 10, "Quick and friendly", source_id="one")
    drain()
    assert flags(answer) == []


def test_three_customers_with_nearly_the_same_words_are_marked(acme: Organization) -> None:
    survey = a_survey()
    texts = [PRAISE, PRAISE.upper() + "!!!", PRAISE + " 12"]
    same = [an_answer(survey, 10, text, customer_id=a_customer().pk) for text in texts]
    different = an_answer(survey, 10, "Everything about the order was late and nobody called us back")
    drain()
    assert [flags(answer) for answer in same] == [["alike_comment"]] * 3
    assert flags(different) == []


def test_one_customer_who_repeats_and_two_who_agree_are_not_marked(acme: Organization) -> None:
    survey = a_survey()
    customer = a_customer()
    answers = [an_answer(survey, 10, PRAISE, customer_id=customer.pk) for _ in range(3)]
    answers.append(an_answer(survey, 10, PRAISE, customer_id=a_customer().pk))
    drain()
    assert all(flags(answer) == [] for answer in answers)


def test_the_same_words_over_months_are_not_marked(acme: Organization) -> None:
    survey = a_survey()
    answers = [
        an_answer(survey, 10, PRAISE, customer_id=a_customer().pk, occurred_at=now() - timedelta(days=25 * month))
        for month in range(3)
    ]
    drain()
    assert all(flags(answer) == [] for answer in answers)


def test_another_organisations_words_do_not_count(acme: Organization, other: Organization) -> None:
    with tenant(other):
        survey = a_survey()
        for _ in range(2):
            an_answer(survey, 10, PRAISE, customer_id=a_customer().pk)
        drain()
    answer = an_answer(a_survey(), 10, PRAISE, customer_id=a_customer().pk)
    drain()
    assert flags(answer) == []


def test_hearing_of_answers_again_changes_nothing(acme: Organization) -> None:
    survey = a_survey()
    for _ in range(3):
        an_answer(survey, 10, PRAISE, customer_id=a_customer().pk, source_id=f"{_}")
    drain()
    prints = CommentPrint.objects.count()
    for number in range(3):
        an_answer(survey, 9, PRAISE, source_id=f"{number}")
    drain()
    assert CommentPrint.objects.count() == prints == 9
    assert all(row.flags == ["alike_comment"] for row in Response.objects.all())


def test_prints_go_with_their_answer_and_with_age(acme: Organization) -> None:
    survey = a_survey()
    answer = an_answer(survey, 10, PRAISE)
    old = an_answer(survey, 10, PRAISE, occurred_at=now() - timedelta(days=90))
    drain()
    assert set(CommentPrint.objects.values_list("response", flat=True)) == {answer.pk}
    assert not CommentPrint.objects.filter(response=old).exists()
    CommentPrint.objects.update(at=now() - timedelta(days=70))
    assert purge_prints() == 3
    an_answer(survey, 10, PRAISE + " today", source_id="x")
    drain()
    Response.objects.all().delete()
    assert CommentPrint.objects.count() == 0


def test_anonymous_surveys_and_employees_are_never_marked(acme: Organization) -> None:
    anonymous = a_survey(anonymous=True)
    employees = a_survey(audience=Survey.Audience.EMPLOYEES)
    answers = [an_answer(survey, 10, "She asked me to give a 10") for survey in (anonymous, employees)]
    drain()
    assert [flags(answer) for answer in answers] == [[], []]


def test_a_customer_picked_by_a_colleague_is_marked_and_one_of_a_key_is_not(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    marks = []
    for actor in (an_actor(acme, "manager"), Actor.system("test")):
        customer = a_customer_to_ask()
        invite_customers(actor=actor, survey=survey, customer_ids=[customer.pk])
        invitation = Invitation.objects.get(customer=customer)
        answer = an_answer(survey, 10, invitation_id=invitation.pk, customer_id=customer.pk)
        drain()
        marks.append(flags(answer))
    assert marks == [["hand_picked"], []]


def test_a_sending_to_many_is_not_chosen_by_hand(acme: Organization) -> None:
    survey = a_survey(relationship=True)
    customers = [a_customer_to_ask() for _ in range(51)]
    invite_customers(actor=an_actor(acme), survey=survey, customer_ids=[customer.pk for customer in customers])
    invitation = Invitation.objects.get(customer=customers[0])
    answer = an_answer(survey, 10, invitation_id=invitation.pk, customer_id=customers[0].pk)
    drain()
    assert flags(answer) == []


def answered_from(survey: Survey, number: int, ip: str, **values: object) -> Response:
    note_device(f"form-{number}", ip=ip, user_agent="Mozilla/5.0 (iPad)")
    entry = NewResponse(answers={"score": 10}, source_id=f"form-{number}", **values)  # type: ignore[arg-type]
    recorded = record_response(actor=Actor.respondent(None), survey_id=survey.pk, entry=entry, source="page")
    return Response.objects.get(pk=recorded.row.id)


def test_five_answers_from_one_device_are_marked_and_four_are_not(acme: Organization) -> None:
    cache.clear()
    survey = a_survey()
    many = [answered_from(survey, number, "192.0.2.7") for number in range(5)]
    few = [answered_from(survey, 10 + number, "192.0.2.8") for number in range(4)]
    drain()
    assert all(flags(answer) == ["shared_device"] for answer in many)
    assert all(flags(answer) == [] for answer in few)


def test_a_kiosk_is_one_device_by_design(acme: Organization) -> None:
    cache.clear()
    survey = a_survey()
    answers = [answered_from(survey, number, "192.0.2.9", channel="kiosk") for number in range(6)]
    drain()
    assert all(flags(answer) == [] for answer in answers)


def test_no_address_can_be_read_from_what_is_remembered(acme: Organization) -> None:
    cache.clear()
    note_device("form-1", ip="192.0.2.7", user_agent="Mozilla/5.0")
    note_device("form-2", ip=None, user_agent="Mozilla/5.0")
    write_marks()
    names = [f"integrity:device:{acme.pk}:form-{number}" for number in (1, 2)]
    kept = cache.get_many(names)
    assert list(kept) == names[:1]
    assert "192.0.2.7" not in kept[names[0]]
    assert len(kept[names[0]]) == 32


def test_adding_a_mark_twice_keeps_one_and_keeps_the_others(acme: Organization) -> None:
    answer = an_answer(a_survey(), flags=("scanner",))
    assert add_flags([answer.pk], "coached_comment") == 1
    assert add_flags([answer.pk], "coached_comment") == 0
    assert flags(answer) == ["scanner", "coached_comment"]
    assert remove_flags([answer.pk], "coached_comment") == 1
    assert flags(answer) == ["scanner"]
    assert add_flags([], "coached_comment") == 0


def test_another_organisations_answer_cannot_be_marked(acme: Organization, other: Organization) -> None:
    with tenant(other):
        theirs = an_answer(a_survey())
    assert add_flags([theirs.pk], "coached_comment") == 0
    with tenant(other):
        assert flags(theirs) == []


@pytest.mark.skipif(not TELECOM.exists(), reason="the shared data set is not here")
def test_real_comments_of_a_quarter_are_left_alone(acme: Organization) -> None:
    survey = a_survey()
    with TELECOM.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["text"]][:600]
    latest = max(datetime.strptime(row["CUSTOMER_RESPONSE_DATE"], "%d/%m/%Y %H:%M") for row in rows)
    shift = now() - latest.replace(tzinfo=UTC)
    for row in rows:
        said = datetime.strptime(row["CUSTOMER_RESPONSE_DATE"], "%d/%m/%Y %H:%M").replace(tzinfo=UTC) + shift
        an_answer(survey, 5, row["text"][:2_000].replace("\x00", ""), occurred_at=said)
    drain()
    assert CommentPrint.objects.exists()
    assert [row.comment for row in Response.objects.exclude(flags=[])] == []


def test_answers_of_the_open_page_from_one_browser_are_marked(acme: Organization) -> None:
    cache.clear()
    survey = a_survey()
    client = Client(HTTP_USER_AGENT="Mozilla/5.0 (iPad)")
    address = f"/s/{acme.slug}/{survey.slug}/"
    for _ in range(5):
        token = re.search(r'name="t" value="([^"]+)"', client.get(address).content.decode())
        assert token is not None
        answer = {"t": token[1], "q-score": "10", "page": "1", "go": "next"}
        assert client.post(address, answer).status_code == 303
    drain()
    assert [row.flags for row in Response.objects.all()] == [["shared_device"]] * 5
