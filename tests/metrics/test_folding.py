"""Histograms equal a recount of the answers, whatever happened to the answers."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command

from apps.metrics.folding import find_drift, fold_buckets, refold_organization
from apps.metrics.handlers import move_days_to_new_zone, recount_provisional
from apps.metrics.models import ScoreHistogram
from apps.organizations.models import Organization
from apps.outbox.models import OutboxEvent
from apps.outbox.relay import drain
from apps.surveys.entries import NewResponse
from apps.surveys.models import Response
from apps.surveys.services import delete_response, record_response
from cxm.actor import Actor
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.maps import a_touchpoint
from tests.factories.metrics import fold_pending
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
TWO_METRICS = {
    "version": 1,
    "languages": ["en"],
    "pages": [
        {
            "id": "p",
            "questions": [
                {"id": "recommend", "type": "nps", "title": {"en": "Recommend?"}},
                {"id": "satisfied", "type": "csat", "title": {"en": "Satisfied?"}},
                {"id": "why", "type": "text", "title": {"en": "Why?"}},
            ],
        }
    ],
}


def stored(survey, question=None) -> dict[date, dict[int, int]]:
    """Day -> score -> count, over all other dimensions."""
    rows = ScoreHistogram.objects.filter(survey=survey)
    rows = rows.filter(question=question) if question else rows
    found: dict[date, dict[int, int]] = {}
    for row in rows:
        for score in range(11):
            if n := getattr(row, f"c{score}"):
                day = found.setdefault(row.day, {})
                day[score] = day.get(score, 0) + n
    return found


def at(day: int, hour: int = 12) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


def test_answers_are_counted_by_day_and_score(acme):
    survey = a_survey("nps")
    for score, day in ((9, 1), (9, 1), (3, 1), (10, 2)):
        an_answer(survey, score, occurred_at=at(day))
    assert fold_pending()
    assert stored(survey) == {date(2026, 3, 1): {9: 2, 3: 1}, date(2026, 3, 2): {10: 1}}
    assert find_drift() == []


def test_changed_answer_moves_to_its_new_day_and_score(acme):
    survey = a_survey("nps")
    an_answer(survey, 3, source_id="a", occurred_at=at(1))
    fold_pending()
    an_answer(survey, 10, source_id="a", occurred_at=at(5))
    fold_pending()
    assert stored(survey) == {date(2026, 3, 5): {10: 1}}
    assert find_drift() == []


def test_deleted_answer_leaves_no_trace(acme):
    survey = a_survey("nps")
    gone = an_answer(survey, 3, occurred_at=at(1))
    an_answer(survey, 8, occurred_at=at(1))
    fold_pending()
    delete_response(actor=SYSTEM, response=gone)
    fold_pending()
    assert stored(survey) == {date(2026, 3, 1): {8: 1}}


def test_same_event_twice_counts_once(acme):
    survey = a_survey("nps")
    an_answer(survey, 9, occurred_at=at(1))
    bucket = (survey.pk, date(2026, 3, 1))
    fold_buckets([bucket, bucket])
    fold_buckets([bucket])
    assert stored(survey) == {date(2026, 3, 1): {9: 1}}


def test_only_submitted_answers_count_until_the_organisation_includes_provisional_ones(acme):
    survey = a_survey("nps")
    for score, state in ((1, "partial"), (2, "provisional_dwell"), (3, "provisional_interaction"), (4, "submitted")):
        an_answer(survey, score, state=state, occurred_at=at(1))
    fold_pending()
    assert stored(survey) == {date(2026, 3, 1): {4: 1}}
    Organization.objects.filter(pk=acme.pk).update(include_provisional=True)
    recount_provisional({"fields": ["name", "include_provisional"]})
    assert stored(survey) == {date(2026, 3, 1): {2: 1, 3: 1, 4: 1}}


def test_every_measured_question_of_a_custom_survey_is_counted(acme):
    survey = a_survey("custom", definition=TWO_METRICS)
    an_answer(survey, answers={"recommend": 9, "satisfied": 4}, occurred_at=at(1))
    an_answer(survey, answers={"recommend": 0}, occurred_at=at(1))
    an_answer(survey, answers={"satisfied": 5, "why": "fast"}, occurred_at=at(2))
    fold_pending()
    assert stored(survey, "recommend") == {date(2026, 3, 1): {9: 1, 0: 1}}
    assert stored(survey, "satisfied") == {date(2026, 3, 1): {4: 1}, date(2026, 3, 2): {5: 1}}
    assert find_drift() == []


def test_new_time_zone_moves_answers_to_the_days_of_its_calendar(acme):
    survey = a_survey("nps")
    an_answer(survey, 9, occurred_at=at(1, hour=23))
    fold_pending()
    assert list(stored(survey)) == [date(2026, 3, 1)]
    Organization.objects.filter(pk=acme.pk).update(timezone="Asia/Tokyo")
    move_days_to_new_zone({"timezone": "Asia/Tokyo"})
    assert list(stored(survey)) == [date(2026, 3, 2)]
    assert Response.objects.get(survey=survey).day == date(2026, 3, 2)
    assert find_drift() == []


def test_nothing_drifts_through_a_long_mix_of_everything(acme, other):
    with tenant(other):
        theirs = a_survey("nps")
        an_answer(theirs, 7, occurred_at=at(1))
        fold_pending()
    chance = random.Random(7)
    surveys = [a_survey("nps"), a_survey("csat"), a_survey("custom", definition=TWO_METRICS)]
    touchpoints = [a_touchpoint().pk, a_touchpoint().pk, None]
    for step in range(150):
        survey = chance.choice(surveys)
        high = 5 if survey.kind == "csat" else 10
        answers = {"score": chance.randint(1, high)}
        if survey.kind == "custom":
            answers = {"recommend": chance.randint(0, 10), "satisfied": chance.randint(1, 5)}
        entry = NewResponse(
            answers=answers,
            source_id=f"s{chance.randint(0, 40)}",
            touchpoint_id=chance.choice(touchpoints),
            channel=chance.choice(["web", "phone"]),
            occurred_at=at(1) + timedelta(hours=chance.randint(0, 200)),
        )
        record_response(actor=SYSTEM, survey_id=survey.pk, entry=entry)
        if chance.random() < 0.1:
            doomed = Response.objects.order_by("?").first()
            delete_response(actor=SYSTEM, response=doomed)
        if step % 17 == 0:
            fold_pending()
    fold_pending()
    assert find_drift() == []
    counted = sum(sum(day.values()) for survey in surveys for day in stored(survey).values())
    assert counted > Response.objects.count() > 0
    with tenant(other):
        assert stored(theirs) == {date(2026, 3, 1): {7: 1}}


def test_check_finds_and_mends_drift(acme, capsys):
    survey = a_survey("nps")
    an_answer(survey, 9, occurred_at=at(1))
    fold_pending()
    ScoreHistogram.objects.filter(survey=survey).update(c9=5)
    with pytest.raises(CommandError, match="1 buckets differ"):
        call_command("check_scores", org=acme.slug)
    assert "stored 5, recounted 1" in capsys.readouterr().out
    call_command("check_scores", org=acme.slug, mend=True)
    call_command("check_scores", org=acme.slug)
    assert "drift 0" in capsys.readouterr().out


def test_refold_forgets_rows_without_answers(acme):
    survey = a_survey("nps")
    an_answer(survey, 9, occurred_at=at(1))
    fold_pending()
    ScoreHistogram.objects.filter(survey=survey).update(day=date(2020, 1, 1))
    refold_organization()
    assert stored(survey) == {date(2026, 3, 1): {9: 1}}


def test_relay_hands_recorded_answers_to_the_fold(transactional_db):
    organization = an_organization("Acme")
    with tenant(organization):
        survey = a_survey("nps")
        an_answer(survey, 9, occurred_at=at(1))
        drain()
        assert stored(survey) == {date(2026, 3, 1): {9: 1}}
        assert not OutboxEvent.objects.filter(handler="metrics.fold_responses").exists()
