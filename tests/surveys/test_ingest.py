"""The fast lane gives the same answers as the common way, and hands over whatever is not ordinary."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import close_old_connections, connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.organizations.models import Organization
from apps.organizations.services import create_api_key
from apps.outbox.models import OutboxEvent
from apps.surveys.ingest import answer_api, answer_page
from apps.surveys.links import respondent_token
from apps.surveys.models import Response
from apps.surveys.services import close_survey
from cxm.actor import Actor
from cxm.ingest import FastLane, _routes
from cxm.scope import tenant
from tests.factories import a_member, an_organization, signed_in
from tests.factories.dispatch import an_invitation
from tests.factories.maps import a_touchpoint
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")


class Door:
    """The server's way in, which notes when the common way was taken."""

    def __init__(self) -> None:
        self.common = 0
        handler = WSGIHandler()

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
            self.common += 1
            return handler(environ, start_response)

        self.lane = FastLane(application)

    def post(self, path: str, body: bytes, **environ: str) -> tuple[int, dict[str, str], bytes]:
        answer: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            answer.update(status=int(status[:3]), headers=dict(headers))

        request = {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "203.0.113.9",
            "HTTP_HOST": "testserver",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": BytesIO(),
            **environ,
        }
        content = b"".join(self.lane(request, start))
        return answer["status"], answer["headers"], content


@pytest.fixture
def door() -> Iterator[Door]:
    """Django would close the connection that holds the test's transaction; its own test client does the same."""
    request_started.disconnect(close_old_connections)
    yield Door()
    request_started.connect(close_old_connections)


@pytest.fixture
def acme() -> Organization:
    return an_organization("Acme")


@pytest.fixture
def key(acme: Organization) -> str:
    with tenant(acme):
        return create_api_key(actor=SYSTEM, name="Key")[1]


