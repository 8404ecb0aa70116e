"""The kiosk's server side: what it delivers is stored once, at the right time, and nothing else is."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.timezone import now

from apps.collectors.addresses import collector_token
from apps.collectors.kiosk import BY_KIOSK, MOST_AT_ONCE
from apps.collectors.models import Collector, RefusedAnswer
from apps.collectors.services import renew_collector, revoke_collector
from apps.organizations.models import Organization, Unit
from apps.surveys.models import Response
from apps.surveys.services import close_survey, publish_survey
from apps.touchpoints.models import Touchpoint
from cxm.actor import Actor
from cxm.scope import tenant
from tests.collectors.test_places import hidden_fields
from tests.factories import a_member, an_organization, make, signed_in
from tests.factories.collectors import a_collector
from tests.factories.surveys import a_survey

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system("test")
FILE_NEEDED = {
    "languages": ["en"],
    "pages": [
        {
            "id": "p",
            "questions": [
                {"id": "score", "type": "nps", "required": True, "title": {"en": "Recommend?"}},
                {"id": "photo", "type": "file", "required": True, "title": {"en": "A photo"}},
            ],
        }
    ],
}


def a_kiosk(organization: Organization, **values: Any) -> Collector:
    with tenant(organization):
        survey = a_survey(**values.pop("of", {"kind": "nps"}))
        return a_collector(survey, kind="kiosk", **values)


def home(collector: Collector) -> str:
    return f"/k/{collector_token(collector)}/"


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def given(number: int = 1, score: Any = 9, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    """An answer as a device keeps it."""
    return {"id": f"{number:032d}", "at": ms(at or now()), "language": "en", "answers": {"score": score}, **more}


def deliver(collector: Collector, *answers: Any, device_now: Any = None) -> Any:
    body = {"now": ms(now()) if device_now is None else device_now, "answers": list(answers)}
    return Client().post(f"{home(collector)}answers/", json.dumps(body), content_type="application/json")


def refusals(response: Any) -> list[str]:
    return [result["refused"] for result in response.json()["results"]]


def stored(organization: Organization) -> list[Response]:
    with tenant(organization):
        return list(Response.objects.order_by("occurred_at"))


def test_answers_carry_the_kiosks_place() -> None:
    organization = an_organization()
    with tenant(organization):
        unit, touchpoint = make(Unit), make(Touchpoint)
    collector = a_kiosk(organization, unit=unit, touchpoint=touchpoint)
    assert refusals(deliver(collector, given())) == [""]
    (answer,) = stored(organization)
    assert (answer.channel, answer.unit_id, answer.touchpoint_id) == ("kiosk", unit.pk, touchpoint.pk)
    assert (answer.source, answer.source_id) == ("kiosk", f"{collector.pk.hex}:{1:032d}")
    assert (answer.score, answer.language, answer.state) == (9, "en", "submitted")
    with tenant(organization):
        assert Collector.objects.get().last_seen_at is not None


def test_delivering_again_changes_nothing() -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    batch = [given(n) for n in range(3)]
    for _again in range(3):
        assert refusals(deliver(collector, *batch)) == ["", "", ""]
    assert refusals(deliver(collector, batch[0], batch[0])) == ["", ""]
    assert len(stored(organization)) == 3


@pytest.mark.parametrize("clock", [timedelta(0), timedelta(hours=9), timedelta(days=-4_000), timedelta(days=4_000)])
def test_the_time_of_an_answer_does_not_depend_on_the_devices_clock(clock: timedelta) -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    with tenant(organization):
        Collector.objects.update(created_at=now() - timedelta(days=30))
    device_now = max(now() + clock, datetime(1971, 1, 1, tzinfo=UTC))
    deliver(collector, given(at=device_now - timedelta(hours=2)), device_now=ms(device_now))
    (answer,) = stored(organization)
    assert abs(answer.occurred_at - (now() - timedelta(hours=2))) < timedelta(seconds=30)


@pytest.mark.parametrize("at", [None, "yesterday", True, -5, 0, ms(datetime(2100, 1, 1, tzinfo=UTC)), 1, [], 1e308])
def test_an_impossible_time_is_neither_future_nor_before_the_kiosk(at: Any) -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    assert refusals(deliver(collector, {**given(), "at": at})) == [""]
    (answer,) = stored(organization)
    assert collector.created_at <= answer.occurred_at <= now()


def test_what_is_not_asked_is_not_taken() -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    deliver(collector, given(answers={"score": 9, "reason": "typed by nobody"}))
    writing = a_kiosk(organization, settings={"ask_text": True})
    deliver(writing, given(answers={"score": 3, "reason": "Cold"}))
    first, second = stored(organization)
    assert (first.comment, second.comment) == ("", "Cold")
    assert "reason" in Client().get(f"{home(collector)}survey.json").json()["skip"]
    assert Client().get(f"{home(writing)}survey.json").json()["skip"] == []


def test_wrong_answers_are_refused_one_by_one_and_counted_once() -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    batch = [given(1, 99), given(2, 7), given(3, None), "junk", {"id": "x"}, given(4, answers=[])]
    for _again in range(2):
        told = refusals(deliver(collector, *batch))
        assert [bool(code) for code in told] == [True, False, True, True, True, True]
    assert [answer.score for answer in stored(organization)] == [7]
    with tenant(organization):
        assert RefusedAnswer.objects.count() == 2
    page = signed_in(a_member(organization)).get(
        f"/o/{organization.slug}/surveys/{collector.survey_id}/share/{collector.pk}/"
    )
    assert "<dd>2</dd>" in page.content.decode().split("kept on the device")[1][:40]
    assert refusals(deliver(collector, given(1, 9))) == [""]
    with tenant(organization):
        assert RefusedAnswer.objects.count() == 1


def test_answers_given_before_the_survey_closed_are_still_taken() -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    with tenant(organization):
        Collector.objects.update(created_at=now() - timedelta(days=3))
    before = given(1, 8, at=now() - timedelta(hours=5))
    with tenant(organization):
        close_survey(actor=SYSTEM, survey=collector.survey)
    told = deliver(collector, before, given(2, 3, at=now() + timedelta(minutes=5)))
    assert refusals(told) == ["", "closed"]
    assert told.json()["open"] is False
    assert [answer.score for answer in stored(organization)] == [8]
    assert Client().get(f"{home(collector)}survey.json").json()["open"] is False
    with tenant(organization):
        publish_survey(actor=SYSTEM, survey=collector.survey)
    assert refusals(deliver(collector, given(2, 3))) == [""]
    with tenant(organization):
        assert not RefusedAnswer.objects.exists()


@pytest.mark.parametrize("end", [revoke_collector, renew_collector])
def test_an_ended_kiosk_delivers_nothing(end: Any) -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    with tenant(organization):
        end(actor=SYSTEM, collector=collector)
    assert deliver(collector, given()).status_code == 410
    for rest in ("", "survey.json", "plain/", "manifest.webmanifest"):
        assert Client().get(f"{home(collector)}{rest}").status_code == 410
    assert Client().post(f"{home(collector)}leave/", {"pin": "4711"}).status_code == 410
    assert stored(organization) == []


def test_a_wrong_key_is_not_there() -> None:
    organization, other = an_organization("Acme"), an_organization("Other")
    collector = a_kiosk(other)
    with tenant(organization):
        widget = collector_token(a_collector(kind="widget"))
    for key in ("x", "A" * 66, collector_token(collector)[:-2], widget):
        for rest in ("", "survey.json", "plain/", "plain/done/", "manifest.webmanifest"):
            assert Client().get(f"/k/{key}/{rest}").status_code == 404
        for rest in ("answers/", "leave/"):
            assert Client().post(f"/k/{key}/{rest}").status_code == 404


def test_a_kiosk_stores_in_its_own_organisation_only() -> None:
    organization, other = an_organization("Acme"), an_organization("Other")
    foreign, collector = a_kiosk(other), a_kiosk(organization)
    deliver(collector, given())
    assert len(stored(organization)) == 1
    assert stored(other) == []
    assert foreign.pk != collector.pk


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b'{"answers": 3}', b'{"answers": {}}', b"\xff\xfe",
        b'{"answers": "' + b"x" * 600_000 + b'"}', b'{"answers": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"now": 1' + b"0" * 400 + b"}", json.dumps({"answers": [given()] * (MOST_AT_ONCE + 1)}).encode(),
    ],
)  # fmt: skip
def test_an_unreadable_delivery_is_refused(body: bytes) -> None:
    organization = an_organization()
    collector = a_kiosk(organization)
    response = Client().post(f"{home(collector)}answers/", body, content_type="application/json")
    assert response.status_code == 400
    assert stored(organization) == []


@pytest.mark.parametrize("value", ["\x00", "\ud800", {"a": {"b": []}}, [[]], 1e308, 10**40, True, "", "x" * 100_000])
def test_odd_answers_never_break_the_kiosk(value: Any) -> None:
    organization = an_organization()
    collector = a_kiosk(organization, settings={"ask_text": True})
    for answers in ({"score": value}, {"score": 5, "reason": value}, {"score": 5, "nobody asked": value}):
        for extra in ({}, {"language": value}, {"id": value}):
            body = json.dumps({"now": ms(now()), "answers": [{**given(answers=answers), **extra}]})
            sent = Client().post(
                f"{home(collector)}answers/", body.encode("utf-8", "replace"), content_type="application/json"
            )
            assert sent.status_code in (200, 400)


def test_deliveries_are_bounded() -> None:
    collector = a_kiosk(an_organization())
    codes = [deliver(collector).status_code for _n in range(BY_KIOSK.burst + 30)]
    assert codes[0] == 200
    assert codes[-1] == 429


def test_the_pin_lets_staff_out_and_cannot_be_guessed() -> None:
    collector, other = a_kiosk(an_organization()), a_kiosk(an_organization("Other"))
    right = Client().post(f"{home(collector)}leave/", {"pin": "4711"})
    assert (right.status_code, right.json()) == (200, {"ok": True})
    codes = [Client().post(f"{home(collector)}leave/", {"pin": str(pin)}).status_code for pin in range(1000, 1006)]
    assert codes[0] == 403
    assert codes[-1] == 429
    assert Client().post(f"{home(collector)}leave/", {"pin": "4711"}).status_code == 429
    assert Client().post(f"{home(other)}leave/", {"pin": "4711"}).status_code == 200


def test_the_page_runs_by_itself_under_a_policy_of_its_own() -> None:
    organization = an_organization()
    collector = a_kiosk(organization, settings={"pin": "8842"})
    page = Client().get(home(collector))
    policy = page["Content-Security-Policy"]
    assert "trusted-types cx-kiosk" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "worker-src 'self'" in policy
    assert "fullscreen=(self)" in page["Permissions-Policy"]
    assert "camera=()" in page["Permissions-Policy"]
    assert page["X-Frame-Options"] == "DENY"
    assert not page.cookies
    assert "8842" not in page.content.decode()
    worker = Client().get("/k/sw.js")
    assert worker["Content-Type"].startswith("text/javascript")
    assert "connect-src 'self'" in worker["Content-Security-Policy"]
    manifest = Client().get(f"{home(collector)}manifest.webmanifest").json()
    assert (manifest["display"], manifest["start_url"]) == ("fullscreen", home(collector))


def test_the_programme_speaks_every_language_of_the_survey() -> None:
    organization = an_organization("Nordwind")
    collector = a_kiosk(organization, of={"kind": "nps", "languages": ["en", "ar"]}, language="ar")
    said = Client().get(f"{home(collector)}survey.json").json()
    assert said["language"] == "ar"
    assert [(one["code"], one["direction"]) for one in said["languages"]] == [("en", "ltr"), ("ar", "rtl")]
    assert said["definition"]["pages"][0]["questions"][0]["id"] == "score"
    assert all("{organization}" not in text for one in said["languages"] for text in one["texts"].values())


def test_a_survey_that_insists_on_a_file_does_not_run_at_a_kiosk() -> None:
    organization = an_organization()
    collector = a_kiosk(organization, of={"kind": "custom", "definition": FILE_NEEDED})
    assert Client().get(f"{home(collector)}survey.json").json()["open"] is False
    page = signed_in(a_member(organization)).get(
        f"/o/{organization.slug}/surveys/{collector.survey_id}/share/{collector.pk}/"
    )
    assert "insists on a file" in page.content.decode()


def test_without_scripts_the_plain_form_answers_and_starts_again() -> None:
    organization = an_organization()
    with tenant(organization):
        unit = make(Unit)
    collector = a_kiosk(organization, unit=unit)
    assert f"url={home(collector)}plain/" in Client().get(home(collector)).content.decode()
    client = Client()
    form = hidden_fields(client.get(f"{home(collector)}plain/").content.decode())
    sent = client.post(f"{home(collector)}plain/", {**form, "q-score": "2"})
    assert sent.status_code == 303
    assert client.get(sent["Location"])["Refresh"] == f"3; url={home(collector)}plain/"
    (answer,) = stored(organization)
    assert (answer.channel, answer.unit_id, answer.score) == ("kiosk", unit.pk, 2)
