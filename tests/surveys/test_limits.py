"""A survey's end, and the number of answers it takes: exactly that many, however many come at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils.timezone import now

from apps.organizations.services import create_api_key
from apps.surveys import services
from apps.surveys.entries import NewResponse
from apps.surveys.links import respondent_token
from apps.surveys.live import forget_survey
from apps.surveys.models import Response, Survey
from cxm.actor import Actor
from cxm.errors import Conflict
from cxm.scope import tenant
from tests.factories import an_organization
from tests.factories.dispatch import an_invitation
from tests.factories.surveys import a_survey, an_answer

SYSTEM = Actor.system("test")
POSTS = 50


def limited(survey: Survey, **limits: object) -> Survey:
    """The survey with an end or a limit, as every process reads it next."""
    Survey.objects.filter(pk=survey.pk).update(**limits)
    forget_survey(survey.pk)
    return survey


def submitted(survey: Survey) -> int:
    return Response.objects.filter(survey=survey, state="submitted").count()


def all_at_once(post: Callable[[int], int], number: int = POSTS) -> list[int]:
    """The statuses of that many posts by ten threads, each with a database connection of its own."""

    def one(index: int) -> int:
        try:
            return post(index)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(one, range(number)))


@pytest.mark.django_db(transaction=True)
def test_fifty_posts_to_an_open_link_leave_exactly_the_limit() -> None:
    acme = an_organization("Acme")
    with tenant(acme):
        survey = limited(a_survey(), answer_limit=7)
        address = f"/s/{acme.slug}/{survey.slug}/"
        tokens = [Client().get(address).content.decode().split('name="t" value="')[1][:44] for _ in range(POSTS)]
    statuses = all_at_once(lambda n: Client().post(address, {"q-score": "9", "t": tokens[n]}).status_code)
    assert sorted(statuses) == [303] * 7 + [410] * 43
    with tenant(acme):
        assert submitted(survey) == 7
    assert Client().get(address).status_code == 410


@pytest.mark.django_db(transaction=True)
def test_fifty_personal_links_leave_exactly_the_limit() -> None:
    acme = an_organization("Acme")
    with tenant(acme):
        survey = limited(a_survey(relationship=True), answer_limit=5)
        paths = [f"/r/{respondent_token(acme.pk, an_invitation(survey).pk)}/" for _ in range(POSTS)]
    form = {"q-score": "9", "lang": "en", "sv": str(survey.pk)}
    statuses = all_at_once(lambda n: Client().post(paths[n], form).status_code)
    assert sorted(statuses) == [303] * 5 + [410] * 45
    with tenant(acme):
        assert submitted(survey) == 5
        answered = Response.objects.filter(survey=survey).values_list("invitation_id", flat=True)[0]
    path = f"/r/{respondent_token(acme.pk, answered)}/"
    assert Client().get(path).status_code == 200  # who has answered may change it
    assert Client().post(path, {"q-score": "2"}).status_code == 303


@pytest.mark.django_db(transaction=True)
def test_fifty_api_calls_leave_exactly_the_limit() -> None:
    acme = an_organization("Acme")
    with tenant(acme):
        survey = limited(a_survey(), answer_limit=3)
        key = create_api_key(actor=SYSTEM, name="Till")[1]
    address = f"/api/v1/surveys/{survey.pk}/responses/"

    def post(_number: int) -> int:
        body = json.dumps({"answers": {"score": 9}})
        client = Client(headers={"Authorization": f"Bearer {key}"})
        return client.post(address, body, content_type="application/json").status_code

    assert sorted(all_at_once(post)) == [201] * 3 + [409] * 47
    with tenant(acme):
        assert submitted(survey) == 3


@pytest.mark.django_db(transaction=True)
def test_lists_at_once_leave_exactly_the_limit() -> None:
    acme = an_organization("Acme")
    with tenant(acme):
        survey = limited(a_survey(), answer_limit=25)

    def post(_number: int) -> int:
        with tenant(acme):
            entries = [{"answers": {"score": 9}}] * 10
            return services.record_responses(actor=SYSTEM, survey_id=survey.pk, entries=entries).accepted

    accepted = all_at_once(post, 10)
    assert sum(accepted) == 25
    with tenant(acme):
        assert submitted(survey) == 25


@pytest.mark.django_db
def test_a_list_is_taken_up_to_the_limit_and_says_what_was_too_many() -> None:
    with tenant(an_organization("Acme")):
        survey = limited(a_survey(), answer_limit=3)
        an_answer(survey, source_id="known")
        entries = [
            {"answers": {"score": 1}, "source_id": "a"},
            {"answers": {"score": 2}, "source_id": "a"},
            {"answers": {"score": 3}, "source_id": "known"},
            {"answers": {"score": 4}, "source_id": "b"},
            {"answers": {"score": 5}, "source_id": "c"},
            {"answers": {"score": 6}, "source_id": "d", "completed": False},
        ]
        outcome = services.record_responses(actor=SYSTEM, survey_id=survey.pk, entries=entries)
        assert outcome.accepted == 4
        assert [(index, errors[0]["code"]) for index, errors in outcome.refused] == [(4, "full"), (5, "full")]
        scores = Response.objects.filter(survey=survey).values_list("source_id", "score")
        assert dict(scores) == {"known": 3, "a": 2, "b": 4}


@pytest.mark.django_db
def test_a_deleted_answer_makes_room_again() -> None:
    with tenant(an_organization("Acme")):
        survey = limited(a_survey(), answer_limit=1)
        first = an_answer(survey)
        with pytest.raises(Conflict) as refused:
            an_answer(survey)
        assert refused.value.errors[0]["code"] == "full"
        services.delete_response(actor=SYSTEM, response=first)
        an_answer(survey)
        assert submitted(survey) == 1


@pytest.mark.django_db
def test_unfinished_answers_do_not_use_up_the_limit(client: Client) -> None:
    with tenant(an_organization("Acme")):
        survey = limited(a_survey(), answer_limit=1)
        for _ in range(3):
            an_answer(survey, state="partial")
        an_answer(survey)
        assert submitted(survey) == 1


@pytest.mark.django_db
def test_from_its_end_on_a_survey_takes_no_answer(client: Client) -> None:
    acme = an_organization("Acme")
    with tenant(acme):
        survey = limited(a_survey(relationship=True), closes_at=now() + timedelta(minutes=5))
        path = f"/r/{respondent_token(acme.pk, an_invitation(survey).pk)}/"
    assert client.get(path).status_code == 200
    with tenant(acme):
        limited(survey, closes_at=now())
    for address in (path, f"/s/{acme.slug}/{survey.slug}/"):
        assert client.get(address).status_code == 410
        assert client.post(address, {"q-score": "9", "lang": "en", "sv": str(survey.pk)}).status_code == 410
    with tenant(acme):
        with pytest.raises(Conflict):
            services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=NewResponse({"score": 9}))
        given_before = NewResponse({"score": 9}, occurred_at=now() - timedelta(days=1))
        services.record_response(actor=SYSTEM, survey_id=survey.pk, entry=given_before)
        assert submitted(survey) == 1


@pytest.mark.django_db
def test_a_survey_whose_end_has_come_is_closed() -> None:
    with tenant(an_organization("Acme")):
        ended = limited(a_survey(), closes_at=now() - timedelta(minutes=1))
        open_still = limited(a_survey(), closes_at=now() + timedelta(days=1))
        services.close_surveys_that_ended()
        assert Survey.objects.get(pk=ended.pk).state == "closed"
        assert Survey.objects.get(pk=open_still.pk).state == "live"