def body(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_both_routes_are_on_the_lane() -> None:
    handlers = {route.handler for route in _routes.values()}
    assert {answer_api, answer_page} <= handlers


def test_an_answer_is_taken_and_shown_as_on_the_common_way(door: Door, acme: Organization, key: str) -> None:
    with tenant(acme):
        survey, shop = a_survey(), a_touchpoint()
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    sent = {
        "answers": {"score": 9, "reason": "Schön"},
        "customer": {"external_id": "C-1"},
        "touchpoint": shop.key,
        "occurred_at": "2026-02-03T04:05:06Z",
        "source_id": "r1",
    }
    status, headers, content = door.post(path, body(sent), HTTP_AUTHORIZATION=f"Bearer {key}")
    assert (status, door.common) == (201, 0)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {key}")
    read = api.get(headers["Location"])
    assert read.content == content
    assert read["ETag"] == headers["ETag"]
    assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"} <= headers.keys()
    common = api.post(path, {**sent, "source_id": "r2"}, format="json").json()
    fast = json.loads(content)
    changing = {"id", "source_id", "recorded_at", "updated_at"}
    assert {k: v for k, v in fast.items() if k not in changing} == {
        k: v for k, v in common.items() if k not in changing
    }


def test_a_repeat_and_a_list_are_taken_too(door: Door, acme: Organization, key: str) -> None:
    with tenant(acme):
        survey = a_survey()
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    for score in (3, 8):
        status, _headers, content = door.post(
            path, body({"answers": {"score": score}, "source_id": "r1"}), HTTP_AUTHORIZATION=f"Bearer {key}"
        )
        assert (status, json.loads(content)["score"]) == (201, score)
    status, _headers, content = door.post(
        path, body([{"answers": {"score": 1}}, {"answers": {"score": 99}}]), HTTP_AUTHORIZATION=f"Bearer {key}"
    )
    assert (status, door.common) == (200, 0)
    assert json.loads(content)["accepted"] == 1
    assert json.loads(content)["refused"][0]["index"] == 1


@pytest.mark.parametrize(
    ("raw", "environ", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[" * 5000, {}, 400),
        (b'{"answers": {"score": 99}}', {}, 400),
        (b'{"answers": {"score": "\\ud800"}}', {}, 400),
        (b'{"answers": {"score": 9}}', {"HTTP_AUTHORIZATION": "Bearer nonsense"}, 401),
        (b'{"answers": {"score": 9}}', {"HTTP_AUTHORIZATION": ""}, 401),
        (b'{"answers": {"score": 9}}', {"HTTP_IDEMPOTENCY_KEY": "k1"}, 201),
        (b'{"answers": {"score": 9}}', {"CONTENT_TYPE": "text/plain"}, 415),
    ],
)
def test_what_is_not_ordinary_takes_the_common_way(
    door: Door, acme: Organization, key: str, raw: bytes, environ: dict[str, str], status: int
) -> None:
    with tenant(acme):
        survey = a_survey()
    headers = {"HTTP_AUTHORIZATION": f"Bearer {key}", **environ}
    found, answered, content = door.post(f"/api/v1/surveys/{survey.pk}/responses/", raw, **headers)
    assert (found, door.common) == (status, 1)
    if status >= 400:
        assert answered["Content-Type"] == "application/problem+json"
        assert json.loads(content)["status"] == status


def test_a_host_that_is_not_ours_is_refused(door: Door, acme: Organization, key: str) -> None:
    with tenant(acme):
        survey = a_survey()
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    headers = {"HTTP_AUTHORIZATION": f"Bearer {key}", "HTTP_HOST": "evil.example"}
    assert door.post(path, body({"answers": {"score": 9}}), **headers)[0] == 400


def test_another_organisations_survey_is_not_there(door: Door, key: str) -> None:
    other = an_organization("Other")
    with tenant(other):
        foreign = a_survey()
    path = f"/api/v1/surveys/{foreign.pk}/responses/"
    status, _headers, _content = door.post(path, body({"answers": {"score": 9}}), HTTP_AUTHORIZATION=f"Bearer {key}")
    assert status == 404
    with tenant(other):
        assert not Response.objects.exists()


def test_a_key_without_the_scope_is_refused(door: Door, acme: Organization) -> None:
    with tenant(acme):
        survey = a_survey()
        key = create_api_key(actor=SYSTEM, name="Reader", scopes=["feedback.view"])[1]
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    status, _headers, _content = door.post(path, body({"answers": {"score": 9}}), HTTP_AUTHORIZATION=f"Bearer {key}")
    assert status == 403


def test_the_limit_of_a_key_holds_on_the_lane(door: Door, acme: Organization, key: str, settings: Any) -> None:
    settings.API_RATE_LIMIT = (0.001, 3)
    with tenant(acme):
        survey = a_survey()
    path = f"/api/v1/surveys/{survey.pk}/responses/"
    statuses = [
        door.post(path, body({"answers": {"score": 9}}), HTTP_AUTHORIZATION=f"Bearer {key}")[0] for _ in range(5)
    ]
    assert statuses == [201, 201, 201, 429, 429]


def test_a_respondent_answers_on_the_lane(door: Door, acme: Organization) -> None:
    with tenant(acme):
        invitation = an_invitation(a_survey())
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    status, headers, content = door.post(path, b"q-score=9&q-reason=Gut%20gemacht&contact=1&lang=en", **form)
    assert (status, headers["Location"], content) == (303, f"{path}done/?lang=en", b"")
    assert headers["Cache-Control"] == "no-store"
    status, _headers, content = door.post(path, b"q-score=8", HTTP_ACCEPT="application/json", **form)
    assert (status, door.common) == (200, 0)
    assert json.loads(content)["next"].startswith(f"{path}done/")
    with tenant(acme):
        answer = Response.objects.get()
    assert (answer.score, answer.customer_id, answer.contact_ok) == (8, invitation.customer_id, False)


def test_a_first_answer_is_proved_and_stored_in_one_statement(door: Door, acme: Organization) -> None:
    with tenant(acme):
        billing = a_touchpoint("Billing")
        invitation, other = an_invitation(a_survey("csat", touchpoint=billing)), a_survey("csat")
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    filled = f"q-score=4&lang=en&contact=1&sv={invitation.survey_id}".encode()
    door.post(path, b"q-score=99&lang=en", **form)  # keys, organisation and survey are known from now on
    with CaptureQueriesContext(connection) as counted:
        assert door.post(path, filled, **form)[0] == 303
    assert len(counted) == 1
    with tenant(acme):
        answer = Response.objects.get()
    assert (answer.score, answer.customer_id, answer.touchpoint_id) == (4, invitation.customer_id, billing.pk)
    assert (answer.invitation_id, answer.channel, answer.contact_ok) == (invitation.pk, "email", True)
    assert door.post(path, filled.replace(b"score=4", b"score=5"), **form)[0] == 303
    for survey in (other.pk, "nonsense", "00000000-0000-4000-8000-000000000000"):
        assert door.post(path, f"q-score=3&lang=en&sv={survey}".encode(), **form)[0] == 303
    with tenant(acme):
        assert [(row.score, row.survey_id) for row in Response.objects.all()] == [(3, invitation.survey_id)]


def test_an_answer_about_an_earlier_experience_is_stored_in_one_statement_too(door: Door, acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(timezone="Pacific/Auckland")
    then = datetime(2026, 3, 4, 20, 0, tzinfo=UTC)  # the fifth of March in Auckland
    with tenant(acme):
        invitation = an_invitation(a_survey("csat"))
        invitation.experienced_at, invitation.attributes = then, {"agent": "Kim"}
        invitation.save()
        emptied = OutboxEvent.objects.all().delete()
    assert emptied
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    door.post(path, b"q-score=99&lang=en", **form)
    with CaptureQueriesContext(connection) as counted:
        assert door.post(path, f"q-score=4&lang=en&sv={invitation.survey_id}".encode(), **form)[0] == 303
    assert len(counted) == 1
    with tenant(acme):
        answer = Response.objects.get()
        told = OutboxEvent.objects.filter(topic="surveys.response_recorded").values_list("payload", flat=True)
        assert {tuple(payload["days"]) for payload in told} == {("2026-03-05",)}
    assert (answer.occurred_at, answer.day, answer.attributes) == (then, date(2026, 3, 5), {"agent": "Kim"})


def test_somebody_who_is_signed_in_takes_the_common_way(door: Door, acme: Organization) -> None:
    with tenant(acme):
        invitation = an_invitation(a_survey())
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    cookies = signed_in(a_member(acme)).cookies
    session = cookies[settings.SESSION_COOKIE_NAME].value
    before = door.common
    status, _headers, _body = door.post(
        path,
        f"q-score=9&lang=en&sv={invitation.survey_id}".encode(),
        CONTENT_TYPE="application/x-www-form-urlencoded",
        HTTP_COOKIE=f"{settings.SESSION_COOKIE_NAME}={session}",
    )
    assert (status, door.common) == (303, before + 1)
    with tenant(acme):
        assert Response.objects.get().flags == ["staff_session"]


def test_a_form_in_parts_takes_the_common_way_with_its_body_whole(door: Door, acme: Organization) -> None:
    with tenant(acme):
        invitation = an_invitation(a_survey())
    body = b'--b\r\nContent-Disposition: form-data; name="q-score"\r\n\r\n8\r\n--b--\r\n'
    before = door.common
    status, _headers, _body = door.post(
        f"/r/{respondent_token(acme.pk, invitation.pk)}/", body, CONTENT_TYPE="multipart/form-data; boundary=b"
    )
    assert (status, door.common) == (303, before + 1)
    with tenant(acme):
        assert Response.objects.get().score == 8


@pytest.mark.parametrize("raw", [b"", b"q-score=11", b"q-score=%00", b"q-reason=%ff", b"q-score=9" + b"&a=1" * 3000])
def test_a_respondents_mistake_is_explained_by_the_page(door: Door, acme: Organization, raw: bytes) -> None:
    with tenant(acme):
        invitation = an_invitation(a_survey())
    path = f"/r/{respondent_token(acme.pk, invitation.pk)}/"
    status, _headers, _content = door.post(path, raw, CONTENT_TYPE="application/x-www-form-urlencoded")
    assert status in (400, 422)
    assert door.common == 1


def test_a_closed_survey_and_a_wrong_token_take_the_common_way(door: Door, acme: Organization) -> None:
    with tenant(acme):
        invitation = an_invitation(a_survey())
        close_survey(actor=SYSTEM, survey=invitation.survey)
    token = respondent_token(acme.pk, invitation.pk)
    form = {"CONTENT_TYPE": "application/x-www-form-urlencoded"}
    assert door.post(f"/r/{token}/", b"q-score=9", **form)[0] == 410
    assert door.post(f"/r/{'A' * 66}/", b"q-score=9", **form)[0] == 404
